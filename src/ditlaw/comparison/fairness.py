"""Is it fair? The checklist of a comparison: what holds, what does not, what is open.

Nothing here changes an answer. An item is ``met`` only if the rows show it; what they do not tell
is ``unknown``. What is asked of each law by itself is the audit's (``audit/``).
"""

from collections.abc import Callable, Sequence

import pandas as pd

from ditlaw.answering import AnsweringLaw
from ditlaw.audit import budgets, rows, training
from ditlaw.audit.seen import Found, Seen
from ditlaw.comparison.quantities import unlike
from ditlaw.laws import Law
from ditlaw.results import Check, CheckState, Pair

FAR = 10.0  # times the largest fitted budget
Answer = tuple[CheckState, str]

OF_ONE: dict[str, Callable[[Found], Seen]] = {
    "optimum inside the sizes": budgets.bracketed,
    "enough budgets": budgets.enough,
    "FLOPs counted exactly": rows.counted,
    "learning rate tuned at each size": training.rates,
    "batch tuned at each size": training.batches,
    "depth and width tried apart": training.shape,
    "noise known from seeds": rows.seeds,
    "no data seen twice": training.single_pass,
}


def of_comparison(
    laws: Sequence[tuple[str, AnsweringLaw]], pairs: Sequence[Pair], target: float
) -> list[Check]:
    """The checklist of a comparison of named laws whose largest budget is ``target``.

    An item of each law is met if it is for all of them; otherwise the text names those of which it
    is not.
    """
    fitted = [(name, Found(law, law.result())) for name, law in laws if isinstance(law, Law)]
    if len(fitted) < len(laws):
        published: Answer = ("unknown", "a published law tells nothing of its runs")
        return _listed({"runs are known": published})
    checks: dict[str, Answer] = {
        "one quantity": _one_quantity(laws),
        "same seeds": _same("seed", "seeds", fitted),
        "same budgets": _same("budget", "budgets", fitted),
        "same parametrization": _same("parametrization", "parametrizations", fitted),
        "same cooldown": _same("cooldown", "cooldowns", fitted),
    }
    for name, ask in OF_ONE.items():
        checks[name] = _of_all([(who, ask(found)[:2]) for who, found in fitted])
    checks["within reach of the data"] = _reach([found.law for _, found in fitted], target)
    checks["device time measured"] = _timed(pairs)
    return _listed(checks)


def _one_quantity(laws: Sequence[tuple[str, AnsweringLaw]]) -> Answer:
    differ = unlike(laws)
    if differ:
        return "not met", " ".join(note.text for note in differ)
    kinds = laws[0][1].observations.kinds()
    if "evaluated_on" not in kinds and "dataset" not in kinds:
        return "unknown", "the rows do not tell what they were evaluated on"
    return "met", "the same data, grid and weighting"


def _same(column: str, noun: str, fitted: Sequence[tuple[str, Found]]) -> Answer:
    frames = [found.frame for _, found in fitted]
    if not all(column in frame and frame[column].notna().any() for frame in frames):
        return "unknown", f"the rows do not tell their {noun}"
    held = [_values(frame, column) for frame in frames]
    if all(values == held[0] for values in held):
        return "met", f"the same {noun}"
    return "not met", "; ".join(
        f"{name}: {', '.join(values)}" for (name, _), values in zip(fitted, held, strict=True)
    )


def _values(frame: pd.DataFrame, column: str) -> list[str]:
    values = frame[column].dropna().unique()
    return [f"{v:g}" if isinstance(v, int | float) else str(v) for v in sorted(values)]


def _reach(laws: Sequence[Law], target: float) -> Answer:
    beyond = max(target / law.largest_flops for law in laws)
    return ("met" if beyond <= FAR else "not met"), f"{beyond:.3g} times the largest budget"


def _timed(pairs: Sequence[Pair]) -> Answer:
    if all(at.at_equal_time is not None for pair in pairs for at in pair.at):
        return "met", f"on {pairs[0].device}" if pairs[0].device else "by the rows"
    return "not met", "equal FLOPs are not equal time; 'ditlaw time' measures it in a study folder"


def _of_all(answers: Sequence[tuple[str, Answer]]) -> Answer:
    """One answer for several laws: the worst of them, in the words of those that give it."""
    for state in ("not met", "unknown", "met"):
        said = [(who, words) for who, (found, words) in answers if found == state]
        if said:
            alike = len({words for _, words in said}) == 1 and len(said) == len(answers)
            words = said[0][1] if alike else "; ".join(f"{who}: {w.rstrip('.')}" for who, w in said)
            return state, words
    raise AssertionError("no law, no answer")


def _listed(checks: dict[str, Answer]) -> list[Check]:
    return [
        Check(item=item, state=state, text=said.rstrip("."))
        for item, (state, said) in checks.items()
    ]
