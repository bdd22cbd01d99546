"""A law for each metric of a table, and how each stands to the loss. None of this imports torch."""

from ditlaw.metric_laws.answer import MetricLaws, metric_laws, metrics_of
from ditlaw.metric_laws.fits import FittedMetric

__all__ = ["FittedMetric", "MetricLaws", "metric_laws", "metrics_of"]
