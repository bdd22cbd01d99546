"""scikit-learn's handwritten digits: 1,797 grey pictures of 8×8, a small real data set."""

import io

import numpy as np
from PIL import Image

from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WHITEST = 16  # of the set's greys


class Digits:
    """The digits, each with its word; ink is white."""

    field = "digit"

    def __init__(self, wanted: Wanted) -> None:
        from sklearn.datasets import load_digits

        for name, given in (("caption", wanted.caption), ("image", wanted.image)):
            if given not in (None, self.field):
                raise BadInput(f"data.{name}: digits have no field {given}; leave it out")
        found = load_digits()
        self.pictures = (found.images * (255 / WHITEST)).round().astype(np.uint8)
        self.targets = found.target
        self.keys = [f"digit-{i:04d}" for i in range(len(self.targets))]
        self.faults: list[tuple[str, str]] = []

    def image(self, number: int) -> bytes:
        """The picture as a PNG file."""
        buffer = io.BytesIO()
        Image.fromarray(self.pictures[number]).save(buffer, "PNG", compress_level=0)
        return buffer.getvalue()

    def caption(self, number: int) -> str:
        """The digit's word."""
        return WORDS[int(self.targets[number])]
