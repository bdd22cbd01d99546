"""What a study that sweeps its settings would train the next model with, by the law's own runs."""

import numpy as np

from ditlaw.observations import Observations
from ditlaw.tablefile import numbers


def rate_along(observations: Observations, params: float, tokens: float) -> float:
    """The learning rate ∝ N^a·D^b through the rates of the runs that a law is of.

    Those are the best of each size and budget (``settings.keep_best``). Where the rows do not
    determine an exponent, as of one size, it is the least that fits.
    """
    frame = observations.frame
    places = np.log(frame[["params", "tokens"]].astype(float).to_numpy())
    rates = np.log(numbers(frame["learning_rate"]).to_numpy(dtype=float))
    known = np.isfinite(rates)
    centre, level = places[known].mean(axis=0), rates[known].mean()
    slopes = np.linalg.lstsq(places[known] - centre, rates[known] - level, rcond=1e-8)[0]
    return float(np.exp(level + (np.log([params, tokens]) - centre) @ slopes))


def usual_batch(observations: Observations) -> int:
    """The batch of most of a law's runs at its largest budget."""
    frame = observations.frame
    largest = frame[frame["budget"] == frame["budget"].max()] if "budget" in frame else frame
    return int(numbers(largest["batch"]).mode().iloc[0])
