"""A published law as something to ask: optimum, curve, draws. Its intervals are rounding alone."""

import zlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ditlaw import text
from ditlaw.errors import BadInput, Refused
from ditlaw.laws.ensemble import Band
from ditlaw.laws.law import NEAR_OPTIMAL, REACH
from ditlaw.laws.notes.distance import below_notes, beyond_notes
from ditlaw.published.catalogue import ENTRIES
from ditlaw.published.entry import Entry
from ditlaw.published.forms import Form
from ditlaw.published.printed import FloatArray
from ditlaw.results import Choice, Note, Quantity, SizeRange
from ditlaw.study import Study
from ditlaw.text import unknown

PREFIX = "published:"
LEVEL = 1.0  # an interval holds everything that the printed digits allow
DRAWS = 1200  # enough for every pair of the 2^5 corners of two surfaces to be likely


@dataclass(frozen=True)
class PaperRows:
    """What a paper says of the runs behind its law."""

    entry: Entry
    metric: str = "loss"
    study: Study | None = None

    @property
    def source(self) -> str:
        """The name that the command line takes."""
        return PREFIX + self.entry.name

    def tokens_per_image(self) -> float | None:
        """No paper here says it."""
        return None

    def distinct_images(self) -> float | None:
        """How many images there are before they repeat, where the paper says it."""
        return self.entry.images

    def flops_range(self) -> tuple[float, float] | None:
        """Smallest and largest FLOPs that were fitted, where that is known."""
        return self.entry.range

    @property
    def speed(self) -> None:
        """No paper here says how fast its models trained."""

    def kinds(self) -> dict[str, str]:
        """The data, and whose features a Fréchet distance compares."""
        features = self.entry.extractors.get(self.metric)
        return {"dataset": self.entry.data} | ({"extractor": features} if features else {})


@dataclass(frozen=True)
class PublishedOptimum:
    """The best use of a budget by a published law; None where the paper does not tell."""

    flops: float
    beyond: float | None
    params: Quantity | None
    tokens: Quantity | None
    loss: Quantity | None
    metrics: dict[str, Quantity]
    formulas: dict[str, str]
    near_optimal_params: SizeRange | None
    warnings: list[Note]
    basis: Literal["published"] = "published"

    @property
    def law_low(self) -> float | None:
        """What rounding allows for the law's loss."""
        return self.loss.low if self.loss else None

    @property
    def law_high(self) -> float | None:
        """What rounding allows for the law's loss."""
        return self.loss.high if self.loss else None


@dataclass(frozen=True)
class PublishedCurve:
    """The laws over FLOPs, with what rounding allows; ``loss`` is the metric in its place."""

    params: Band | None
    tokens: Band | None
    loss: Band | None


@dataclass(frozen=True)
class PublishedLaw:
    """One entry of the catalogue. ``metric`` is what ``curve`` and ``loss_draws`` are of."""

    entry: Entry
    metric: str = "loss"
    level: float = field(default=LEVEL, init=False)

    @property
    def observations(self) -> PaperRows:
        """What is known of the runs behind it."""
        return PaperRows(self.entry, self.metric)

    @property
    def tested_beyond(self) -> None:
        """No backtest is known."""
        return None

    def tokens_of(self, params: float, flops: float) -> float | None:
        """Tokens that go with a size, params·tokens being as at the best one; None if not known.

        Raises:
            BadInput: flops is not a positive number.
            Refused: as ``optimum``.
        """
        best = self.optimum(flops)
        if best.params is None or best.tokens is None:
            return None
        return best.params.value * best.tokens.value / params

    def choice(self, params: float, flops: float) -> Choice:
        """Tokens (6·params·tokens = FLOPs), loss and regret of a size, with what rounding allows.

        Raises:
            BadInput: params or flops is not a positive number.
            Refused: as ``optimum``, or the paper has no surface.
        """
        log_c = float(self._log_flops(np.array([flops]))[0])
        surface, best = self.entry.surface, self.optimum(flops).params
        if surface is None or best is None:
            raise Refused(
                f"{self.observations.source}: it says nothing of any size but the best; "
                "leave --size out"
            )
        if not 0 < params < float("inf"):
            raise BadInput(f"params: {params} is not a positive number")
        here = surface.losses(float(np.log(params)), log_c)
        least = np.exp(surface.best(np.array([log_c]))[2][:, 0])
        return Choice(
            params=params,
            tokens=flops / 6 / params,
            images=None,
            loss=_span(here),
            regret=_span(np.maximum(0.0, here / least - 1)),
        )

    def optimum(self, flops: float, tolerance: float = NEAR_OPTIMAL) -> PublishedOptimum:
        """Everything that the paper lets one say of a budget.

        Raises:
            BadInput: the budget is not a positive number.
            Refused: no coefficient is known, or it is more than 1e12 times outside what was fitted.
        """
        log_c = self._log_flops(np.array([flops]))
        entry, laws = self.entry, self.entry.laws
        if not laws:
            raise Refused(f"{self.observations.source}: not known: {'; '.join(entry.unknown)}")
        known = {name: _quantity(form, log_c) for name, form in laws.items()}
        return PublishedOptimum(
            flops=flops,
            beyond=flops / entry.range[1] if entry.range else None,
            params=known.get("params"),
            tokens=known.get("tokens"),
            loss=known.get("loss"),
            metrics={name: known[name] for name in entry.metrics},
            formulas=entry.formulas(),
            near_optimal_params=self._near_optimal(known.get("params"), float(log_c[0]), tolerance),
            warnings=[*self._of_source(log_c), *self._of_distance(flops)],
        )

    def curve(self, flops: FloatArray) -> PublishedCurve:
        """N*, D* and the metric at FLOPs (m,), each where it was published.

        Raises:
            BadInput, Refused: as ``optimum``.
        """
        log_c = self._log_flops(flops)
        laws = self.entry.laws
        return PublishedCurve(
            params=_band(laws.get("params"), log_c),
            tokens=_band(laws.get("tokens"), log_c),
            loss=_band(self.entry.curves.get(self.metric), log_c),
        )

    def loss_draws(self, flops: FloatArray) -> FloatArray:
        """Ln of the metric at FLOPs (m,) at random corners of what prints alike: (draws, m).

        Raises:
            BadInput: as ``optimum``.
            Refused: as ``optimum``, or no law of this metric was published.
        """
        logs = self._form().logs(self._log_flops(flops))
        random = np.random.default_rng(zlib.crc32(self.entry.name.encode()))
        return logs[random.integers(len(logs), size=DRAWS)]

    def _form(self) -> Form:
        form = self.entry.curves.get(self.metric)
        if form is None:
            there = ", ".join(self.entry.curves) or "neither loss nor metrics"
            raise Refused(
                f"{self.observations.source}: no law of {self.metric} is known; it has {there}"
            )
        return form

    def _log_flops(self, flops: FloatArray) -> FloatArray:
        if not np.all(np.isfinite(flops) & (flops > 0)):
            raise BadInput(f"flops: {flops} is not a positive number")
        low, high = self.entry.range or (1e6, 1e30)
        if np.max(flops) > high * REACH or np.min(flops) < low / REACH:
            raise Refused(
                f"flops: more than {REACH:g} times outside what {self.observations.source} "
                f"was fitted on ({low:.3g} to {high:.3g})"
            )
        return np.asarray(np.log(flops))

    def _near_optimal(
        self, params: Quantity | None, log_c: float, tolerance: float
    ) -> SizeRange | None:
        if self.entry.surface is None or params is None:
            return None
        log_n = np.log(params.value) + np.linspace(-5, 5, 1001)
        loss = self.entry.surface.loss(log_n, log_c)
        near = np.exp(log_n[loss <= loss.min() * (1 + tolerance)])
        if len(near) == len(log_n):
            return None
        return SizeRange(low=float(near[0]), high=float(near[-1]), tolerance=tolerance)

    def _of_source(self, log_c: FloatArray) -> list[Note]:
        entry = self.entry
        notes = [
            Note(
                code="published-coefficients",
                text=f"these coefficients are of {entry.data}; they do not transfer to other "
                "data, models or losses. Fit your own runs.",
            ),
            Note(
                code="rounding-only",
                text="intervals are what the printed digits allow, nothing else: the scatter of "
                "runs and the error of the fit are not in them.",
            ),
        ]
        for metric, features in entry.extractors.items():
            notes.append(
                Note(
                    code=f"{metric}-features",
                    text=f"{metric} compares {features} features, so it is not an FID.",
                )
            )
        for name, form in entry.asides.items():
            value = text.with_interval(_quantity(form, log_c))
            notes.append(Note(code="aside", text=f"{form.formula(name)} is {value} here."))
        if entry.unknown:
            notes.append(Note(code="not-known", text=f"not known: {'; '.join(entry.unknown)}."))
        return notes + [Note(code=code, text=said) for code, said in entry.remarks.items()]

    def _of_distance(self, flops: float) -> list[Note]:
        fitted = self.entry.range
        if fitted is None:
            return [
                Note(
                    code="unknown-range",
                    text="which FLOPs were fitted is not known, so neither is how far beyond "
                    "them this is.",
                )
            ]
        return beyond_notes(flops / fitted[1]) + below_notes(flops, fitted[0])


def published_law(source: str, metric: str = "loss") -> PublishedLaw:
    """The law of ``published:NAME``.

    Raises:
        BadInput: no such law; the nearest name is given.
    """
    name = source.removeprefix(PREFIX)
    found = {entry.name: entry for entry in ENTRIES}
    if name not in found:
        raise unknown("published law", name, found)
    return PublishedLaw(found[name], metric)


def _band(form: Form | None, log_c: FloatArray) -> Band | None:
    if form is None:
        return None
    logs = form.logs(log_c)
    return Band(np.exp(logs[0]), np.exp(logs.min(axis=0)), np.exp(logs.max(axis=0)))


def _span(values: FloatArray) -> Quantity:
    """Entry 0 and the range of all."""
    return Quantity(
        value=float(values[0]), low=float(values.min()), high=float(values.max()), level=LEVEL
    )


def _quantity(form: Form, log_c: FloatArray) -> Quantity:
    found = _band(form, log_c)
    assert found is not None
    return found.quantity(LEVEL)
