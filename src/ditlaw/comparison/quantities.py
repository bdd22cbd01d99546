"""Whether what two laws are of is one quantity: a loss under other captions is another one."""

from collections.abc import Iterable, Sequence

from ditlaw.answering import AnsweringLaw
from ditlaw.laws import Law
from ditlaw.observations.metric_names import KINDS, UNCONDITIONAL, is_drawn, whole
from ditlaw.results import Note

Stated = Sequence[dict[str, str]]  # of each law: what its metrics are of, by name
OF_DRAWN = ("extractor", "reference", "samples_drawn", "drawn_with")  # these say nothing of a loss
OF_IMAGES = "evaluated_on"


def unlike(laws: Sequence[tuple[str, AnsweringLaw]]) -> list[Note]:
    """What makes the laws' values more than one quantity: a note for each thing they differ in."""
    stated = [law.observations.kinds() for _, law in laws]
    metric = laws[0][1].metric
    names = [name for name, _ in laws]
    notes = []
    for kind in differing(stated, metric):
        values = list(dict.fromkeys(kinds.get(kind) or "not stated" for kinds in stated))
        mend = ""
        if kind == "dataset":
            mend = _said(m for m in _others(laws) if not differing(stated, m))
        notes.append(
            Note(
                code="different-quantities",
                text=f"{', '.join(names[:-1])} and {names[-1]} differ in {kind} "
                f"({'; '.join(values)}): unless all were evaluated alike, their {metric} is not "
                f"one quantity{mend}.",
            )
        )
    return notes


def differing(stated: Stated, metric: str) -> list[str]:
    """The kinds that differ and that bear on a metric, in order of their names.

    The best over settings is of the settings that it was taken over; a column of one setting names
    it. A loss with captions is of its data set. One without is of the pictures it was evaluated on,
    where all laws say which these are. A distance of drawn pictures is of an extractor, a reference
    and a count, where all say so, whatever the data that the model learned from.
    """
    differ = {
        kind
        for kind in {kind for kinds in stated for kind in kinds}
        if len({kinds.get(kind) for kinds in stated}) > 1
    }
    if is_drawn(metric):
        if metric != whole(metric) or metric.endswith(UNCONDITIONAL):
            differ -= {"drawn_with"}
        known = all(kinds.get("extractor") and kinds.get("reference") for kinds in stated)
        return sorted(differ & set(OF_DRAWN) if known else differ - {OF_IMAGES})
    if whole(metric) in KINDS or whole(metric).endswith(UNCONDITIONAL):
        differ -= set(OF_DRAWN)
    if whole(metric).endswith(UNCONDITIONAL) and all(OF_IMAGES in kinds for kinds in stated):
        return sorted(differ - {"dataset"})
    return sorted(differ - {OF_IMAGES} if "dataset" in differ else differ)


def _others(laws: Sequence[tuple[str, AnsweringLaw]]) -> list[str]:
    """Metrics that all laws' rows have and that may be one quantity where theirs is not."""
    metric = whole(laws[0][1].metric)
    wanted = [f"{metric}{UNCONDITIONAL}", "frechet", "fid"]
    rows = [law.observations.frame if isinstance(law, Law) else None for _, law in laws]
    return [
        name
        for name in wanted
        if name != metric
        and all(r is not None and name in r and r[name].notna().any() for r in rows)
    ]


def _said(metrics: Iterable[str]) -> str:
    found = list(metrics)
    return f"; --metric {' or '.join(found)} is" if found else ""
