"""Is it fair? The checklist of a law and of a comparison: what holds, what does not, what is open.

Nothing here changes an answer. An item is ``met`` only if the rows show it; what they do not tell
is ``unknown``.
"""

from collections.abc import Callable, Sequence

import pandas as pd

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.laws import Law
from ditlaw.quantities import unlike
from ditlaw.results import Check, CheckState, FitResult, Pair
from ditlaw.tablefile import numbers

FAR = 10.0  # times the largest fitted budget
FEW = 5  # usable budgets that a line wants
Answer = tuple[CheckState, str]
Of = tuple[Law, FitResult]


def of_law(law: Law, target: float) -> list[Check]:
    """The checklist of one law that is to forecast ``target`` FLOPs."""
    found = (law, law.result())
    checks = {name: ask(found) for name, ask in OF_ONE.items()}
    checks["within reach of the data"] = _reach([law], target)
    return _listed(checks)


def of_comparison(
    laws: Sequence[tuple[str, AnsweringLaw]], pairs: Sequence[Pair], target: float
) -> list[Check]:
    """The checklist of a comparison of named laws whose largest budget is ``target``.

    An item of each law is met if it is for all of them; otherwise the text names those of which it
    is not.
    """
    fitted = [(name, (law, law.result())) for name, law in laws if isinstance(law, Law)]
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
        checks[name] = _of_all([(who, ask(found)) for who, found in fitted])
    checks["within reach of the data"] = _reach([law for _, (law, _) in fitted], target)
    checks["device time measured"] = _timed(pairs)
    return _listed(checks)


def _bracketed(found: Of) -> Answer:
    budgets = found[1].budgets
    if not budgets:
        return "unknown", "the rows are in no budgets"
    bad = [text.flops(b.flops) for b in budgets if b.status != "ok"]
    if bad:
        return "not met", f"no minimum inside the sizes at {', '.join(bad)} FLOPs"
    return "met", f"at all {len(budgets)} budgets the best size lies inside those tried"


def _enough_budgets(found: Of) -> Answer:
    usable = sum(b.status == "ok" for b in found[1].budgets)
    return ("met" if usable >= FEW else "not met"), f"{usable} usable; a line wants {FEW}"


def _counted(found: Of) -> Answer:
    codes = {note.code for note in found[1].warnings}
    if found[1].flops_as == "6nd" or "6nd-used" in codes:
        return "not met", "FLOPs are 6·params·tokens, which favours what it leaves out"
    return "met", "by the flops column"


def _rates(found: Of) -> Answer:
    law, result = found
    notes = {note.code: note.text for note in result.warnings}
    if "learning-rate-edge" in notes:
        return "not met", notes["learning-rate-edge"]
    return _tried(law, "learning_rate", "learning rate", "learning rates")


def _batches(found: Of) -> Answer:
    return _tried(found[0], "batch", "batch", "batches")


def _tried(law: Law, column: str, one: str, several: str) -> Answer:
    """Whether sizes and budgets were run at several values of a setting, the best being used."""
    frame = law.observations.frame
    if column not in frame or numbers(frame[column]).isna().all():
        return "unknown", f"the rows do not tell their {one}"
    used = sorted(set(numbers(frame[column]).dropna()))
    if column in law.observations.compared:
        judged, cells = law.observations.compared[column]
        state: CheckState = "met" if judged == cells else "not met"
        return state, f"{judged} of {cells} sizes and budgets were run at 3 {several} or more"
    if len(used) == 1:
        return "not met", f"one {one} ({used[0]:g}) for all, others not tried"
    return "not met", f"by a rule ({used[0]:g} to {used[-1]:g}), others not tried"


def _shape(found: Of) -> Answer:
    frame = found[0].observations.frame
    if not {"depth", "width"} <= set(frame):
        return "unknown", "the rows do not tell depth and width"
    shapes = frame[["depth", "width"]].drop_duplicates()
    depths, widths = shapes["depth"].nunique(), shapes["width"].nunique()
    if depths > 1 and widths > 1 and len(shapes) > max(depths, widths):
        return "met", f"{depths} depths and {widths} widths; 'ditlaw shapes' tells their part"
    fixed = f"one depth ({shapes['depth'].iloc[0]:g})" if depths == 1 else "depth follows width"
    return "not met", f"{fixed}: whether another shape of a size is better is not known"


def _seeds(found: Of) -> Answer:
    noise = found[1].noise
    if noise.source != "seeds":
        return "not met", f"no repeats: {noise.sd.value:.2%} is the scatter about the fit"
    return "met", f"{noise.sd.value:.2%} from the seeds of {noise.replicated} sizes and budgets"


def _single_pass(found: Of) -> Answer:
    law = found[0]
    frame, study = law.observations.frame, law.observations.study
    if "epochs" in frame and numbers(frame["epochs"]).notna().any():
        most = float(numbers(frame["epochs"]).max())
        return ("met" if most <= 1 else "not met"), f"at most {most:.2g} epochs"
    if study is not None and all(data.source == "scenes" for data in study.data):
        return "met", "its pictures never repeat"
    return "unknown", "the rows do not tell their epochs"


OF_ONE: dict[str, Callable[[Of], Answer]] = {
    "optimum inside the sizes": _bracketed,
    "enough budgets": _enough_budgets,
    "FLOPs counted exactly": _counted,
    "learning rate tuned at each size": _rates,
    "batch tuned at each size": _batches,
    "depth and width tried apart": _shape,
    "noise known from seeds": _seeds,
    "no data seen twice": _single_pass,
}


def _one_quantity(laws: Sequence[tuple[str, AnsweringLaw]]) -> Answer:
    differ = unlike(laws)
    if differ:
        return "not met", " ".join(note.text for note in differ)
    kinds = laws[0][1].observations.kinds()
    if "evaluated_on" not in kinds and "dataset" not in kinds:
        return "unknown", "the rows do not tell what they were evaluated on"
    return "met", "the same data, grid and weighting"


def _same(column: str, noun: str, fitted: Sequence[tuple[str, Of]]) -> Answer:
    frames = [law.observations.frame for _, (law, _) in fitted]
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
