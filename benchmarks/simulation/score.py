"""From rows of ``study.run`` to cover, widths, errors and scores, and those as text.

Everything is in logs. The Winkler score of an interval is its width plus 2/(1 − level) times how
far outside the truth lies (Winkler 1972); ×100 here, smaller is better.
"""

import json
from collections import Counter

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import binomtest

from simulation.study import LEVEL
from simulation.truths import TRUTHS

KINDS = ("n", "law", "run")
HEADER = (
    f"{'truth':22} {'beyond':>6}  {'N* cover':16}  {'law cover':16}  {'one run':16}  "
    f"{'half-widths %':14}  {'÷ oracle':9}  {'bias %':11}  {'90th error %':12}  {'Winkler':9}"
)
WORST, LEAST = 6, 0.82  # finer cells to list, and what each should cover


def hits(rows: pd.DataFrame, kind: str) -> pd.Series:
    """Whether each row's interval of that kind holds the truth."""
    true = rows[f"{kind}_true"]
    return (rows[f"{kind}_low"] <= true) & (true <= rows[f"{kind}_high"])


def winkler(rows: pd.DataFrame, kind: str, level: float = LEVEL) -> pd.Series:
    """Winkler scores × 100 in logs."""
    low, high, true = (rows[f"{kind}_{end}"] for end in ("low", "high", "true"))
    outside = (low - true).clip(lower=0) + (true - high).clip(lower=0)
    return 100 * (high - low + 2 / (1 - level) * outside)


def narrowed(rows: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The same rows from a tool that claims intervals of that share of the width."""
    changed = rows.copy()
    for kind in KINDS:
        for end in ("low", "high"):
            changed[f"{kind}_{end}"] = rows[kind] + factor * (rows[f"{kind}_{end}"] - rows[kind])
    return changed


def rate(hit: pd.Series) -> str:
    """A share with its 95 % binomial (Wilson) interval."""
    found = binomtest(int(hit.sum()), len(hit))
    low, high = found.proportion_ci(method="wilson")
    return f"{hit.mean():.2f} [{low:.2f}, {high:.2f}]"


def report(rows: pd.DataFrame) -> str:
    """The headline table, notes of each truth, and the finer cells that cover least."""
    refused = rows["refused"].astype(bool)
    kept = rows[~refused]
    lines = [HEADER]
    for truth, part in kept.groupby("truth", sort=False):
        lines += [_line(truth, beyond, cell) for beyond, cell in part.groupby("beyond")]
        lines.append(_notes(part, int((refused & (rows["truth"] == truth)).sum()) // 3))
    shown = kept[kept["truth"].isin([truth.name for truth in TRUTHS if truth.shows])]
    for beyond, cell in shown.groupby("beyond"):
        lines.append(_line("all that show", beyond, cell))
    for kind, name in (("n", "N*"), ("law", "law")):
        cells = shown.assign(hit=hits(shown, kind)).groupby(["truth", "design", "beyond"])["hit"]
        shares = cells.mean().sort_values(kind="stable")
        below = int((shares < LEAST).sum())
        lines.append(
            f"{name}: {below} of {len(shares)} finer cells of these cover under {LEAST}; lowest:"
        )
        for key in shares.index[:WORST]:
            truth, design, beyond = key
            hit = cells.get_group(key)
            lines.append(f"  {rate(hit)} of {len(hit)}  {truth}, {design}, {beyond:g}x")
    lines.append("by noise and grid, all truths and distances: N* cover, law cover, ÷ oracle")
    for design, part in kept.groupby("design", sort=False):
        ratios = "/".join(f"{ratio(part, kind).median():.1f}" for kind in ("n", "law"))
        lines.append(
            f"  {hits(part, 'n').mean():.2f} {hits(part, 'law').mean():.2f} {ratios:9} {design}"
        )
    return "\n".join(lines)


def ratio(rows: pd.DataFrame, kind: str) -> pd.Series:
    """Width of the interval ÷ that of the oracle at the same level."""
    z = float(ndtri((1 + LEVEL) / 2))
    return (rows[f"{kind}_high"] - rows[f"{kind}_low"]) / (2 * z * rows[f"{kind}_oracle"])


def _line(truth: str, beyond: float, cell: pd.DataFrame) -> str:
    covers = "  ".join(rate(hits(cell, kind)) for kind in KINDS)
    error = {kind: cell[kind] - cell[f"{kind}_true"] for kind in ("n", "law")}
    widths = {k: cell[f"{k}_high"] - cell[f"{k}_low"] for k in KINDS}
    half = "/".join(_percent(widths[k].median() / 2) for k in KINDS)
    oracle = "/".join(f"{ratio(cell, k).median():.1f}" for k in error)
    bias = "/".join(f"{100 * np.expm1(error[k].median()):+.1f}" for k in error)
    tail = "/".join(_percent(error[k].abs().quantile(0.9)) for k in error)
    scores = "/".join(f"{winkler(cell, k).mean():.3g}" for k in ("n", "law"))
    return (
        f"{truth:22} {beyond:>5g}x  {covers}  {half:14}  {oracle:9}  {bias:11}  {tail:12}  {scores}"
    )


def _percent(log: float) -> str:
    value = 100 * np.expm1(log)
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _notes(part: pd.DataFrame, refused: int) -> str:
    """Studies, refusals, mean weights, and in what share of studies each warning fired."""
    near = part[part["beyond"] == 1.0]
    far = part[part["beyond"] == part["beyond"].max()]
    weights = pd.DataFrame([json.loads(w) for w in near["weights"]]).fillna(0.0).mean()
    mean = ", ".join(f"{form} {w:.2f}" for form, w in weights.items())
    fired = [
        Counter(code for codes in cell["warnings"] for code in codes.split())
        for cell in (near, far)
    ]
    shares = ", ".join(f"{code} {n / len(near):.2f}" for code, n in fired[0].most_common())
    beyond = ", ".join(f"{c} {n / len(far):.2f}" for c, n in fired[1].items() if c not in fired[0])
    return (
        f"    {len(near)} studies, {refused} refused; weights {mean}\n"
        f"    warnings at 1x: {shares or 'none'}; at 100x also: {beyond or 'none'}"
    )
