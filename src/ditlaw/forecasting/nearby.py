"""What sizes near the best one give away."""

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import Refused
from ditlaw.forecasting.shapes import Sized, beside
from ditlaw.results import Choice, Nearby, Note


def in_images(choice: Choice, each: float | None) -> Choice:
    """The choice with its images, of ``each`` tokens; the law's own where that is not known."""
    return choice.model_copy(update={"images": choice.tokens / each}) if each else choice


def nearby(
    law: AnsweringLaw,
    params: float,
    flops: float,
    each: float | None,
    sizes: list[Sized],
    chosen: Sized | None,
) -> tuple[list[Nearby], list[Note]]:
    """Half and twice the best size, and the shapes beside the ``chosen`` one, smallest first.

    None, and a note, where the law speaks of the best size alone.
    """
    wanted: list[tuple[str, float, str | None]] = [
        ("half N*", params / 2, None),
        ("twice N*", params * 2, None),
    ]
    if chosen is not None:
        names = ("next down", "next up")
        for what, size in zip(names, beside(sizes, chosen), strict=True):
            if size is not None:
                wanted.append((what, float(size.params), str(size.shape)))
    found = []
    for what, size_params, shape in sorted(wanted, key=lambda entry: entry[1]):
        try:
            reached = law.choice(size_params, flops)
        except Refused:
            continue
        found.append(Nearby(**dict(in_images(reached, each)), what=what, shape=shape))
    if found:
        return found, []
    said = "what another size than the best gives away is not known: the law is of the best alone"
    return [], [Note(code="no-regret", text=f"{said}.")]
