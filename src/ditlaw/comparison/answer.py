"""Which of two laws is better where: values at target budgets, never exponents alone."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from ditlaw.answering import AnsweringLaw
from ditlaw.comparison.fairness import of_comparison
from ditlaw.comparison.notes import warnings_of
from ditlaw.comparison.pairs import Named, pair_of
from ditlaw.compute.budget import MOST_FLOPS
from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import Source, answering_law, is_published, name_of
from ditlaw.laws import Law, fit
from ditlaw.observations import Tabular, load_groups
from ditlaw.results import CompareResult, RefusedLaw


def compare_sources(
    sources: Mapping[str, Source],
    flops: Sequence[float],
    *,
    where: list[str] | None = None,
    metric: str | None = None,
    level: float | None = None,
) -> CompareResult:
    """Compare every pair of the laws of SOURCEs, by what each is called, at target budgets.

    Raises:
        BadInput, Refused: as ``answering_law`` and ``compare_laws``.
    """
    all_printed = all(map(is_published, sources.values()))

    def law_of(source: Source) -> AnsweringLaw:
        # Rows and levels are the other sources' where only some are published.
        if is_published(source) and not all_printed:
            return answering_law(source, metric=metric)
        return answering_law(source, where, metric=metric, level=level)

    targets(flops)  # before any fitting
    return compare_laws([(name, law_of(source)) for name, source in sources.items()], flops)


def compare_groups(
    source: Tabular,
    by: str,
    flops: Sequence[float],
    *,
    where: list[str] | None = None,
    metric: str | None = None,
    level: float | None = None,
) -> CompareResult:
    """Compare every pair of a column's values; a group that cannot be fitted is named and left out.

    Raises:
        BadInput: as reading does; no such column.
        Refused: fewer than two groups can be fitted.
    """
    targets(flops)  # before any fitting
    found, refused = fit_groups(source, by, where=where, metric=metric, level=level)
    return compare_laws(found, flops, refused)


def fit_groups(
    source: Tabular,
    by: str,
    *,
    where: list[str] | None = None,
    metric: str | None = None,
    level: float | None = None,
) -> tuple[list[tuple[str, Law]], list[RefusedLaw]]:
    """The laws of a column's values, two at least, and the values that no law could be fitted to.

    Raises:
        BadInput, Refused: as ``compare_groups``.
    """
    groups, reasons = load_groups(source, by, where or [])
    found: list[tuple[str, Law]] = []
    for name, rows in groups.items():
        try:
            law = fit(rows, metric=metric or "loss", level=0.9 if level is None else level)
        except Refused as error:
            reasons[name] = str(error)
        else:
            found.append((name, law))
    refused = [RefusedLaw(name=name, reason=reason) for name, reason in sorted(reasons.items())]
    if len(found) < 2:
        first = refused[0]
        raise Refused(
            f"{name_of(source)}: a comparison needs two groups that can be fitted, and column "
            f"'{by}' has {len(found)}; {by} '{first.name}': {first.reason}"
        )
    return found, refused


def compare_laws(
    laws: Sequence[Named], flops: Sequence[float], refused: Sequence[RefusedLaw] = ()
) -> CompareResult:
    """Compare every pair of named laws of one metric at target budgets.

    Raises:
        BadInput: a target is not a positive number, or the laws are of different metrics.
        Refused: a target is out of a law's reach, or a law has no such metric.
    """
    wanted = targets(flops)
    metrics = {law.metric for _, law in laws}
    if len(metrics) > 1:
        raise BadInput(f"compare: one law is of {' and the other of '.join(sorted(metrics))}")
    pairs = [pair_of(a, b, wanted) for a, b in combinations(laws, 2)]
    return CompareResult(
        metric=metrics.pop(),
        pairs=pairs,
        checklist=of_comparison(laws, pairs, wanted[-1]),
        refused=list(refused),
        warnings=list(warnings_of(laws, pairs, refused, wanted)),
    )


def targets(flops: Sequence[float]) -> list[float]:
    """Target budgets, each once, smallest first.

    Raises:
        BadInput: none, or one that is not a positive number.
    """
    if not flops:
        raise BadInput("compare: give the budgets to compare at, as --at 1e20 1e21")
    for x in flops:
        if not 0 < x <= MOST_FLOPS:
            raise BadInput(f"--at: {x:g} is not a budget; use a positive number, as 1e21")
    return sorted(set(flops))
