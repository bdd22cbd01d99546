"""The two halves of a sample as a cache is made: what turns pictures and captions into arrays."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.manifest import ImageFacts, TextFacts


class ImageSide(Protocol):
    """Pixels to what a cache keeps of them: themselves, or a VAE's latents."""

    @property
    def facts(self) -> ImageFacts:
        """What the manifest says of it."""

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """(n, channels, height, width) bytes → (n, channels, height, width) to keep."""


class TextSide(Protocol):
    """Captions to what a cache keeps of them: words, a label, or an encoder's features."""

    @property
    def facts(self) -> TextFacts:
        """What the manifest says of it."""

    def __call__(self, captions: list[str]) -> dict[str, NDArray[Any]]:
        """n captions → arrays of n rows by part: ``text``, ``pooled``, or neither."""
