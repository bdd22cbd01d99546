"""The checklist: every item by its group, in the order in which a reader asks."""

from collections.abc import Callable

from ditlaw.audit import budgets, fitted, heldout, robust, rows, training
from ditlaw.audit.refits import Refits
from ditlaw.audit.seen import Found, Seen
from ditlaw.results import AuditCheck
from ditlaw.results.audit import AuditGroup

# Of the law as it stands. The first three groups hold those of "(Mis)Fitting"; further items of
# theirs that no table can tell (open code, open checkpoints) are the authors' to answer.
OF_LAW: dict[AuditGroup, dict[str, Callable[[Found], Seen]]] = {
    "form and fit": {
        "points to spare": fitted.form,
        "parameters determined": fitted.determined,
        "one law at all budgets": fitted.bend,
        "residuals look like noise": fitted.residuals,
        "algorithm told": fitted.algorithm,
    },
    "training": {
        "models trained": training.models,
        "learning rate tuned at each size": training.rates,
        "batch tuned at each size": training.batches,
        "depth and width tried apart": training.shape,
        "each length trained to its end": training.schedule,
        "past warm-up": training.warmed_up,
        "no data seen twice": training.single_pass,
        "what the loss is of": training.one_quantity,
    },
    "points": {
        "rows used": rows.used,
        "no run stands out": rows.outliers,
        "FLOPs counted exactly": rows.counted,
        "what params count": rows.sized,
        "noise known from seeds": rows.seeds,
    },
    "budgets": {
        "enough budgets": budgets.enough,
        "budgets far apart": budgets.spanned,
        "optimum inside the sizes": budgets.bracketed,
        "sizes on both sides": budgets.sided,
        "sizes wide enough": budgets.wide,
        "sizes centred": budgets.centred,
        "centre does not drift": budgets.steady,
    },
    "held out": {
        "losses forecast": heldout.loss_tests,
        "best sizes forecast": heldout.params_tests,
    },
}


def law_checks(found: Found) -> list[AuditCheck]:
    """Every item that is asked of the law as it stands."""
    return [
        _check(group, item, ask(found))
        for group, items in OF_LAW.items()
        for item, ask in items.items()
    ]


def refit_checks(refits: Refits, target: float) -> list[AuditCheck]:
    """Every item that other fits of the same rows tell."""
    loss, params = robust.by_method(refits, target)
    seen = {
        "no one budget decides": robust.one_budget(refits),
        "smallest budget fits in": robust.smallest(refits),
        "loss alike by all methods": loss,
        "N* alike by all methods": params,
        "exponent alike by 6·N·D": robust.by_count(refits),
    }
    return [_check("refits", item, found) for item, found in seen.items()]


def _check(group: AuditGroup, item: str, seen: Seen) -> AuditCheck:
    return AuditCheck(
        item=item,
        group=group,
        state=seen.state,
        text=seen.text.rstrip("."),
        mend=None if seen.state == "met" else seen.mend,
    )
