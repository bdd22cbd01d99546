"""Several equations of one metric, heard in the proportion of their Akaike weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ditlaw.equations.base import Form, Sample
from ditlaw.equations.fitted import FittedForm
from ditlaw.equations.fitting import estimate, fit_sample
from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.laws.table import FloatArray
from ditlaw.results import Quantity

HEARD = 0.05  # an equation of less weight is not asked what it would have forecast
NEAR = 0.3  # model error at d e-folds beyond the data: drift · (NEAR + d), as for the loss


@dataclass(frozen=True)
class Mixture:
    """Equations of one metric with weights that sum to 1; ``run_sd`` is one run's scatter."""

    metric: str
    fits: list[FittedForm]
    weights: list[float]
    run_sd: float

    @cached_property
    def drift(self) -> float:
        """Model error per e-fold beyond the data, as the largest budgets were missed."""
        return drift(self)

    def kept(self, loss: float) -> "Mixture":
        """Without the equations that say nothing at this loss: a distance is gone at its pole.

        Raises:
            Refused: none is left.
        """
        heard = [
            (fit, weight)
            for fit, weight in zip(self.fits, self.weights, strict=True)
            if fit.form.name != "shifted" or fit.parameters["s"].value < loss
        ]
        if not heard:
            raise Refused(
                f"{self.fits[0].sample.source}: {self.metric}: by these rows it is gone before the "
                "forecast loss; no equation says what it is there"
            )
        total = sum(weight for _, weight in heard)
        fits, weights = [fit for fit, _ in heard], [weight / total for _, weight in heard]
        return Mixture(self.metric, fits, weights, self.run_sd)

    def quantity(
        self, centres: Sequence[float], drawn: Sequence[FloatArray], level: float
    ) -> Quantity:
        """The mixture of what each equation says, in ln y or log odds, and one run's error.

        Raises:
            Refused: the answer is beyond what a number can hold.
        """
        weight = np.concatenate(
            [np.full(len(d), w / len(d)) for d, w in zip(drawn, self.weights, strict=True)]
        )
        values = np.concatenate(drawn)
        ends = np.quantile(
            values, [(1 - level) / 2, (1 + level) / 2], weights=weight, method="inverted_cdf"
        )
        centre = float(np.dot(self.weights, centres))
        found = self.fits[0].form.unlink(
            np.array([centre, min(float(ends[0]), centre), max(float(ends[1]), centre)])
        )
        if not np.all(np.isfinite(found)):
            raise Refused(
                f"{self.fits[0].sample.source}: {self.metric}: the answer is too small or large to "
                "be a number"
            )
        value, low, high = (float(v) for v in found)
        return Quantity(value=value, low=low, high=high, level=level)


def mix(forms: list[Form], sample: Sample, law: Law, run_sd: float | None, draws: int) -> Mixture:
    """Fit each form that the sample allows, and weigh them; ``run_sd`` by default from the fit.

    Raises:
        Refused: none can be fitted.
    """
    fits: list[FittedForm] = []
    for form in forms:
        try:
            fits.append(
                fit_sample(form, sample, level=law.level, draws=draws, seed=law.seed + len(fits))
            )
        except Refused:
            if not fits and form is forms[-1]:
                raise
    if not fits:
        raise Refused(f"{sample.source}: {sample.target}: no equation fits these rows")
    weights = akaike_weights(fits)
    scatter = fits[int(np.argmax(weights))]
    return Mixture(
        sample.target, fits, weights, float(scatter.sd_draws.mean()) if run_sd is None else run_sd
    )


def akaike_weights(fits: Sequence[FittedForm]) -> list[float]:
    """e^(−Δ/2), normalised, of Akaike's criterion with the scatter known.

    The scatter is that of the observations, or of the equation with the most parameters where even
    that fits worse.
    """
    fullest = max(fits, key=lambda fit: fit.form.curve.parameters)
    sd = max(fullest.residual_sd, fullest.noise.sd, 1e-12)
    criterion = []
    for fit in fits:
        df = max(len(fit.sample.y) - fit.form.curve.parameters, 1)
        criterion.append(df * (fit.residual_sd / sd) ** 2 + 2 * fit.form.curve.parameters)
    weight = np.exp(-0.5 * (np.array(criterion) - min(criterion)))
    return [float(w) for w in weight / weight.sum()]


def drift(mixture: Mixture) -> float:
    """How far the equations in C miss the largest budget, from 1 and from 2 below it, per e-fold.

    What run noise explains of the misses is taken off. An equation that the budgets left are too
    few for is not asked, and the others count for it.
    """
    sample, excess = mixture.fits[0].sample, []
    for hidden in (1, 2):
        kept = len(sample.y) - hidden
        error = asked = distance = 0.0
        for fit, weight in zip(mixture.fits, mixture.weights, strict=True):
            curve, y = fit.form.curve, fit.form.link(sample.y)
            x = sample.x - sample.x[:, :kept].mean()
            if kept <= curve.parameters or weight < HEARD:
                continue
            with np.errstate(all="ignore"):
                theta = estimate(curve, x[:, :kept], y[:kept])
                if theta is None:
                    continue
                missed = curve.value(theta[None], x[:, kept:])[0] - y[kept:]
            error, asked = error + weight * float(missed[-1]), asked + weight
            distance = float(x[0, -1] - x[0, kept - 1])
        if distance > 0:
            noise = 2 * mixture.fits[0].noise.sd ** 2
            excess.append(max(0.0, (error / asked) ** 2 - noise) / (NEAR + distance) ** 2)
    return float(np.sqrt(np.mean(excess))) if excess else 0.0
