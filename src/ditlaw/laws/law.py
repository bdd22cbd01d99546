"""The law of one table: ask it for the best size and loss of a budget, or print it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ditlaw.errors import BadInput, Refused
from ditlaw.laws import notes, summary
from ditlaw.laws.answers import Curve, IsoflopCurve, Optimum
from ditlaw.laws.backtest import Fitted
from ditlaw.laws.bends import Bend, find_bend
from ditlaw.laws.candidates import Method
from ditlaw.laws.ensemble import Band
from ditlaw.laws.isoflop import FEW, OK, Parabola, stated_budget
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.regret import near_optimal, regret
from ditlaw.laws.table import FloatArray, Table
from ditlaw.observations import Observations
from ditlaw.results import Choice, FitResult, Note, Quantity

if TYPE_CHECKING:
    import pandas as pd

NEAR_OPTIMAL = 0.0025
REACH = 1e12  # a forecast this many times beyond what was fitted is refused
NO_NUMBER = "the answer is too small or large to be a number; ask nearer to what was fitted"
FloatLike = float | Sequence[float] | FloatArray


@dataclass(frozen=True, repr=False)
class Law:
    """What ``fit`` returns; see ``optimum``, ``loss_at``, ``curve`` and ``result``."""

    observations: Observations
    metric: str
    method: Method
    level: float
    draws: int
    seed: int
    table: Table
    kappa: Kappa
    fitted: Fitted
    remarks: tuple[Note, ...] = ()  # what every answer is to say, as that an older law was loaded

    @property
    def tested_beyond(self) -> float | None:
        """How far beyond its data a backtest went at most: FLOPs ÷ fitted FLOPs; None without."""
        return max((test.beyond for test in self.fitted.backtest), default=None)

    @cached_property
    def bend(self) -> Bend | None:
        """Where the best loss bends inside the data; None where six or more budgets show none.

        Fewer usable budgets than that cannot show one.
        """
        minima = self.fitted.ensemble.candidates.minima
        return None if minima is None else find_bend(minima, self.level)

    @property
    def largest_flops(self) -> float:
        """The most FLOPs of a row, where ``beyond`` counts from; its budget if that is as much."""
        exact = float(np.exp(self.table.log_c.max()))
        return stated_budget(float(self.table.budgets.max(initial=0.0)), exact)

    def optimum(self, flops: float, tolerance: float = NEAR_OPTIMAL) -> Optimum:
        """The best size, its tokens and its loss for a budget.

        ``tolerance`` is the fraction of loss that the range of near-optimal sizes may give away.

        Raises:
            BadInput: the budget is not a positive number, or the tolerance not between 0 and 1.
            Refused: it is more than 1e12 times outside what was fitted, or has no finite answer.
        """
        log_c = self._log_flops(flops)
        ensemble = self.fitted.ensemble
        with np.errstate(over="ignore"):
            params = ensemble.best_size(log_c, self.level)
            tokens = ensemble.tokens(params, log_c)
            run = ensemble.best_loss(log_c, self.level, one_run=True)
            law = ensemble.best_loss(log_c, self.level, one_run=False)
        self._check(params, tokens, run, law)
        best = float(np.log(params.value[0]))
        near = near_optimal(ensemble, best, float(log_c[0]), tolerance)
        return Optimum(
            flops=float(flops),
            beyond=float(flops) / self.largest_flops,
            params=params.quantity(self.level),
            tokens=tokens.quantity(self.level),
            loss=run.quantity(self.level),
            law_low=float(law.low[0]),
            law_high=float(law.high[0]),
            near_optimal_params=near,
            warnings=[
                *self.remarks,
                *notes.of_forecast(
                    float(flops), self.largest_flops, params, near, ensemble, self.bend
                ),
            ],
        )

    def loss_at(self, params: float, flops: float) -> tuple[Quantity, float, float]:
        """Loss of one run of that size with those FLOPs, and the law's own bounds.

        Raises:
            BadInput: params or flops is not a positive number.
            Refused: one is more than 1e12 times outside what was fitted, or has no finite answer.
        """
        log_n, log_c = self._off_best(params, flops)
        with np.errstate(over="ignore"):
            run = self.fitted.ensemble.loss(log_n, log_c, self.level, one_run=True)
            law = self.fitted.ensemble.loss(log_n, log_c, self.level, one_run=False)
        self._check(run, law)
        return run.quantity(self.level), float(law.low[0]), float(law.high[0])

    def losses_at(self, params: FloatLike, flops: FloatLike) -> FloatArray:
        """The estimate alone, of models of those params with those FLOPs: ln L (m,).

        Raises:
            BadInput, Refused: as ``loss_at``.
        """
        return self.fitted.ensemble.central_loss(*self._off_best(params, flops))

    def draws_at(self, params: FloatLike, flops: FloatLike) -> FloatArray:
        """Equally likely ln L of the law itself, as ``loss_draws``, off the best size: (draws, m).

        Raises:
            BadInput, Refused: as ``loss_at``.
        """
        return self.fitted.ensemble.draws_at(*self._off_best(params, flops))

    def regret(self, params: float, flops: float) -> Quantity:
        """Loss of that size above the best at that budget, as a fraction (0.01: 1 % worse).

        Raises:
            BadInput: params or flops is not a positive number.
            Refused: one is more than 1e12 times outside what was fitted, or has no finite answer.
        """
        log_n, log_c = _logs(params, "params", self.table.log_n), self._log_flops(flops)
        ensemble = self.fitted.ensemble
        with np.errstate(over="ignore", invalid="ignore"):
            best = float(np.log(ensemble.best_size(log_c, self.level).value[0]))
            found = regret(ensemble, best, float(log_n[0]), float(log_c[0]), self.level)
        ends = (found.low, found.value, found.high)
        if not all(end is not None and np.isfinite(end) for end in ends):
            raise Refused(f"{self.observations.source}: {NO_NUMBER}")
        return found

    def tokens_of(self, params: float, flops: float) -> float:
        """Tokens that those FLOPs train a model of that size on.

        Raises:
            BadInput, Refused: as ``regret``.
        """
        log_n, log_c = _logs(params, "params", self.table.log_n), self._log_flops(flops)
        return float(np.exp(self.kappa.log_tokens(log_n, log_c))[0])

    def choice(self, params: float, flops: float) -> Choice:
        """Tokens, loss and regret of a model of that size with those FLOPs.

        Raises:
            BadInput, Refused: as ``regret``.
        """
        tokens, each = self.tokens_of(params, flops), self.observations.tokens_per_image()
        return Choice(
            params=params,
            tokens=tokens,
            images=tokens / each if each else None,
            loss=self.loss_at(params, flops)[0],
            regret=self.regret(params, flops),
        )

    def curve(self, flops: FloatLike) -> Curve:
        """N*, D* and loss with bands at FLOPs (m,), and each form alone.

        Raises:
            BadInput, Refused: as ``optimum``.
        """
        log_c = self._log_flops(flops)
        ensemble = self.fitted.ensemble
        forms = ensemble.forms
        with np.errstate(over="ignore"):
            params = ensemble.best_size(log_c, self.level)
            curve = Curve(
                flops=np.exp(log_c),
                params=params,
                tokens=ensemble.tokens(params, log_c),
                loss=ensemble.best_loss(log_c, self.level, one_run=False),
                run=ensemble.best_loss(log_c, self.level, one_run=True),
                loss_forms={n: np.exp(f.best_loss(log_c)[0]) for n, f in forms.items()},
                params_forms={n: np.exp(f.best_size(log_c)[0]) for n, f in forms.items()},
            )
        self._check(curve.params, curve.tokens, curve.loss, curve.run)
        return curve

    def loss_draws(self, flops: FloatLike) -> FloatArray:
        """Equally likely curves of the law's own ln L* at FLOPs (m,): (draws, m).

        What intervals of differences, ratios and crossings are made from.

        Raises:
            BadInput, Refused: as ``optimum``.
        """
        return self.fitted.ensemble.loss_draws(self._log_flops(flops))

    def isoflops(self) -> list[IsoflopCurve]:
        """Every budget's runs, parabola and minimum, smallest budget first."""
        return [self._isoflop(curve) for curve in self.fitted.ensemble.candidates.curves]

    def result(self) -> FitResult:
        """Everything that ``ditlaw fit`` prints.

        Raises:
            Refused: some coefficient is too small or large to be a number.
        """
        return summary.fit_result(self)

    def to_frame(self) -> "pd.DataFrame":
        """The best size of each budget, a row a budget; as ``FitResult.to_frame``.

        Raises:
            Refused: as ``result``.
        """
        return self.result().to_frame()

    def __str__(self) -> str:
        return summary.describe(self.result())

    __repr__ = __str__

    def _repr_html_(self) -> str | None:
        """What a notebook shows."""
        return self.result()._repr_html_()

    def _off_best(self, params: FloatLike, flops: FloatLike) -> tuple[FloatArray, FloatArray]:
        """Ln N and ln C, where the law says something of such sizes."""
        log_n, log_c = _logs(params, "params", self.table.log_n), self._log_flops(flops)
        log_n, log_c = np.broadcast_arrays(log_n, log_c)
        if np.isnan(self.fitted.ensemble.central_loss(log_n, log_c)).any():
            raise Refused(
                f"{self.observations.source}: the {self.method} says nothing off the best size "
                "here; use --method isoflop"
            )
        return log_n, log_c

    def _log_flops(self, flops: FloatLike) -> FloatArray:
        return _logs(flops, "flops", self.table.log_c)

    def _check(self, *bands: Band) -> None:
        ends = np.concatenate([x for b in bands for x in (b.low, b.value, b.high)])
        if not np.all(np.isfinite(ends) & (ends > 0)):
            raise Refused(f"{self.observations.source}: {NO_NUMBER}")

    def _isoflop(self, curve: Parabola) -> IsoflopCurve:
        inside = self.table.group == np.searchsorted(self.table.budgets, curve.budget)
        rows = np.flatnonzero(inside)
        usable = curve.status == OK
        window = np.exp(self.table.log_n[curve.rows])
        return IsoflopCurve(
            budget=curve.budget,
            flops=float(np.exp(curve.log_c)),
            status=curve.status,
            params=np.exp(self.table.log_n[rows]),
            losses=np.exp(self.table.log_loss[rows]),
            used=np.isin(rows, curve.rows),
            centre=curve.centre,
            coefficients=None if curve.status == FEW else curve.coefficients,
            window=(float(window.min()), float(window.max())),
            params_opt=float(np.exp(curve.log_n)) if usable else None,
            loss_opt=float(np.exp(curve.log_loss)) if usable else None,
        )


def _logs(values: FloatLike, name: str, fitted: FloatArray) -> FloatArray:
    """Logarithms of what is asked for, which is within ``REACH`` of the logs that were fitted."""
    try:
        numbers = np.atleast_1d(np.asarray(values, dtype=float))
    except (TypeError, ValueError, OverflowError):
        numbers = np.array([np.nan])
    if not numbers.size or not np.all(np.isfinite(numbers) & (numbers > 0)):
        raise BadInput(f"{name}: {values} is not a positive number")
    logs = np.asarray(np.log(numbers))
    low, high = float(fitted.min()), float(fitted.max())
    for extreme, beyond in ((logs.max(), logs.max() - high), (logs.min(), low - logs.min())):
        if beyond > np.log(REACH):
            side = "largest" if extreme > high else "smallest"
            raise Refused(
                f"{name}: {np.exp(extreme):.3g} is more than {REACH:g} times beyond the {side} "
                f"that was fitted ({np.exp(high if side == 'largest' else low):.3g})"
            )
    return logs
