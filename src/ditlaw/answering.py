"""What every law answers, whether it was fitted here or published elsewhere.

``laws.Law`` and ``published.PublishedLaw`` both do; forecasts and comparisons ask for no more.
"""

from typing import Literal, Protocol

from ditlaw.laws.ensemble import Band
from ditlaw.laws.law import NEAR_OPTIMAL
from ditlaw.laws.table import FloatArray
from ditlaw.results import Choice, Note, Quantity, SizeRange
from ditlaw.speed import Speed
from ditlaw.study import Study


class Rows(Protocol):
    """The runs behind a law, as far as they are known."""

    @property
    def source(self) -> str:
        """Where they come from."""

    @property
    def study(self) -> Study | None:
        """The study that made them."""

    def tokens_per_image(self) -> float | None:
        """Tokens of one image; None where it is not known or not one number."""

    def distinct_images(self) -> float | None:
        """How many images there are before they repeat; None where that is not known."""

    def flops_range(self) -> tuple[float, float] | None:
        """Smallest and largest FLOPs that were fitted; None where they are not known."""

    @property
    def speed(self) -> Speed | None:
        """How fast its models train, by size; None where that was not measured."""

    def kinds(self) -> dict[str, str]:
        """What a loss is a loss of: data set, weighting and the like, by name."""


class Answer(Protocol):
    """The best use of a budget; what the law does not know is None."""

    @property
    def beyond(self) -> float | None:
        """Budget ÷ largest fitted budget."""

    @property
    def params(self) -> Quantity | None:
        """The best size."""

    @property
    def tokens(self) -> Quantity | None:
        """The tokens that go with it."""

    @property
    def loss(self) -> Quantity | None:
        """The loss of one new run."""

    @property
    def law_low(self) -> float | None:
        """Lower bound of the law's own loss."""

    @property
    def law_high(self) -> float | None:
        """Upper bound of the law's own loss."""

    @property
    def metrics(self) -> dict[str, Quantity]:
        """Other metrics that the law is of."""

    @property
    def formulas(self) -> dict[str, str]:
        """The law in a line for each thing that it is of; empty where it is no one formula."""

    @property
    def basis(self) -> Literal["fit", "published"]:
        """What the intervals rest on: a fit to rows, or the digits that a paper printed."""

    @property
    def near_optimal_params(self) -> SizeRange | None:
        """Sizes that are nearly as good."""

    @property
    def warnings(self) -> list[Note]:
        """What to beware of at this budget."""


class LawCurve(Protocol):
    """A law over budgets; what it does not know is None."""

    @property
    def params(self) -> Band | None:
        """The best size."""

    @property
    def tokens(self) -> Band | None:
        """The tokens that go with it."""

    @property
    def loss(self) -> Band | None:
        """The law's own loss, or the metric that takes its place."""


class AnsweringLaw(Protocol):
    """A law that can be asked about budgets."""

    @property
    def observations(self) -> Rows:
        """The runs behind it."""

    @property
    def metric(self) -> str:
        """What takes the place of the loss."""

    @property
    def level(self) -> float:
        """Of every interval."""

    @property
    def tested_beyond(self) -> float | None:
        """How far beyond its data a backtest went at most; None without one."""

    def optimum(self, flops: float, tolerance: float = NEAR_OPTIMAL) -> Answer:
        """The best use of a budget; near-optimal sizes give away at most that share of the loss."""

    def tokens_of(self, params: float, flops: float) -> float | None:
        """Tokens that those FLOPs train a model of that size on, as the law counts FLOPs."""

    def choice(self, params: float, flops: float) -> Choice:
        """What a model of that size would reach with those FLOPs, and give away."""

    def curve(self, flops: FloatArray) -> LawCurve:
        """The law at FLOPs (m,)."""

    def loss_draws(self, flops: FloatArray) -> FloatArray:
        """Equally likely curves of ln L* at FLOPs (m,): (draws, m)."""
