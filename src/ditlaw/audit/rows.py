"""Which points the law goes through, how they were counted, and how far one run scatters."""

import numpy as np

from ditlaw import text
from ditlaw.audit.seen import Found, Seen, name_of, some
from ditlaw.laws.isoflop import Parabola
from ditlaw.laws.noise import MIN_REPLICATE_DF
from ditlaw.laws.settings import WORSE

SAME_COUNT = 0.005  # a flops column this near 6·params·tokens in every row is that
MANY_DROPPED = 0.1
SAME_RUN = 0.01  # repeats whose tokens differ by less are of one length
SEEDS = 2  # to add


def used(found: Found) -> Seen:
    """How many rows were read, how many used, and why the others were not."""
    dropped = [row for row in found.result.rows.dropped if not row.reason.startswith(WORSE)]
    settings = len(found.result.rows.dropped) - len(dropped)
    total = found.result.rows.used + len(dropped)
    said = f"{found.result.rows.used} of {total} rows"
    if settings:
        said += f", besides {settings} of worse learning rates or batches"
    if not dropped:
        return Seen("met", said)
    reasons = [row.reason for row in dropped]
    often = max(set(reasons), key=reasons.count)
    said += f"; left out: {text.plain(often, 40)} ({reasons.count(often)})"
    if len(dropped) <= MANY_DROPPED * total:
        return Seen("met", said)
    return Seen("not met", said, "say why so many are left out; 'ditlaw fit --json' lists them")


def outliers(found: Found) -> Seen:
    """Whether a run stands out from the others of its budget, or a loss rises along a run."""
    notes = [found.notes[code] for code in ("high-loss", "rising-loss") if code in found.notes]
    if not notes:
        return Seen("met", "none far above its budget's curve, none rising")
    said = "; ".join(
        note.partition(":")[0] + note.partition(":")[2].split(",")[0] for note in notes
    )
    return Seen("not met", said, "look at them, and fit again with a --where that leaves them out")


def counted(found: Found) -> Seen:
    """Whether FLOPs are more than 6·params·tokens."""
    mend = "count attention and the rest into 'flops' ('ditlaw count' does for DiTs)"
    if found.result.flops_as == "6nd" or "6nd-used" in found.notes:
        return Seen("not met", "FLOPs are 6·params·tokens, which favours what it leaves out", mend)
    if stand_in(found):
        return Seen("not met", "the flops column is 6·params·tokens in every row", mend)
    table = found.law.table
    share = 6 * np.exp(table.log_n + table.log_d - table.log_c)
    low, high = float(share.min()), float(share.max())
    return Seen("met", f"by the flops column; 6·params·tokens is {low:.2f} to {high:.2f} of it")


def sized(found: Found) -> Seen:
    """Whether it is told what params count."""
    if found.law.observations.study is not None:
        return Seen("met", "all that is trained but look-up tables, frozen encoders left out")
    return Seen("unknown", "no column tells whether embeddings and encoders are in", "say it")


def stand_in(found: Found) -> bool:
    """Whether the FLOPs of all rows are 6·params·tokens."""
    table = found.law.table
    ratio = table.log_c - table.log_n - table.log_d - np.log(6.0)
    return bool(np.abs(ratio).max() < SAME_COUNT)


def seeds(found: Found) -> Seen:
    """Whether the scatter of one run was measured by repeats, or only read off the residuals."""
    noise = found.result.noise
    repeats, copies, other = _repeats(found)
    if noise.source != "seeds":
        few = f"fewer than {MIN_REPLICATE_DF} seed differences" if repeats else "no repeats"
        said = f"{few}: {noise.sd.value:.2%} is the scatter about the fit"
        return Seen("not met", said, _add(found))
    if copies > repeats / 4:
        said = (
            f"{copies} of {repeats} repeats have the very same loss: one run read twice, no seeds"
        )
        return Seen("not met", said, _add(found))
    if other:
        said = f"{other} of {repeats} repeats differ in their tokens: other runs, no seeds"
        return Seen("not met", said, _add(found))
    return Seen(
        "met", f"{noise.sd.value:.2%} from the seeds of {noise.replicated} sizes and budgets"
    )


def _repeats(found: Found) -> tuple[int, int, int]:
    """Sizes and budgets run more than once; how many repeat a loss, and differ in tokens."""
    table = found.law.table
    cells, grouped = table.cells(), table.group >= 0
    counts = [0, 0, 0]
    for cell in np.unique(cells[grouped]):
        rows = np.flatnonzero((cells == cell) & grouped)
        if len(np.unique(table.trunk[rows])) > 1:
            counts[0] += 1
            counts[1] += bool(len(np.unique(table.log_loss[rows])) < len(rows))
            counts[2] += bool(np.ptp(table.log_d[rows]) > SAME_RUN)
    return counts[0], counts[1], counts[2]


def _add(found: Found) -> str:
    """Where seeds tell most: at the sizes nearest the minimum of the largest usable budget."""
    if not found.usable:
        return f"{SEEDS} more seeds at a few sizes and lengths"
    return f"{SEEDS} more seeds at {_middle(found, found.usable[-1])}"


def _middle(found: Found, curve: Parabola) -> str:
    sizes = found.sizes(curve)
    nearest = np.sort(sizes[np.argsort(np.abs(sizes - curve.log_n))[:3]])
    return f"{some([text.count(float(n)) for n in np.exp(nearest)])} params, {name_of(curve)} FLOPs"
