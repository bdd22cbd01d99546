"""Mixing the forms: a weighted centre, and an interval from all their draws and what none knows."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from ditlaw.laws.candidates import Candidates
from ditlaw.laws.forms import Form, beyond
from ditlaw.laws.kappa import Kappa
from ditlaw.laws.table import FloatArray
from ditlaw.results import Quantity

EXCLUDED_BELOW = 0.05
# Model error of ln L at d e-folds beyond the data: drift · (NEAR + d).
NEAR = 0.4


@dataclass(frozen=True)
class Band:
    """Values with an interval at m points."""

    value: FloatArray
    low: FloatArray
    high: FloatArray

    def quantity(self, level: float) -> Quantity:
        """The first point as a result."""
        return Quantity(
            value=float(self.value[0]),
            low=float(self.low[0]),
            high=float(self.high[0]),
            level=level,
        )


@dataclass(frozen=True)
class Ensemble:
    """Forms with weights that sum to 1. ``drift`` is the loss's model error per e-fold beyond."""

    candidates: Candidates
    loss_weights: dict[str, float]
    size_weights: dict[str, float]
    drift: float
    fitted: tuple[float, float]  # smallest and largest ln C
    kappa: Kappa

    @property
    def forms(self) -> dict[str, Form]:
        """Every form that was fitted, the ones that are not heard too."""
        return self.candidates.forms

    def loss_model_sd(self, log_c: FloatArray) -> FloatArray:
        """Sd of ln L that no form's draws hold: (m,)."""
        return np.asarray(self.drift * (NEAR + beyond(log_c, self.fitted)))

    def best_loss(self, log_c: FloatArray, level: float, *, one_run: bool) -> Band:
        """L* at ln C (m,): the law's interval, or that of one new run at the best size."""
        parts = {name: form.best_loss(log_c) for name, form in self.forms.items()}
        return self._loss_band(parts, log_c, level, one_run)

    def loss_draws(self, log_c: FloatArray) -> FloatArray:
        """Equally likely curves of ln L* at ln C (m,), each form in proportion to its weight.

        Run noise of a new run is left out. Draws of two ensembles are independent only where
        their fits had different seeds.
        """
        return self._pooled({n: form.best_loss(log_c) for n, form in self.forms.items()}, log_c)

    def draws_at(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Equally likely ln L of models of ln N (m,) trained with ln C (m,): (draws, m).

        As ``loss_draws`` says, and row by row of the same laws.
        """
        errors = self._size_errors(log_c)
        parts = {n: form.loss(log_n - errors[n], log_c) for n, form in self.forms.items()}
        return self._pooled(parts, log_c)

    def _pooled(self, parts: dict[str, FloatArray], log_c: FloatArray) -> FloatArray:
        """Of the draws of each form (draws + 1, m) its share, with what none of them knows."""
        draws = len(self.candidates.sd_draws)
        extra = spread_normals(draws, 11)[:, None] * self.loss_model_sd(log_c)
        names = [n for n, w in self.loss_weights.items() if w >= EXCLUDED_BELOW]
        share = np.array([self.loss_weights[n] for n in names])
        ends = np.round(np.cumsum(share) / share.sum() * draws).astype(int)
        chosen, start = [], 0
        for name, end in zip(names, ends, strict=True):
            chosen.append(parts[name][1:][start:end])
            start = int(end)
        return np.vstack(chosen) + extra

    def loss(self, log_n: FloatArray, log_c: FloatArray, level: float, *, one_run: bool) -> Band:
        """L of models of ln N (m,) trained with ln C (m,).

        The model error of N* moves the valley sideways, which is a size moved the other way.
        """
        errors = self._size_errors(log_c)
        parts = {n: form.loss(log_n - errors[n], log_c) for n, form in self.forms.items()}
        return self._loss_band(parts, log_c, level, one_run)

    def central_loss(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln L of the estimate alone, at ln N and ln C (m,): (m,)."""
        heard = {n: w for n, w in self.loss_weights.items() if w >= EXCLUDED_BELOW}
        parts = [w * self.forms[n].loss(log_n, log_c)[0] for n, w in heard.items()]
        return np.asarray(sum(parts) / sum(heard.values()))

    def best_size(self, log_c: FloatArray, level: float) -> Band:
        """N* at ln C (m,)."""
        return band(self.size_draws(log_c), self.size_weights, level)

    def size_draws(self, log_c: FloatArray) -> dict[str, FloatArray]:
        """Ln N* of each form with its own model error in the draws: (draws + 1, m) each."""
        errors = self._size_errors(log_c)
        return {name: form.best_size(log_c) + errors[name] for name, form in self.forms.items()}

    def _size_errors(self, log_c: FloatArray) -> dict[str, FloatArray]:
        """Model errors of ln N*, 0 for the estimate: (draws + 1, m) for each form."""
        found, draws = {}, len(self.candidates.sd_draws)
        for seed, (name, form) in enumerate(self.forms.items()):
            drawn = spread_normals(draws, seed)[:, None] * form.size_model_sd(log_c)
            found[name] = np.vstack([np.zeros_like(log_c)[None], drawn])
        return found

    def tokens(self, size: Band, log_c: FloatArray) -> Band:
        """D = C/(κ(N)·N) for sizes and their interval; more params mean fewer tokens."""
        value, low, high = (
            np.exp(self.kappa.log_tokens(np.log(n), log_c))
            for n in (size.value, size.high, size.low)
        )
        return Band(value, low, high)

    def _loss_band(
        self, parts: dict[str, FloatArray], log_c: FloatArray, level: float, one_run: bool
    ) -> Band:
        sds = self.candidates.sd_draws
        normal = spread_normals(len(sds), 11)[:, None]
        model = self.loss_model_sd(log_c)
        law = _spread(parts, normal * model, self.loss_weights, level)
        if not one_run:
            return law
        run = _spread(parts, normal * np.hypot(model, sds[:, None]), self.loss_weights, level)
        # Quantiles of few draws are rough: the interval of a run is never inside the law's.
        return Band(run.value, np.minimum(run.low, law.low), np.maximum(run.high, law.high))


def _spread(
    parts: dict[str, FloatArray], extra: FloatArray, weights: dict[str, float], level: float
) -> Band:
    """The band of forms whose draws (not the estimate) are moved by ``extra`` (draws, m)."""
    moved = {name: np.vstack([part[:1], part[1:] + extra]) for name, part in parts.items()}
    return band(moved, weights, level)


def band(draws: dict[str, FloatArray], weights: dict[str, float], level: float) -> Band:
    """Weighted geometric mean of the estimates; quantiles of the weighted mixture of all draws.

    ``draws`` holds logs (draws + 1, m). Forms under 5 % are left out. The mixture holds both each
    form's own uncertainty and the forms' disagreement.
    """
    names = [name for name, weight in weights.items() if weight >= EXCLUDED_BELOW]
    share = np.array([weights[name] for name in names])
    share = share / share.sum()
    centre = share @ np.stack([draws[name][0] for name in names])
    pooled = np.concatenate([draws[name][1:] for name in names])
    weight = np.repeat(share, [len(draws[name]) - 1 for name in names])
    low, high = weighted_quantiles(pooled, weight, [(1 - level) / 2, (1 + level) / 2])
    low, high = np.minimum(low, centre), np.maximum(high, centre)
    return Band(np.exp(centre), np.exp(low), np.exp(high))


def weighted_quantiles(values: FloatArray, weight: FloatArray, at: list[float]) -> FloatArray:
    """Quantiles of each column of ``values`` (k, m) with row weights (k,): (len(at), m)."""
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    cumulative = np.cumsum(weight[order], axis=0)
    middle = (cumulative - 0.5 * weight[order]) / cumulative[-1]
    columns = range(values.shape[1])
    return np.stack([np.interp(at, middle[:, j], ordered[:, j]) for j in columns], axis=1)


def of_draws(values: FloatArray, level: float) -> Quantity:
    """Entry 0 of (draws + 1,) with the quantiles of the rest; the interval holds the estimate."""
    low, high = np.quantile(values[1:], [(1 - level) / 2, (1 + level) / 2])
    value = float(values[0])
    return Quantity(
        value=value, low=min(float(low), value), high=max(float(high), value), level=level
    )


def spread_normals(count: int, seed: int) -> FloatArray:
    """Evenly spread standard normal quantiles in a fixed random order: less noise than sampling."""
    even = ndtri((np.arange(count) + 0.5) / count)
    return np.asarray(np.random.default_rng(seed).permutation(even))
