"""What ``ditlaw place`` answers: known models, and where each stands by a law."""

from typing import Literal

from ditlaw.results.base import Note, Quantity, Result

__all__ = [
    "Basis",
    "KnownModel",
    "Place",
    "PlaceResult",
    "PlacedModel",
    "SourcedNumber",
    "Trained",
    "TrainingStage",
]

Basis = Literal["published", "computed", "not known"]
Trained = Literal["over-trained", "under-trained", "near the best"]


class SourcedNumber(Result):
    """A published number and where it was read."""

    value: float
    source: str


class TrainingStage(Result):
    """Training at one resolution. ``tokens`` are of one image with its text."""

    pixels: int
    steps: float | None
    batch: float | None
    images: float
    tokens: int


class KnownModel(Result):
    """A public diffusion transformer. ``basis`` says of each number where it comes from.

    ``params`` is as published, ``params_counted`` exact where the family is one of ditlaw's own.
    ``flops_6nd`` is 6·params·tokens, ``flops_exact`` counted. ``unknown`` says what was not found.
    """

    name: str
    year: int
    condition: Literal["class", "text"]
    family: str | None
    params: SourcedNumber
    params_counted: int | None
    training: list[TrainingStage]
    training_source: str | None
    images: float | None
    tokens: float | None
    epochs: float | None
    flops_6nd: float | None
    flops_exact: float | None
    flops_published: SourcedNumber | None
    basis: dict[str, Basis]
    unknown: str | None
    remarks: list[str]


class Place(Result):
    """A model beside the law's best use of the FLOPs that its params and tokens make.

    ``flops`` are counted as the law counts: those of its own family, for that size and those
    tokens. ``params_ratio`` and ``tokens_ratio`` are the model's ÷ the law's best at those.
    ``best_at`` are the FLOPs whose best size is this model's, ``compute_ratio`` is ``flops`` ÷
    those. More tokens and fewer params than is best is over-trained; ``near the best`` where an
    interval holds 1. ``regret`` is null where the law says nothing off the best size.
    """

    flops: float
    beyond: float | None
    params: Quantity | None
    tokens: Quantity | None
    params_ratio: Quantity | None
    tokens_ratio: Quantity | None
    best_at: Quantity | None
    compute_ratio: Quantity | None
    regret: Quantity | None
    verdict: Trained


class PlacedModel(Result):
    """A model and its place; null where its training is not known, or no law was asked."""

    model: KnownModel
    place: Place | None


class PlaceResult(Result):
    """``ditlaw place``: known models against a law; without one, the table of them."""

    source: str | None
    models: list[PlacedModel]
    warnings: list[Note]
