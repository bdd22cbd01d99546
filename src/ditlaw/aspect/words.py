"""A law of shapes and an axis in sentences."""

from ditlaw import text
from ditlaw.results import AxisBudget, RatioRange, ShapeBudget, ShapeLaw

BASES = {"best size": "each at its best size", "matched": "runs that differ in nothing else"}


def of_law(law: ShapeLaw, tolerance: float) -> str:
    """Whether shape says more than size, and which ratios are within tolerance."""
    return f"{evidence(law)} {within(law.budgets[-1], tolerance)}"


def evidence(law: ShapeLaw) -> str:
    """Whether shape says more than size, and by how much."""
    verdict = {
        True: "Width/depth says more than the size alone",
        False: "Width/depth says no more than the size alone",
        None: "Whether width/depth says more than the size alone is not decided",
    }[law.says_more]
    sds = [text.share(fit.residual_sd) for fit in (law.size_only, law.with_shape)]
    errors = [fit.left_out_error for fit in (law.size_only, law.with_shape)]
    said = f"{verdict}: rms residual {sds[0]} by size, {sds[1]} with shape"
    if errors[0] is not None and errors[1] is not None:
        said += f"; on left-out shapes {text.share(errors[0])} and {text.share(errors[1])}"
    return f"{said} (F test: p {p_value(law.p_value)})."


def within(budget: ShapeBudget, tolerance: float) -> str:
    """The ratios within tolerance at a budget."""
    found = budget.within
    said = (
        f"At {text.flops(budget.flops)} FLOPs a width/depth from {ends(found)} is within "
        f"{text.share(tolerance)} of the best ratio's loss"
    )
    edges = [found.low_at_edge, found.high_at_edge]
    if any(edges):
        sides = [side for side, edge in zip(("lower", "upper"), edges, strict=True) if edge]
        said += f" (* the {' and '.join(sides)} end is the edge of what was tried)"
    return f"{said}."


def ends(found: RatioRange) -> str:
    """``7.1 [6.3, 8] to 29 [26, 33]``; an end at the edge of what was tried has a star."""
    low, high = (text.with_interval(end, ratio) for end in (found.low, found.high))
    return f"{low}{'*' * found.low_at_edge} to {high}{'*' * found.high_at_edge}"


def of_axis(axis: str, budget: AxisBudget, tolerance: float) -> str:
    """What an axis is worth at its largest budget."""
    best = budget.values[0].value
    by = {
        name: [v.value for v in budget.values[1:] if v.standing == name]
        for name in ("within", "worse", "undecided")
    }
    parts = [
        f"{', '.join(by['within'])} within {text.share(tolerance)} of it" if by["within"] else "",
        f"{', '.join(by['worse'])} worse" if by["worse"] else "",
        f"{', '.join(by['undecided'])} undecided" if by["undecided"] else "",
    ]
    told = "; ".join(part for part in parts if part)
    return f"{axis} at {text.flops(budget.flops)} FLOPs: {best} did best; {told}."


def ratio(value: float) -> str:
    """A ratio with three digits."""
    return f"{value:.3g}"


def p_value(value: float) -> str:
    """A chance: = 0.03, or < 0.001."""
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
