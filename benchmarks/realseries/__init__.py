"""Forecasts of real series whose largest budgets are held out; run by ``benchmarks/holdout.py``."""
