"""The best setting as a power of params and tokens, through the cells' optima.

ln η* = k + a·ln N + b·ln D, by least squares weighted with how well each optimum is known. The form
is that of Yin et al. 2024 (arXiv 2411.17470); Porian et al. 2024 (arXiv 2406.19146) have N alone. A
term that the design does not determine is left out, with the reason.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.laws.table import FloatArray
from ditlaw.tuning.optimum import Optimum

MIN_SPAN = float(np.log(1.3))  # of params or tokens, that an exponent could be seen over
SEED = 1


@dataclass(frozen=True)
class SettingLaw:
    """Coefficients (draws + 1, 1 + terms), the constant at ``centre`` first; entry 0 the estimate.

    ``terms`` are "params" and "tokens", or one of them. ``scatter`` is the standard deviation of
    the optima about the law beyond their own errors, in ln of the setting.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    centre: FloatArray
    scatter: float
    optima: list[Optimum]
    note: str

    def log_setting(self, log_n: float, log_d: float) -> FloatArray:
        """Ln of the best setting at a size and its tokens: (draws + 1,)."""
        at = np.array([{"params": log_n, "tokens": log_d}[term] for term in self.terms])
        return np.asarray(self.coefficients[:, 0] + self.coefficients[:, 1:] @ (at - self.centre))

    def exponent(self, term: str) -> FloatArray | None:
        """The exponent of params or tokens (draws + 1,); None where it is left out."""
        if term not in self.terms:
            return None
        return np.asarray(self.coefficients[:, 1 + self.terms.index(term)])

    def constant(self) -> FloatArray:
        """K of setting = k·N^a·D^b: (draws + 1,)."""
        with np.errstate(over="ignore"):
            return np.asarray(
                np.exp(self.coefficients[:, 0] - self.coefficients[:, 1:] @ self.centre)
            )


def fit_law(optima: list[Optimum]) -> SettingLaw | str:
    """The law through the optima that lie inside, or why there is none."""
    inside = [o for o in optima if o.log_setting is not None]
    if len(inside) < 3:
        return (
            f"{len(inside)} of {len(optima)} swept sizes and budgets have their best inside; "
            "a law needs 3"
        )
    columns = {
        "params": np.array([o.cell.log_n for o in inside]),
        "tokens": np.array([o.cell.log_d for o in inside]),
    }
    terms, note = _terms(columns, len(inside))
    if not terms:
        return note
    x = np.stack([columns[term] for term in terms], axis=1)
    centre = x.mean(axis=0)
    design = np.column_stack([np.ones(len(x)), x - centre])
    drawn = np.stack([o.log_setting for o in inside if o.log_setting is not None], axis=1)
    variance = drawn[1:].var(axis=0)
    scatter = _scatter(design, drawn[0], variance)
    weight = 1 / (variance + scatter**2 + 1e-12)
    moved = drawn.copy()
    rng, df = np.random.default_rng(SEED), len(x) - design.shape[1]
    spread = scatter * np.sqrt(df / rng.chisquare(df, len(drawn) - 1)) if df else np.zeros(1)
    moved[1:] += spread[:, None] * rng.standard_normal(drawn[1:].shape)
    solve = np.linalg.pinv(design * np.sqrt(weight)[:, None]) * np.sqrt(weight)
    return SettingLaw(terms, moved @ solve.T, centre, scatter, inside, note)


def _terms(columns: dict[str, FloatArray], cells: int) -> tuple[tuple[str, ...], str]:
    """Which exponents the design determines, and what it leaves out and why."""
    spans = {name: float(np.ptp(values)) for name, values in columns.items()}
    varied = tuple(name for name in columns if spans[name] > MIN_SPAN)
    if not varied:
        return (), "all swept cells have one size and one number of tokens; a law needs several"
    if len(varied) == 1:
        lacking = "tokens" if varied == ("params",) else "params"
        return varied, f"no exponent of {lacking}: the swept cells differ too little in them"
    n, d = (columns[name] - columns[name].mean() for name in ("params", "tokens"))
    apart = d - n * (n @ d) / (n @ n)
    if np.ptp(apart) < MIN_SPAN:
        return ("params",), (
            "no exponent of tokens: params and tokens vary together (one budget?), and the "
            "exponent of params holds along them"
        )
    if cells < 4:
        return ("params",), "no exponent of tokens: 3 optima determine no more than one exponent"
    return varied, ""


def _scatter(design: FloatArray, y: FloatArray, variance: FloatArray) -> float:
    """Standard deviation about the law beyond the optima's own errors (Paule and Mandel 1982)."""
    df = len(y) - design.shape[1]
    if df < 1:
        return 0.0

    def excess(extra: float) -> float:
        root = 1 / np.sqrt(variance + extra + 1e-12)
        rest = (
            root * y
            - (design * root[:, None])
            @ np.linalg.lstsq(design * root[:, None], root * y, rcond=None)[0]
        )
        return float(np.sum(np.square(rest)) - df)

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, float(np.var(y)) * len(y) + 1e-9
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return float(np.sqrt(high))
