"""A limited number of images: how often they repeat, and what may be done without repeating."""

import numpy as np
from scipy.optimize import brentq

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.errors import Refused
from ditlaw.laws import Law
from ditlaw.results import Choice, Note, OwnImages, Quantity
from ditlaw.tablefile import numbers


def most_epochs(law: AnsweringLaw) -> float:
    """How often the fitted runs saw an image at most; once where nothing is known of repeats."""
    if not isinstance(law, Law):
        return 1.0
    frame, distinct = law.observations.frame, law.observations.distinct_images()
    if "epochs" in frame:
        seen = float(numbers(frame["epochs"]).max())
    elif "images" in frame and distinct:
        seen = float(numbers(frame["images"]).max()) / distinct
    else:
        return 1.0
    return max(1.0, seen) if np.isfinite(seen) else 1.0


def repeats(law: AnsweringLaw, epochs: float, of: float, stated: bool) -> list[Note]:
    """A note where images would repeat more often than the fitted runs saw them.

    Args:
        law: the law.
        epochs: how often each image is seen.
        of: how many images there are.
        stated: whether the user said so, rather than the law's own data.
    """
    covered = most_epochs(law)
    if epochs <= covered:
        return []
    study = law.observations.study
    what = f"the {text.count(of)} images that there are"
    if not stated and study is not None and len(study.geometry.buckets) > 1:
        what = "the images of one resolution, the one with the fewest for its share"
    often = "once" if covered == 1 else f"{covered:.2g} times"
    seen = f"its runs saw an image {often} at most"
    if not isinstance(law, Law):
        seen = "how often its runs saw one is not known"
        what += "" if stated else " in the law's own data"
    return [
        Note(
            code="repeated-data",
            text=f"{epochs:.2g} epochs of {what}: the law counts a repeated one as a new one, and "
            f"{seen}.",
        )
    ]


def own_images(
    law: AnsweringLaw, flops: float, best: float, epochs: Quantity, images: float, each: float
) -> OwnImages:
    """How often those images repeat at the best size, and the size at which none does.

    Args:
        law: the law.
        flops: the budget.
        best: the best size.
        epochs: over those images, at the best size.
        images: how many there are.
        each: tokens of one.

    Raises:
        Refused: that size is too far from what was fitted.
    """
    once = None
    if epochs.value > 1:
        size = _size_for(law, flops, best, images * each)
        once = None if size is None else _choice(law, size, flops, images * each, images)
    return OwnImages(images=images, epochs=epochs, once=once)


def _choice(law: AnsweringLaw, size: float, flops: float, tokens: float, images: float) -> Choice:
    """What that size reaches; without a loss where the law is of the best size alone."""
    try:
        found = law.choice(size, flops)
    except Refused:
        found = Choice(params=size, tokens=tokens, images=images, loss=None, regret=None)
    return found.model_copy(update={"images": images})


def _size_for(law: AnsweringLaw, flops: float, above: float, tokens: float) -> float | None:
    """The size, above the best one, that the budget trains on so many tokens."""

    def gap(log_n: float) -> float:
        found = law.tokens_of(float(np.exp(log_n)), flops)
        return np.nan if found is None else float(np.log(found / tokens))

    start = float(np.log(above))
    far = gap(start)
    if not far > 0:
        return None
    # Tokens fall a little slower than 1/N where FLOPs per token and param fall with N.
    end = start + 2 * far + 1
    return float(np.exp(brentq(gap, start, end, xtol=1e-9))) if gap(end) < 0 else None
