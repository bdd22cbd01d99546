"""The checklist of docs/comparing-fairly.md, filled in for the law of a report."""

from ditlaw.fairness import of_law
from ditlaw.report.material import Material
from ditlaw.report.tables import Cell, Table

MOODS = {"met": "good", "not met": "bad", "unknown": ""}


def checklist_table(material: Material) -> Table:
    """Every item, whether it holds, and what is known of it."""
    rows = [
        [Cell(check.item), Cell(check.state, mood=MOODS[check.state]), Cell(check.text)]
        for check in of_law(material.law, material.target)
    ]
    return Table(
        "What a comparison with another design, and trust in this law, would rest on",
        ["item", "holds", "what the rows tell"],
        rows,
        left=frozenset({0, 1, 2}),
    )
