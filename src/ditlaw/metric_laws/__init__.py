"""A law for each metric of a table, and how each stands to the loss. None of this imports torch."""

from ditlaw.metric_laws.answer import MetricLaws, metric_laws, metrics_of

__all__ = ["MetricLaws", "metric_laws", "metrics_of"]
