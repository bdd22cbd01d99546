"""What a report shows of rows that no one law can be fitted to: what they set side by side."""

import contextlib
import shlex
from dataclasses import dataclass, field

from ditlaw import __version__
from ditlaw.aspect import shapes_of
from ditlaw.errors import DitlawError
from ditlaw.observations import SINGLE, load_observations
from ditlaw.report.axes import Figure
from ditlaw.report.compared import LEVEL, Compared, compared
from ditlaw.report.material import named_drops, written_rows
from ditlaw.report.rates import RatesSection, rates_sections
from ditlaw.report.runtable import row_table
from ditlaw.report.shapes import ShapesSection, shapes_section
from ditlaw.report.tables import Table
from ditlaw.report.words import counts


@dataclass(frozen=True)
class Lawless:
    """The sections that there are, all rows, how it was made, and what makes it again."""

    runs: Table
    facts: list[tuple[str, str]]
    commands: list[str]
    compared: list[Compared] = field(default_factory=list)
    shapes: ShapesSection | None = None
    rates: list[RatesSection] = field(default_factory=list)

    @property
    def figures(self) -> list[Figure]:
        """Of all sections."""
        return [
            *(one.figure for one in self.compared),
            *(self.shapes.figures if self.shapes else []),
            *(section.figure for section in self.rates),
        ]


def lawless(source: str, where: list[str]) -> Lawless | None:
    """What the rows of a source compare; None where they compare nothing."""
    sides = compared(source, where)
    shapes = None
    with contextlib.suppress(DitlawError):  # no shape study
        shapes = shapes_section(shapes_of(source, where, level=LEVEL))
    rates = rates_sections(source, where, LEVEL)
    if not sides and shapes is None and not rates:
        return None
    rows = load_observations(source, where, several=SINGLE)
    written = written_rows(source, where)
    dropped = named_drops(rows.dropped, written)
    facts = [
        ("source", "@".join([source, *where])),
        ("rows", f"{len(rows)} can be used, {len(dropped)} left out"),
        ("digest of the rows", rows.digest()),
        ("FLOPs", counts(rows.study is not None, rows.flops_as)),
        ("report written by", f"ditlaw {__version__}"),
    ]
    asked = shlex.join([source, *(part for one in where for part in ("--where", one))])
    commands = [f"ditlaw compare {asked} --by {one.by}" for one in sides]
    commands += [f"ditlaw shapes {asked}"] if shapes else []
    commands += [f"ditlaw rates {asked} --setting {name}" for name in _swept(rates)]
    runs = row_table(rows.frame, dropped, written, "loss", used_as="usable")
    return Lawless(runs, facts, commands, sides, shapes, rates)


def _swept(rates: list[RatesSection]) -> list[str]:
    return list(dict.fromkeys(section.setting for section in rates))
