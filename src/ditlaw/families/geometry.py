"""What one sample looks like to a model: image or video latent, patches, text. No torch here."""

from dataclasses import dataclass
from math import gcd

from ditlaw.errors import BadInput


@dataclass(frozen=True)
class Geometry:
    """Token geometry of one sample.

    Text arrives either as words from a learned table (``vocabulary`` > 0) or as features of a
    frozen encoder (``text_dim`` > 0). A class label is a text of one word. ``pooled_dim`` is the
    width of an encoder's pooled text vector; where it is 0 the families that read one take the
    mean of the text features. A video has ``frames`` > 1; a patch never spans frames.
    """

    height: int
    width: int
    channels: int
    patch: int
    text_tokens: int
    vocabulary: int = 0
    text_dim: int = 0
    pooled_dim: int = 0
    frames: int = 1

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels", "patch", "frames"):
            if (given := getattr(self, name)) < 1:
                raise BadInput(f"geometry.{name}: {given} is too small; use 1 or more")
        for side in ("height", "width"):
            length, common = getattr(self, side), gcd(self.height, self.width)
            if length % self.patch:
                smaller = range(min(self.patch, common), 0, -1)
                fits = next(p for p in smaller if common % p == 0)
                raise BadInput(
                    f"geometry.patch: {self.patch} does not divide the {side} {length}; "
                    f"use {fits}, a divisor of height and width"
                )
        if self.text_tokens and bool(self.vocabulary) == bool(self.text_dim):
            raise BadInput(
                "geometry: text is either words (vocabulary) or features (text_dim); set just one"
            )
        if self.pooled_dim and self.vocabulary:
            raise BadInput(
                "geometry.pooled_dim: words have no encoder to pool them; leave it out, or give "
                "the text as features (text_dim)"
            )

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def size(self) -> str:
        """Height and width, as columns and messages name them."""
        return f"{self.height}x{self.width}"

    @property
    def rows(self) -> int:
        """Patches down one frame."""
        return self.height // self.patch

    @property
    def columns(self) -> int:
        """Patches across one frame."""
        return self.width // self.patch

    @property
    def image_tokens(self) -> int:
        """Patches of one sample, all frames."""
        return self.frames * self.rows * self.columns

    @property
    def patch_dim(self) -> int:
        """Values in one patch."""
        return self.patch * self.patch * self.channels

    @property
    def tokens(self) -> int:
        """Image and text tokens of one sample: the D of the laws counts these."""
        return self.image_tokens + self.text_tokens

    @property
    def words(self) -> bool:
        """Whether text arrives as words of a learned table."""
        return bool(self.text_tokens and self.vocabulary)

    def text_inputs(self, width: int) -> int:
        """Width of the text features that a model of that width reads; 0 without text.

        Words are looked up in a table of the model's own width.
        """
        if not self.text_tokens:
            return 0
        return width if self.vocabulary else self.text_dim

    def pooled_inputs(self, width: int) -> int:
        """Width of the pooled text vector that a model of that width reads; 0 without any."""
        return self.pooled_dim or self.text_inputs(width)
