"""What a family of DiTs is: a shape, what one sample costs, and exact counts. No torch here."""

from dataclasses import dataclass
from typing import Protocol

from ditlaw.errors import BadInput


@dataclass(frozen=True)
class Shape:
    """One member of a family."""

    depth: int
    width: int
    heads: int

    def __str__(self) -> str:
        return f"d{self.depth}w{self.width}h{self.heads}"


@dataclass(frozen=True)
class Geometry:
    """Token geometry: what one sample looks like to the model.

    Text arrives either as words from a table (``vocabulary`` > 0) or as features of a frozen
    encoder (``text_dim`` > 0).
    """

    height: int
    width: int
    channels: int
    patch: int
    text_tokens: int
    vocabulary: int = 0
    text_dim: int = 0

    def __post_init__(self) -> None:
        for side in ("height", "width"):
            if getattr(self, side) % self.patch:
                raise BadInput(
                    f"geometry.patch: {self.patch} does not divide the {side} "
                    f"{getattr(self, side)}; use a divisor of it"
                )
        if self.text_tokens and bool(self.vocabulary) == bool(self.text_dim):
            raise BadInput(
                "geometry: text is either words (vocabulary) or features (text_dim); set just one"
            )

    @property
    def image_tokens(self) -> int:
        """Patches of one sample."""
        return (self.height // self.patch) * (self.width // self.patch)

    @property
    def patch_dim(self) -> int:
        """Values in one patch."""
        return self.patch * self.patch * self.channels

    @property
    def tokens(self) -> int:
        """Image and text tokens of one sample: the D of the laws counts these."""
        return self.image_tokens + self.text_tokens


@dataclass(frozen=True)
class Counts:
    """Exact counts of one model; FLOPs are per sample, a multiply-add is two.

    ``params`` leaves out look-up tables (text vocabulary); ``params_total`` holds them.
    ``flops_train`` is forward plus backward, without the gradients that inputs do not need.
    """

    params: int
    params_total: int
    params_breakdown: dict[str, int]
    tokens_per_sample: int
    flops_forward: int
    flops_train: int

    @property
    def flops_6nd(self) -> int:
        """The usual estimate 6·params·tokens, per sample."""
        return 6 * self.params * self.tokens_per_sample


@dataclass(frozen=True)
class Linear:
    """A dense layer applied to some tokens of a sample, the unit that counts are made of."""

    inputs: int
    outputs: int
    tokens: int
    input_needs_grad: bool = True

    @property
    def params(self) -> int:
        """Weights and biases."""
        return self.inputs * self.outputs + self.outputs

    @property
    def forward(self) -> int:
        """FLOPs of one sample's forward pass."""
        return 2 * self.tokens * self.inputs * self.outputs

    @property
    def train(self) -> int:
        """Forward, weight gradient and, where the input needs one, input gradient."""
        return self.forward * (3 if self.input_needs_grad else 2)


class Family(Protocol):
    """A parametrised set of DiTs."""

    name: str

    def shape(self, depth: int, width: int | None = None, heads: int | None = None) -> Shape:
        """The member at one turn of the dial; any field can be set.

        Raises:
            BadInput: the shape cannot be built; the message names a value that works.
        """
        ...

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Exact parameters and FLOPs of one member, in closed form."""
        ...
