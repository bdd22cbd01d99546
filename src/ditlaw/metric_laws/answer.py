"""Every metric of a table: its law, its offset from the loss, and whether they rank runs alike."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ditlaw.errors import BadInput
from ditlaw.forecasting import LAW_SUFFIX
from ditlaw.laws import load_law
from ditlaw.laws.settings import keep_best
from ditlaw.metric_laws.agree import disagreements, settings_verdicts
from ditlaw.metric_laws.beside import beside_loss
from ditlaw.metric_laws.columns import chosen_metrics, with_errors
from ditlaw.metric_laws.fits import FittedMetric, fit_metric
from ditlaw.observations import Observations, load_observations
from ditlaw.results import MetricsResult


@dataclass(frozen=True)
class MetricLaws:
    """What ``ditlaw metrics`` prints, and the laws behind it by column."""

    result: MetricsResult
    fitted: dict[str, FittedMetric]
    observations: Observations


def metrics_of(
    source: str,
    where: list[str] | None = None,
    *,
    metrics: Sequence[str] = (),
    level: float | None = None,
) -> MetricLaws:
    """A law for each metric of a SOURCE: a study folder, a table, or the rows of a saved law.

    Raises:
        BadInput, Refused: as reading and ``metric_laws`` do.
    """
    if not source.endswith(LAW_SUFFIX):
        level = 0.9 if level is None else level
        return metric_laws(load_observations(source, where or []), metrics, level=level)
    if where:
        raise BadInput(f"--where: {source} is a saved law; choose when fitting its table")
    law = load_law(Path(source))
    return metric_laws(law.observations, metrics, level=law.level if level is None else level)


def metric_laws(
    observations: Observations, metrics: Sequence[str] = (), *, level: float = 0.9
) -> MetricLaws:
    """A law for the loss and for each of the columns ``metrics``, by default all that are known.

    Raises:
        BadInput: no such column, or a level that makes no sense.
    """
    if not 0.0 < level < 1.0:
        raise BadInput(f"level: {level} is not between 0 and 1; use 0.9 for 90 %")
    # Ranks and offsets are of the runs that the laws are of.
    observations = with_errors(keep_best(observations))
    fitted = {
        name: fit_metric(observations, name, level, seed)
        for seed, name in enumerate(chosen_metrics(observations, metrics))
    }
    loss = fitted["loss"].law
    fitted = {
        name: replace(found, entry=beside_loss(found.entry, observations, loss, level))
        for name, found in fitted.items()
    }
    result = MetricsResult(
        source=observations.source,
        level=level,
        metrics=[found.entry for found in fitted.values()],
        settings=settings_verdicts(fitted, loss, level),
        warnings=disagreements(fitted, loss),
    )
    return MetricLaws(result, fitted, observations)
