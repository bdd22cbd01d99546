"""Warnings with stable codes, one plain sentence each."""

from collections import Counter

import numpy as np

from ditlaw import text
from ditlaw.laws.candidates import Candidates
from ditlaw.laws.distance import below_notes, beyond_notes
from ditlaw.laws.ensemble import Band, Ensemble
from ditlaw.laws.isoflop import EDGE, FEW, FLAT, Parabola
from ditlaw.laws.table import Table
from ditlaw.observations import Observations
from ditlaw.results import Backtest, Note

ROUGH = 1.5  # high ÷ low of N*
COMFORTABLE_BUDGETS = 5
USUAL_RATIO = (1.0, 100.0)  # flops ÷ (params·tokens)
OFF_BUDGET = 0.1  # |flops ÷ budget − 1| of the median row
MANY_FAILED = 0.01


def of_fit(
    observations: Observations,
    table: Table,
    found: Candidates,
    surface_wanted: bool,
    backtest: list[Backtest],
    law_half_width: float,
) -> list[Note]:
    """Warnings of a fit; ``law_half_width`` is relative, of the loss law at the largest budget."""
    notes = _unfinished(observations)
    if observations.dropped:
        reasons = Counter(d.reason for d in observations.dropped)
        listed = "; ".join(f"{n} × {reason}" for reason, n in reasons.most_common(3))
        notes.append(Note(code="rows-dropped", text=f"rows were left out: {listed}."))
    if observations.flops_as == "6nd":
        notes.append(
            Note(
                code="6nd-used",
                text="FLOPs are 6·params·tokens, which misses attention and embeddings; "
                "a flops column with exact counts is better.",
            )
        )
    notes += _of_units(table)
    notes += _of_curves(found.curves)
    usable = 0 if found.minima is None else len(found.minima.log_c)
    if found.minima is not None and usable < COMFORTABLE_BUDGETS:
        notes.append(
            Note(
                code="few-budgets",
                text=f"only {usable} usable budgets: the loss law is known to "
                f"±{100 * law_half_width:.2g} % at the largest of them and worse beyond; "
                f"{COMFORTABLE_BUDGETS} or more are advised.",
            )
        )
    if "power" in found.laws and found.laws["power"].exponent[0] <= 0:
        notes.append(
            Note(
                code="no-gain",
                text="the best loss does not fall with compute; these laws say nothing then.",
            )
        )
    if surface_wanted and found.surface is None:
        notes.append(
            Note(
                code="no-surface",
                text="the rows do not determine a surface L(N, D); only the isoFLOP laws are used.",
            )
        )
    failed = max(form.failed for form in found.forms.values())
    if failed > MANY_FAILED * len(found.sd_draws):
        share = failed / len(found.sd_draws)
        notes.append(
            Note(
                code="failed-refits",
                text=f"{100 * share:.0f} % of the refits did not converge and were left "
                "out; its interval may be too narrow.",
            )
        )
    if not backtest:
        why = "no budget could be held out" if found.curves else "no row has a budget to hold out"
        untested = (
            "no form has been put to the test: each weighs by how well it fits alone."
            if len(found.forms) > 1
            else "its one form has not been put to the test."
        )
        notes.append(Note(code="no-backtest", text=f"{why}, so {untested}"))
    return notes


def of_forecast(flops: float, largest: float, params: Band, ensemble: Ensemble) -> list[Note]:
    """Warnings of one forecast."""
    notes = beyond_notes(flops / largest)
    notes += below_notes(flops, float(np.exp(ensemble.fitted[0])))
    low, high = float(params.low[0]), float(params.high[0])
    if high > ROUGH * low:
        notes.append(
            Note(
                code="rough-optimum",
                text=f"the best size is only known to lie between {text.count(low)} and "
                f"{text.count(high)} params; the loss is far less sensitive to it.",
            )
        )
    return notes


def _unfinished(observations: Observations) -> list[Note]:
    planned = observations.planned_rows
    there = len(observations.frame) + len(observations.dropped)
    if planned is None or there >= planned:
        return []
    return [
        Note(
            code="unfinished-study",
            text=f"{planned - there} of the study's {planned} observations are not there yet; "
            "'ditlaw status' says which runs.",
        )
    ]


def _of_units(table: Table) -> list[Note]:
    notes = []
    ratio = float(np.exp(np.median(table.log_c - table.log_n - table.log_d)))
    if not USUAL_RATIO[0] <= ratio <= USUAL_RATIO[1]:
        notes.append(
            Note(
                code="odd-units",
                text=f"flops are {ratio:.3g} times params·tokens in the median row, where about 6 "
                "is usual; check the units of the three.",
            )
        )
    grouped = table.group >= 0
    if np.any(grouped):
        share = np.exp(table.log_c[grouped]) / table.budgets[table.group[grouped]]
        if np.median(np.abs(share - 1)) > OFF_BUDGET:
            notes.append(
                Note(
                    code="budget-mismatch",
                    text=f"flops are {np.median(share):.3g} times the row's budget in the median; "
                    "flops count here, and budgets only group rows.",
                )
            )
    return notes


def _of_curves(curves: list[Parabola]) -> list[Note]:
    codes = {
        EDGE: (
            "edge-optimum",
            "the minimum lies at or outside the edge of the sizes at {}; add sizes on that side.",
        ),
        FLAT: ("no-curvature", "the loss has no minimum in size at {}; add sizes or seeds."),
        FEW: ("too-few-points", "fewer than 4 sizes near the best one at {}; add sizes."),
    }
    notes = []
    for status, (code, sentence) in codes.items():
        budgets = [text.flops(p.budget) for p in curves if p.status == status]
        if budgets:
            notes.append(
                Note(code=code, text=sentence.format(", ".join(budgets)) + " Not in the lines.")
            )
    return notes
