"""What the catalogue holds of one published law."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ditlaw.published.forms import Form, Surface

SYMBOLS = {"params": "N*", "tokens": "D*", "loss": "L"}


@dataclass(frozen=True)
class Paper:
    """Where a law was printed, and where its numbers were read."""

    source: str
    year: int
    arxiv: str
    read: str


@dataclass(frozen=True)
class Entry:
    """One published law.

    Attributes:
        name: after ``published:``.
        paper: its source.
        range: smallest and largest FLOPs that were fitted; None where not known.
        data: what it was fitted to.
        convention: how FLOPs were counted.
        units: of N, D, L and C.
        laws: by ``params``, ``tokens``, ``loss`` or a metric; what is absent was not published, or
            not in units that are known.
        surface: what ``laws`` are read off, where it is one.
        extractors: whose features a Fréchet distance compares, by metric.
        asides: further laws, by what they are of.
        unscaled: what was printed without a coefficient or a unit, and so answers nothing.
        unknown: completes the sentence "not known: …".
        remarks: what else to beware of, by code.
        family: of ditlaw's families, the one that its models are of, where it is one.
        images: how many different ones it was fitted to, where that is known.
        trained: batch in images and learning rate of all its runs, where they had one.
    """

    name: str
    paper: Paper
    range: tuple[float, float] | None
    data: str
    convention: str
    units: str
    laws: Mapping[str, Form] = field(default_factory=dict)
    surface: Surface | None = None
    extractors: Mapping[str, str] = field(default_factory=dict)
    asides: Mapping[str, Form] = field(default_factory=dict)
    unscaled: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    remarks: Mapping[str, str] = field(default_factory=dict)
    family: str | None = None
    images: float | None = None
    trained: tuple[int, float] | None = None

    @property
    def metrics(self) -> dict[str, Form]:
        """Laws of anything but params, tokens and loss."""
        return {name: form for name, form in self.laws.items() if name not in SYMBOLS}

    @property
    def curves(self) -> dict[str, Form]:
        """What two laws can be compared in: the loss and every metric."""
        return {n: f for n, f in self.laws.items() if n not in ("params", "tokens")}

    def formulas(self) -> dict[str, str]:
        """Every law in one line, by what it is of."""
        forms = {**self.laws, **self.asides}
        return {name: form.formula(SYMBOLS.get(name, name)) for name, form in forms.items()}
