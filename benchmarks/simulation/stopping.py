"""From the paths of ``simulation.adaptive`` to what stopping by the interval does to coverage.

A rule stops a path at the first round at which what it makes of the widths is within a bound.
Beside it: the same studies at the same spend, none stopped by its width. Each round's cover over
all studies of a truth, weighed by how often the rule stopped there.
"""

import numpy as np
import pandas as pd

from simulation.score import rate

# Each truth has its own bounds: what that share of its paths ever comes within.
BOUNDS = (0.9, 0.75, 0.5, 0.25, 0.1)
MIDDLE = 0.5
# From a path's widths to what a rule holds against the bound. "round" leaves the pilot's out.
RULES = {
    "first": lambda width: width,
    "round": lambda width: width.where(np.arange(len(width)) > 0, np.inf),
    "twice": lambda width: width.rolling(2).max().fillna(np.inf),
}
CHOSEN = "first"  # as ``ditlaw.planner.stopping.is_reached``
KINDS = ("n_in", "law_in", "run_in")
HEADER = (
    f"{'reached':>7} {'rule':>8} {'stopped':>8} {'spent':>6}  {'N* cover':16}  "
    f"{'law cover':16}  {'one run':16}  {'unstopped':14}  error %, unstopped"
)


def report(rows: pd.DataFrame) -> str:
    """A line a rule, then the chosen rule by truth."""
    lines = [HEADER]
    for bound in BOUNDS:
        for rule in RULES:
            stopped = stops(rows, bound, rule)
            lines.append(_line(f"{bound:>7.0%} {rule:>8}", rows, stopped))
    lines.append(f"by truth: rule '{CHOSEN}', a bound that {MIDDLE:.0%} reach")
    stopped = stops(rows, MIDDLE, CHOSEN)
    for truth, part in rows.groupby("truth", sort=False):
        own = stopped[stopped["truth"] == truth] if len(stopped) else stopped
        lines.append(_line(f"{truth:16.16}", part, own))
    lines.append("carried on to the whole spend")
    last = rows.groupby(["truth", "study"], sort=False).tail(1)
    lines.append(_line(f"{'':16}", rows, last))
    return "\n".join(lines)


def stops(rows: pd.DataFrame, bound: float, rule: str) -> pd.DataFrame:
    """The row at which each study stops, of those that do; the bound is the truth's own."""
    found = []
    for _, part in rows.groupby("truth", sort=False):
        least = part.groupby("study")["width"].min()
        until = float(least.quantile(bound))
        for _, path in part.groupby("study", sort=False):
            narrow = (RULES[rule](path["width"]) <= until).to_numpy()
            if narrow.any():
                found.append(path.iloc[int(np.argmax(narrow))])
    return pd.DataFrame(found)


def _line(name: str, rows: pd.DataFrame, stopped: pd.DataFrame) -> str:
    studies = len(rows.groupby(["truth", "study"]))
    if stopped.empty:
        return f"{name}     none of {studies}"
    covers = "  ".join(rate(stopped[kind].astype(bool)) for kind in KINDS)
    each = rows.assign(size=rows["error"].abs()).groupby(["truth", "round"])
    columns = [*KINDS, "size"]
    means = each[[*KINDS]].mean().assign(size=each["size"].median())
    at = list(zip(stopped["truth"], stopped["round"], strict=True))
    fair = means.loc[at, columns].mean()
    other = "/".join(f"{fair[kind]:.2f}" for kind in KINDS)
    error = 100 * stopped["error"].abs().median()
    return (
        f"{name} {len(stopped) / studies:>8.0%} {stopped['spent'].mean():>6.0%}  {covers}  "
        f"{other:14}  {error:.2f}, {100 * fair['size']:.2f}"
    )
