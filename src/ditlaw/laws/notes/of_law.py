"""Warnings of fits and forecasts: stable codes, plain sentences. ``docs/warnings.md`` has them all.

``row_notes``, ``run_notes`` and ``support_notes`` hold those of their matters.
"""

import numpy as np

from ditlaw import text
from ditlaw.laws.bends import Bend
from ditlaw.laws.candidates import Candidates
from ditlaw.laws.ensemble import Band, Ensemble
from ditlaw.laws.isoflop import EDGE, FEW, FLAT, Parabola
from ditlaw.laws.notes.distance import below_notes, beyond_notes
from ditlaw.laws.notes.rows import of_rows
from ditlaw.laws.notes.runs import of_runs
from ditlaw.laws.notes.support import at_bounds, few_budgets
from ditlaw.laws.table import Table
from ditlaw.observations import Observations
from ditlaw.results import Backtest, LossLaw, Note, SizeRange, SurfaceLaw

ROUGH = 2.0  # high ÷ low of N*
MANY_FAILED = 0.01


def of_fit(
    observations: Observations,
    table: Table,
    found: Candidates,
    surface_wanted: bool,
    backtest: list[Backtest],
    law_half_width: float,
    loss: LossLaw,
    surface: SurfaceLaw | None,
    bend: Bend | None,
) -> list[Note]:
    """Warnings of a fit; ``law_half_width`` is relative, of the loss law at the largest budget."""
    notes = of_rows(observations, table)
    notes += of_runs(observations, table, found.curves, found.noise)
    notes += _of_curves(found.curves)
    if found.minima is not None:
        notes += few_budgets(found.minima.log_c, loss, law_half_width)
    fitted = table.log_loss if found.minima is None else found.minima.log_loss[0]
    notes += at_bounds(float(np.exp(fitted.min())), loss, surface)
    notes += [] if bend is None else [bend.note()]
    if "power" in found.laws and found.laws["power"].exponent[0] <= 0:
        notes.append(
            Note(
                code="no-gain",
                text="the best loss does not fall with compute; these laws say nothing then.",
            )
        )
    if surface_wanted and "joint" in found.forms:
        notes.append(
            Note(
                code="lone-large-runs",
                text="the largest budget has too few sizes for a parabola: one valley, one line of "
                "best sizes and one loss law (joint) are fitted to all runs in place of parabolas.",
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
                text=f"{100 * share:.0f} % of one form's refits did not converge and were left "
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


def of_forecast(
    flops: float,
    largest: float,
    params: Band,
    near: SizeRange | None,
    ensemble: Ensemble,
    bend: Bend | None,
) -> list[Note]:
    """Warnings of one forecast; ``near`` are the near-optimal sizes."""
    notes = beyond_notes(flops / largest)
    notes += [] if bend is None else [bend.note()]
    notes += below_notes(flops, float(np.exp(ensemble.fitted[0])))
    low, high = float(params.low[0]), float(params.high[0])
    harmless = near is not None and near.low <= low and high <= near.high
    if high > ROUGH * low and not harmless:
        notes.append(
            Note(
                code="rough-optimum",
                text=f"the best size is only known to lie between {text.count(low)} and "
                f"{text.count(high)} params; the loss is far less sensitive to it.",
            )
        )
    return notes


def _of_curves(curves: list[Parabola]) -> list[Note]:
    kinds = {
        EDGE: Note(
            code="edge-optimum",
            text="the minimum lies at or outside the edge of the sizes at {}; add sizes on that "
            "side. Not in the lines.",
        ),
        FLAT: Note(
            code="no-curvature",
            text="the loss has no minimum in size at {}; add sizes or seeds. Not in the lines.",
        ),
        FEW: Note(
            code="too-few-points",
            text="fewer than 4 sizes near the best one at {}; add sizes. Not in the lines.",
        ),
    }
    notes = []
    for status, kind in kinds.items():
        budgets = [text.flops(p.budget) for p in curves if p.status == status]
        if budgets:
            notes.append(Note(code=kind.code, text=kind.text.format(", ".join(budgets))))
    return notes
