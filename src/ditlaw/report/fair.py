"""The audit of a report's law (docs/auditing.md), and the checklist of a comparison, as tables."""

from ditlaw.audit import audit_law
from ditlaw.report.material import Material
from ditlaw.report.tables import Cell, Mood, Table
from ditlaw.results import AuditResult, Check, CheckState

MOODS: dict[CheckState, Mood] = {"met": "good", "not met": "bad", "unknown": ""}


def audit_of(material: Material) -> AuditResult:
    """The audit of the law without its refits: a page is to be written in seconds."""
    return audit_law(material.law, refits=False)


def audit_table(audit: AuditResult) -> Table:
    """Every item, whether it holds, what was seen and what would mend it."""
    rows = [
        [
            Cell(check.item),
            Cell(check.state, mood=MOODS[check.state]),
            Cell(check.text, small=check.mend or ""),
        ]
        for check in audit.checks
    ]
    columns = ["item", "holds", "what was seen; what would mend it"]
    return Table("What trust in this law rests on", columns, rows, left=frozenset({0, 1, 2}))


def checks_table(checks: list[Check], caption: str) -> Table:
    """A checklist as a table."""
    rows = [
        [Cell(check.item), Cell(check.state, mood=MOODS[check.state]), Cell(check.text)]
        for check in checks
    ]
    columns = ["item", "holds", "what the rows tell"]
    return Table(caption, columns, rows, left=frozenset({0, 1, 2}))
