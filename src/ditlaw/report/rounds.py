"""What an adaptive study added to its grid: each round, why it was chosen, what came of it."""

from dataclasses import dataclass

from ditlaw import text
from ditlaw.report.material import Material
from ditlaw.report.tables import Cell, Table
from ditlaw.round_words import standing, trained, why
from ditlaw.study.rounds import adaptive_study


@dataclass(frozen=True)
class RoundsSection:
    """The rounds as a table, and where the study stands in sentences."""

    table: Table
    said: list[str]


def rounds_section(material: Material) -> RoundsSection | None:
    """None of a study that was never adaptive."""
    study = adaptive_study(material.folder) if material.folder else None
    if study is None:
        return None
    rows = [
        [
            Cell(str(made.number)),
            Cell(text.flops(made.flops)),
            Cell(f"±{made.interval:.1%}"),
            Cell(f"±{made.expected:.1%}"),
            Cell("–" if made.after is None else f"±{made.after:.1%}"),
            Cell(trained(made)),
            Cell(made.reason),
        ]
        for made in study.rounds
    ]
    caption = (
        "Rounds that were added to the study's own grid; intervals are relative half-widths of the "
        "loss of one run at the target"
    )
    columns = ["round", "FLOPs", "before", "expected", "after", "trained to budgets", "why"]
    table = Table(caption, columns, rows, left=frozenset({0, 5, 6}))
    return RoundsSection(table, [standing(study), why(study)])
