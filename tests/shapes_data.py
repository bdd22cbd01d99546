"""Tables of runs of many depths and widths whose best ratio is known."""

import itertools

import numpy as np
import pandas as pd

from ditlaw.observations import Observations

E, A, B, ALPHA, BETA = 0.3, 25.0, 35.0, 0.35, 0.3
BUDGETS = (6e10, 1.2e11, 2.4e11, 4.8e11)
MIDDLE = float(np.exp(np.log(BUDGETS).mean()))
DEPTHS, WIDTHS = (1, 2, 4, 8), (16, 24, 32, 48, 64, 96)


def best_ratio(flops, ratio=12.0, exponent=0.0):
    return ratio * (np.asarray(flops) / MIDDLE) ** exponent


def shapes_frame(
    curvature=0.01,
    ratio=12.0,
    exponent=0.0,
    sd=0.003,
    seeds=2,
    seed=0,
    depths=DEPTHS,
    widths=WIDTHS,
    budgets=BUDGETS,
    share=0.5,
    **columns,
):
    """ln L is a surface in N and D plus curvature·(ln ratio − ln best)², and run noise."""
    rng = np.random.default_rng(seed)
    rows = []
    for depth, width, s in itertools.product(depths, widths, range(seeds)):
        params = 12 * depth * width**2 + 90 * width
        common = rng.standard_normal()
        for budget in budgets:
            tokens = budget / params / 7
            off = np.log(width / depth / best_ratio(budget, ratio, exponent))
            loss = E + A / params**ALPHA + B / tokens**BETA
            noise = np.sqrt(share) * common + np.sqrt(1 - share) * rng.standard_normal()
            trunk = f"d{depth}-w{width}-s{s}"
            rows.append(
                {
                    "run": f"{trunk}-{budget:g}",
                    "trunk": trunk,
                    "depth": depth,
                    "width": width,
                    "heads": 4,
                    "params": params,
                    "tokens": tokens,
                    "flops": budget,
                    "budget": budget,
                    "seed": s,
                    "loss": loss * np.exp(curvature * off**2 + sd * noise),
                }
            )
    frame = pd.DataFrame(rows).assign(**columns)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return frame


def observed(frame=None, **options):
    return Observations(shapes_frame(**options) if frame is None else frame, source="shapes.csv")
