"""Where known models stand by a law: more or fewer tokens than is best for their own FLOPs."""

import numpy as np

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.errors import Refused
from ditlaw.known_models.table import known_models
from ditlaw.laws import Law
from ditlaw.published import PublishedLaw
from ditlaw.results import (
    KnownModel,
    Note,
    Place,
    PlacedModel,
    PlaceResult,
    Quantity,
    Trained,
)

SEARCHED, STEPS = 1e5, 601  # how far from its own FLOPs a size is looked for as the best


def place_models(law: AnsweringLaw | None, names: list[str] | None = None) -> PlaceResult:
    """Known models against a law; without one, the table of them.

    Args:
        law: fitted or published.
        names: of models; by default all.

    Raises:
        BadInput: no model of that name.
        Refused: the law names no best size and no best number of tokens.
    """
    models = known_models(names)
    if law is None:
        listed = [PlacedModel(model=model, place=None) for model in models]
        return PlaceResult(source=None, models=listed, warnings=[])
    placed = [PlacedModel(model=model, place=_place(law, model)) for model in models]
    return PlaceResult(source=law.observations.source, models=placed, warnings=_beware(law, placed))


def _place(law: AnsweringLaw, model: KnownModel) -> Place | None:
    if model.tokens is None:
        return None
    params = float(model.params_counted or model.params.value)
    flops = _as_the_law_counts(law, params, model.tokens)
    best = law.optimum(flops)
    params_ratio, tokens_ratio = _over(params, best.params), _over(model.tokens, best.tokens)
    if params_ratio is None and tokens_ratio is None:
        raise Refused(
            f"{law.observations.source}: it names neither a best size nor a best number of tokens; "
            "'ditlaw laws' lists those that do"
        )
    at = _best_at(law, params, flops) if best.params else None
    return Place(
        flops=flops,
        beyond=best.beyond,
        params=best.params,
        tokens=best.tokens,
        params_ratio=params_ratio,
        tokens_ratio=tokens_ratio,
        best_at=at,
        compute_ratio=_over(flops, at),
        regret=_regret(law, params, flops),
        verdict=_verdict(params_ratio, tokens_ratio),
    )


def _as_the_law_counts(law: AnsweringLaw, params: float, tokens: float) -> float:
    """FLOPs of those tokens through a model of that size in the law's own family; else 6·N·D.

    A model of another family may spend more or fewer, which says nothing of its share of tokens.
    """
    per = float(np.exp(law.kappa.log(np.log([params])))[0]) if isinstance(law, Law) else 6.0
    return per * params * tokens


def _over(value: float, best: Quantity | None) -> Quantity | None:
    """A value ÷ the law's; an open bound stays open."""
    if best is None:
        return None
    low, high = (None if not end else value / end for end in (best.high, best.low))
    return Quantity(value=value / best.value, low=low, high=high, level=best.level)


def _best_at(law: AnsweringLaw, params: float, flops: float) -> Quantity | None:
    """FLOPs at which the law's best size is this one, with the law's interval read across."""
    grid = flops * np.geomspace(1 / SEARCHED, SEARCHED, STEPS)
    try:
        sizes = law.curve(grid).params
    except Refused:
        return None
    assert sizes is not None
    wanted, log_c = np.log(params), np.log(grid)
    # A size is reached early by the law's upper bound.
    ends = [np.log(end) for end in (sizes.value, sizes.high, sizes.low)]
    value, low, high = (
        float(np.exp(np.interp(wanted, end, log_c))) if end[0] < wanted < end[-1] else None
        for end in ends
    )
    if value is None:
        return None
    return Quantity(value=value, low=low, high=high, level=law.level)


def _regret(law: AnsweringLaw, params: float, flops: float) -> Quantity | None:
    try:
        return law.choice(params, flops).regret
    except Refused:
        return None


def _verdict(params: Quantity | None, tokens: Quantity | None) -> Trained:
    """By its tokens and, read the other way, its params: as far as a law names them, by both."""
    found = set()
    if tokens is not None:
        found.add(_side(tokens))
    if params is not None:
        found.add(-_side(params))
    if found == {1}:
        return "over-trained"
    return "under-trained" if found == {-1} else "near the best"


def _side(ratio: Quantity) -> int:
    """1 above one, −1 below, 0 where the interval holds it."""
    if ratio.low is not None and ratio.low > 1:
        return 1
    return -1 if ratio.high is not None and ratio.high < 1 else 0


def _of_images(law: Law) -> bool:
    """Whether its rows are of diffusion models, as far as they tell, or count images."""
    return law.observations.of_diffusion() or "images" in law.observations.frame


def _beware(law: AnsweringLaw, placed: list[PlacedModel]) -> list[Note]:
    """What such a comparison leaves out."""
    there = [(p.model, p.place) for p in placed if p.place]
    if not there:
        return []
    known = f" ({law.entry.data})" if isinstance(law, PublishedLaw) else ""
    notes = []
    if isinstance(law, Law) and not _of_images(law):
        notes.append(
            Note(
                code="not-a-dit-law",
                text=f"nothing in {law.observations.source} says that its runs are diffusion "
                "transformers: it has no images, no timesteps and no family of ditlaw's. By a law "
                "of language models, say, this table means nothing.",
            )
        )
    notes.append(
        Note(
            code="another-recipe",
            text=f"the law is of one data set, model, objective and resolution{known}, these "
            "models of others: this says how each shares its FLOPs out by this law, not how good "
            "it is.",
        )
    )
    beyond = [place.beyond for _, place in there if place.beyond and place.beyond > 1]
    if beyond:
        notes.append(
            Note(
                code="places-beyond",
                text=f"{len(beyond)} of {len(there)} have more FLOPs than the law was fitted on, "
                f"up to {text.count(max(beyond))} times.",
            )
        )
    classes = [model for model, _ in there if model.condition == "class"]
    if classes:
        notes.append(
            Note(
                code="class-conditional",
                text=f"{len(classes)} of {len(there)} have a class in place of a caption, which "
                "counts as one token.",
            )
        )
    repeated = [model.epochs for model, _ in there if model.epochs and model.epochs > 1]
    if repeated:
        notes.append(
            Note(
                code="repeated-images",
                text=f"{len(repeated)} of {len(there)} saw their images many times, up to "
                f"{max(repeated):,.0f}; the law counts a repeated image as a new one.",
            )
        )
    if isinstance(law, PublishedLaw):
        notes.append(
            Note(
                code="rounding-only",
                text="intervals are what the printed digits allow, nothing else: the scatter of "
                "runs and the error of the fit are not in them.",
            )
        )
    return notes
