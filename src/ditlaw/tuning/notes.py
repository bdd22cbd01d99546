"""Warnings of a sweep; ``docs/warnings.md`` lists them."""

from collections import Counter

from ditlaw.results import Note
from ditlaw.tuning.cells import Group
from ditlaw.tuning.optimum import Optimum
from ditlaw.tuning.sensitivity import sensitivity
from ditlaw.tuning.words import WORDS


def of_group(group: Group, optima: list[Optimum], noise: bool, setting: str) -> list[Note]:
    """What the swept cells of a group cannot say; none where nothing was swept."""
    if not optima:
        return []
    name = ", ".join(part for part in (group.family, group.parametrization) if part)
    of = f"{name}: " if name else ""
    word, notes = WORDS[setting], []
    states = Counter(optimum.status for optimum in optima)
    if states["edge"] or states["cliff"]:
        notes.append(
            Note(
                code="sweep-at-edge",
                text=f"{of}in {states['edge'] + states['cliff']} of {len(optima)} sizes and "
                f"budgets the best {word} is the last one that trained ({_sides(optima)}): it "
                "stands for the optimum, and the law leaves it out.",
            )
        )
    if states["too few"]:
        notes.append(
            Note(
                code="sweep-too-short",
                text=f"{of}{states['too few']} of {len(optima)} sizes and budgets have fewer than "
                f"3 values of {word} that trained; they show no optimum.",
            )
        )
    if not noise:
        notes.append(
            Note(
                code="no-run-noise",
                text=f"{of}neither seeds nor isoFLOP curves tell how far one run scatters: optima "
                "have no intervals, and the law's hold their scatter about it alone.",
            )
        )
    scores = [sensitivity(optimum) for optimum in optima]
    left_out = sum(score.left_out for score in scores if score is not None)
    if left_out:
        notes.append(
            Note(
                code="no-initial-loss",
                text=f"{of}{left_out} settings diverged where no column 'loss_zero' gives the loss "
                "at initialisation: the sensitivity leaves them out and is too low.",
            )
        )
    return notes


def _sides(optima: list[Optimum]) -> str:
    """Where to look further, and in how many sizes and budgets."""
    lower = sum(o.status == "edge" and o.cell.best == 0 for o in optima)
    higher = sum(o.status == "edge" and o.cell.best > 0 for o in optima)
    between = sum(o.status == "cliff" for o in optima)
    said = {"try lower": lower, "try higher": higher, "between it and one that diverged": between}
    return ", ".join(f"{side}: {many}" for side, many in said.items() if many)
