"""DeepSeek's way of counting: C = M·D, with M the FLOPs that one token costs.

Source: DeepSeek-AI 2024 (arXiv 2401.02954), which leaves the embedding out of M. Here M is
flops/tokens of a row, so it is what the table's FLOPs count; ``params`` takes its value and every
law of the package then speaks of M instead of N.
"""

from dataclasses import replace

import numpy as np

from ditlaw.equations.base import Form, Sample
from ditlaw.errors import Refused
from ditlaw.laws.isoflop import OK, parabolas
from ditlaw.laws.table import prepare
from ditlaw.observations import Observations


def in_flops_per_token(observations: Observations) -> Observations:
    """The same rows with M = flops/tokens in the place of params."""
    frame = observations.frame
    frame = frame.assign(params=frame["flops"].astype(float) / frame["tokens"].astype(float))
    return replace(observations, frame=frame, study=None)


def of_optima(form: Form, observations: Observations, target: str) -> Sample:
    """The budgets' best M, or the tokens C/M that go with it, by parabolas in ln M.

    Raises:
        Refused: no budget has a minimum.
    """
    observations, table = prepare(in_flops_per_token(observations), "loss")
    usable = [curve for curve in parabolas(table) if curve.status == OK]
    if not usable:
        raise Refused(
            f"{observations.source}: {form.name}: no budget has a minimum inside its sizes; each "
            "needs 4 or more around one"
        )
    log_c = np.array([curve.log_c for curve in usable])
    log_m = np.array([curve.log_n for curve in usable])
    return Sample(
        source=observations.source,
        target=target,
        x=log_c[None],
        y=np.exp(log_m if target == "flops_per_token" else log_c - log_m),
        trunk=np.arange(len(usable)),
        dropped=observations.dropped,
    )
