"""The checklist of docs/comparing-fairly.md, filled in for the law of a report."""

from ditlaw.fairness import of_law
from ditlaw.report.material import Material
from ditlaw.report.tables import Cell, Mood, Table
from ditlaw.results import Check, CheckState

MOODS: dict[CheckState, Mood] = {"met": "good", "not met": "bad", "unknown": ""}


def checklist_table(material: Material) -> Table:
    """Every item, whether it holds, and what is known of it."""
    caption = "What a comparison with another design, and trust in this law, would rest on"
    return checks_table(of_law(material.law, material.target), caption)


def checks_table(checks: list[Check], caption: str) -> Table:
    """A checklist as a table."""
    rows = [
        [Cell(check.item), Cell(check.state, mood=MOODS[check.state]), Cell(check.text)]
        for check in checks
    ]
    columns = ["item", "holds", "what the rows tell"]
    return Table(caption, columns, rows, left=frozenset({0, 1, 2}))
