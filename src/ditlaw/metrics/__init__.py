"""Metrics of finished runs beside the loss: what ``ditlaw evaluate`` computes."""
