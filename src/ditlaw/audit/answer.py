"""``ditlaw audit``: from a SOURCE to its verdict."""

from ditlaw.audit.items import law_checks, refit_checks
from ditlaw.audit.refits import refits_of
from ditlaw.audit.rows import stand_in
from ditlaw.audit.seen import Found
from ditlaw.audit.verdict import verdict
from ditlaw.errors import DitlawError, Refused
from ditlaw.forecasting import LAW_SUFFIX, law_of
from ditlaw.laws import Law
from ditlaw.observations import load_observations
from ditlaw.published import PREFIX, published_law
from ditlaw.results import AuditResult

AHEAD = 10.0  # times the largest budget: where refits are compared, unless told
TELLING = ("learning_rate", "batch", "seed", "depth", "steps", "epochs", "flops", "budget")


def audit(
    source: str,
    where: list[str] | None = None,
    *,
    metric: str | None = None,
    level: float | None = None,
) -> AuditResult:
    """Audit the law of a study folder, a table or a saved law.

    Raises:
        BadInput: as ``forecast.law_of``.
        Refused: no law can be fitted, or it is a published one, which has no rows; the line says
            what is not known.
    """
    if source.startswith(PREFIX):
        raise _published(source)
    try:
        law = law_of(source, where, metric=metric, level=level)
    except Refused as error:
        raise Refused(f"{error}{_untold(source, where)}") from None
    return audit_law(law)


def audit_law(law: Law, *, refits: bool = True) -> AuditResult:
    """Audit a law; refits are compared at 10 times its largest budget.

    Without ``refits``, which are most of the time, nothing is said of their items.

    Raises:
        Refused: the target is out of the law's reach.
    """
    found = Found(law, law.result())
    at = AHEAD * law.largest_flops
    checks, others = law_checks(found), []
    if refits:
        exact = found.result.flops_as == "exact" and not stand_in(found)
        fitted = refits_of(found, at, exact)
        checks += refit_checks(fitted, at)
        others = fitted.all
    said, reach, params_reach = verdict(found, checks)
    return AuditResult(
        source=found.result.source,
        metric=law.metric,
        verdict=said,
        reach=reach,
        params_reach=params_reach,
        target=at,
        level=law.level,
        checks=checks,
        refits=others,
        backtests=found.result.backtest,
        warnings=found.result.warnings,
    )


def _published(source: str) -> Refused:
    law = published_law(source)
    unknown = "; ".join(law.entry.unknown) or "nothing else is noted as missing"
    return Refused(
        f"{law.observations.source}: a published law has no rows: its noise, residuals, grids and "
        f"held-out budgets are not known, nor is what the paper leaves open ({unknown})"
    )


def _untold(source: str, where: list[str] | None) -> str:
    """What an audit would miss too, where rows can be read at all."""
    if source.endswith(LAW_SUFFIX):
        return ""
    try:
        frame = load_observations(source, where or []).frame
    except DitlawError:
        return ""
    missing = [c for c in TELLING if c not in frame or frame[c].isna().all()]
    return f"; nor do the rows tell {', '.join(missing)}" if missing else ""
