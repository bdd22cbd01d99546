"""The form that was fitted, how, and whether what is left looks like noise."""

import numpy as np

from ditlaw import text
from ditlaw.audit.seen import Found, Seen
from ditlaw.laws.bends import MIN_BUDGETS as BUDGETS_TO_BEND
from ditlaw.laws.forms import MinimaForm
from ditlaw.laws.joint import PARAMETERS as JOINT
from ditlaw.laws.table import FloatArray

PARAMETERS = 3  # of a loss law with a floor
SPARE = 2  # minima beyond its parameters
REDRAWS = 400
LEVEL = 0.99  # of what run noise alone leaves
BOUNDS = ("floor-at-bound", "exponent-at-bound", "no-gain")
FIT_OF = {
    "isoflop": "least squares of ln L, the floor by search",
    "akima": "Akima curves, then least squares of ln L",
    "envelope": "lower envelope, then least squares of ln L",
    "joint": "Huber loss of ln L from several starts",
    "surface": "Huber loss of ln L, the best 6 of 121 starts",
}


def form(found: Found) -> Seen:
    """The forms that are heard, and points against parameters."""
    heard = [
        f"{e.form} {100 * e.loss_weight:.0f} %" for e in found.result.evidence if e.loss_weight
    ]
    points = len(found.usable)
    if not points:
        said = f"{found.result.rows.used} rows for 5 parameters (L = E + A/N^α + B/D^β)"
        return Seen("met", said)
    if found.lone:
        said = f"{found.result.rows.used} rows for the {JOINT} of the joint form"
        return Seen("met", f"{said}; {', '.join(heard)}")
    said = f"{points} minima for the {PARAMETERS} of L = E + k·C^-c; {', '.join(heard)}"
    if points >= PARAMETERS + SPARE:
        return Seen("met", said)
    return Seen("not met", said, f"{PARAMETERS + SPARE} usable budgets, or it fits anything")


def algorithm(found: Found) -> Seen:
    """How it was fitted: always told, as it is this program's own."""
    heard = [e.form for e in found.result.evidence if e.loss_weight]
    how = "; ".join(FIT_OF[name] for name in heard)
    return Seen("met", f"{how}; {found.law.draws} redraws")


def determined(found: Found) -> Seen:
    """Whether floor and exponents are inside the search, and refits converged."""
    wrong = [found.notes[code] for code in BOUNDS if code in found.notes]
    if "failed-refits" in found.notes:
        wrong.append(found.notes["failed-refits"])
    floor = found.result.loss.floor
    if wrong:
        return Seen("not met", wrong[0], "a wider range of budgets")
    return Seen("met", f"E = {text.with_interval(floor, text.number)}, exponents off bounds")


def bend(found: Found) -> Seen:
    """Whether the best loss is one law over all budgets."""
    bent = found.law.bend
    if bent is not None:
        said = f"falls as C^-{bent.before:.2g} below {text.flops(bent.flops.value)} FLOPs"
        mend = "fit the budgets above the bend alone, and add one there"
        return Seen("not met", f"{said} and as C^-{bent.after:.2g} above", mend)
    if len(found.usable) < BUDGETS_TO_BEND:
        said = f"{len(found.usable)} usable budgets cannot show one; it takes {BUDGETS_TO_BEND}"
        return Seen("unknown", said, f"{BUDGETS_TO_BEND - len(found.usable)} more budgets")
    said = f"no bend in {len(found.usable)} budgets"
    if found.result.one_law is not None:
        said += f"; one floor law believed {text.share(found.result.one_law)}"
    return Seen("met", said)


def residuals(found: Found) -> Seen:
    """Whether a smooth pattern in N, D or C is left that run noise would not leave.

    The rows are those near each budget's best size; a pattern is a quadratic in one of ln N, ln D
    and ln C. Its root mean square is set against what 99 % of 400 redraws of run noise on the same
    rows and trunks stay under.
    """
    table, noise = found.law.table, found.law.fitted.ensemble.candidates.noise
    rows = np.concatenate([c.rows for c in found.usable]) if found.usable else np.arange(len(table))
    fitted = _one_law(found, table.log_n[rows], table.log_c[rows])
    if not np.isfinite(fitted).all():
        return Seen("unknown", "this form says nothing off the best size", "--method isoflop")
    rng = np.random.default_rng(0)
    sd = np.full(REDRAWS, noise.sd)
    drawn = noise.perturbations(table.trunk[rows], table.log_c[rows], sd, rng)
    left = table.log_loss[rows] - fitted
    patterns: list[str] = []
    found_in = []
    for name, x in (("N", table.log_n), ("D", table.log_d), ("C", table.log_c)):
        size = float(_smooth(x[rows], left[None])[0])
        chance = float(np.quantile(_smooth(x[rows], drawn), LEVEL))
        word = "noise " if not patterns else ""
        patterns.append(f"{name} {text.share(size)} ({word}{text.share(chance)})")
        if size > chance:
            found_in.append(name)
    said = ", ".join(patterns)
    if not found_in:
        return Seen("met", said)
    if "C" in found_in:
        return Seen("not met", said, "fit the larger budgets alone: one law may not hold for all")
    return Seen("not met", said, "set 'ditlaw fit --method surface' and 'joint' beside it")


def _one_law(found: Found, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
    """Ln L by the forms that are heard, the isoFLOP form's by its one law for all budgets: (n,).

    What it forecasts leans to the latest budgets, more so where they are few, and would leave a
    pattern by that alone.
    """
    ensemble = found.law.fitted.ensemble
    fitted = np.zeros(len(log_n))
    for name, weight in ensemble.loss_weights.items():
        form = ensemble.forms[name]
        if not weight:
            continue
        if isinstance(form, MinimaForm) and form.valley is not None:
            away = log_n - form.line(log_c)[0]
            fitted += weight * (form.floor(log_c)[0] + form.valley.curvature(log_c) * away**2)
        else:
            fitted += weight * form.loss(log_n, log_c)[0]
    return fitted


def _smooth(x: FloatArray, y: FloatArray) -> FloatArray:
    """Root mean square of the quadratic in x (n,) through each y (r, n): (r,)."""
    u = (x - x.mean()) / max(float(x.std()), 1e-12)
    q, _ = np.linalg.qr(np.stack([np.ones_like(u), u, u * u], axis=1))
    return np.asarray(np.sqrt(np.mean((y @ q @ q.T) ** 2, axis=1)))
