"""What a report shows of rows that no one law can be fitted to: what they set side by side."""

import contextlib
from dataclasses import dataclass, field

from ditlaw.aspect import shapes_of
from ditlaw.errors import DitlawError
from ditlaw.report.axes import Figure
from ditlaw.report.compared import LEVEL, Compared, compared
from ditlaw.report.rates import RatesSection, rates_sections
from ditlaw.report.shapes import ShapesSection, shapes_section


@dataclass(frozen=True)
class Lawless:
    """The sections that there are."""

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
    return Lawless(sides, shapes, rates)
