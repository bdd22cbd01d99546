"""Procedural captioned pictures: collages of cut paper ("dead leaves") with a layout caption.

A picture is 14 leaves painted back to front: power-law sizes, overlapping, so that detail exists
at every scale and a larger model always has more to learn. Its caption is a layout, of 4×4 cells
unless a study asks for more or fewer text tokens: the colour word of the topmost leaf at the centre
of each cell. Every sample is a function of
(seed, index) alone, whatever the batch split, from a counter-based hash. Leaves are drawn where
they lie in the picture, not on its pixels: any size shows the same collage, stretched to its sides.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.batch import Batch, joined
from ditlaw.data.order import Floats, uniforms
from ditlaw.errors import BadInput
from ditlaw.families import Geometry

SIZE = 16
MOST_SIZE = 64
SEEDS_OF_A_SIZE = 2**30  # no seed of a study reaches it, nor all sizes together the held-out seed
CELLS = 4
LAYOUTS = (1, 4, 16)  # lengths of a caption: cells a side, squared, that divide any size
# Colour words by rank: a word's frequency is proportional to 1/rank. Word 0 says nothing.
PALETTE = {
    "teal": (32, 140, 140),
    "cream": (232, 214, 180),
    "navy": (34, 52, 104),
    "coral": (230, 104, 82),
    "olive": (124, 126, 48),
    "sky": (108, 176, 226),
    "plum": (112, 42, 96),
    "gold": (230, 178, 44),
    "mint": (150, 222, 180),
    "rust": (150, 66, 30),
    "slate": (96, 110, 128),
    "rose": (226, 130, 168),
    "forest": (28, 84, 52),
    "lilac": (174, 150, 218),
    "charcoal": (42, 42, 48),
    "brick": (188, 48, 52),
}
EMPTY = "·"
VOCABULARY = (EMPTY, *PALETTE)
LEAVES = 14
SMALLEST, LARGEST = 0.2, 1.2  # leaf sizes; density ~ size^-2 between them
BACKGROUND = 9.0  # size of leaf 0, which covers everything
SLOTS_PER_LEAF = 12  # uniforms that one leaf may draw
JITTER = 0.036
CHUNK = 512
AT_ONCE = 2**15  # pixels
DIRECT = 64  # as many are drawn as fast by themselves, by several threads at once


def check_geometry(geometry: Geometry, where: str = "geometry") -> None:
    """Scenes have sides that their cells divide, and captions of one of a few lengths.

    ``where`` names the part of a study that gives the sides.

    Raises:
        BadInput: the geometry asks for another; the message names the field and the value.
    """
    for side in ("height", "width"):
        length = getattr(geometry, side)
        if length % CELLS or not SIZE <= length <= MOST_SIZE:
            raise BadInput(
                f"{where}.{side}: scenes have multiples of {CELLS} from {SIZE} to {MOST_SIZE}, "
                f"not {length}; set {side}: {SIZE}"
            )
    if geometry.text_tokens not in LAYOUTS:
        raise BadInput(
            f"geometry.text_tokens: scenes have {', '.join(map(str, LAYOUTS))}, a layout of cells, "
            f"not {geometry.text_tokens}; set text_tokens: {CELLS * CELLS}"
        )
    wanted = {
        "channels": 3,
        "vocabulary": len(VOCABULARY),
        "text_dim": 0,
        "frames": 1,
    }
    for field, value in wanted.items():
        if getattr(geometry, field) != value:
            raise BadInput(
                f"geometry.{field}: scenes have {value}, not {getattr(geometry, field)}; "
                f"set {field}: {value}"
            )


def seed_of(seed: int, size: tuple[int, int]) -> int:
    """A seed for scenes of a size (height, width): scenes of another size are other scenes."""
    down, across = (side // CELLS for side in size)
    number = (down - CELLS) * (MOST_SIZE // CELLS + 1) + across - CELLS  # 0 for 16×16
    return seed + number * SEEDS_OF_A_SIZE


def palette() -> Floats:
    """The colours of the words after the empty one, (16, 3) in [−1, 1]."""
    return np.array(list(PALETTE.values())) / 127.5 - 1


class Scenes:
    """The infinite stream of one seed, at one size (height, width)."""

    samples: int | None = None  # no end of them
    pixels = True

    def __init__(
        self,
        seed: int,
        captions: str = "dense",
        size: tuple[int, int] = (SIZE, SIZE),
        text_tokens: int = CELLS * CELLS,
    ) -> None:
        self.seed = seed
        self.captions = captions
        self.size = size
        self.cells = math.isqrt(text_tokens)
        self._chunk: tuple[int, Batch] | None = None

    def read(self, start: int, count: int) -> Batch:
        """Samples start … start + count − 1; a few at a time are drawn in large chunks."""
        if count >= DIRECT:
            return self.draw(np.arange(start, start + count, dtype=np.int64))
        parts = []
        while count > 0:
            number, offset = divmod(start, CHUNK)
            chunk = self._chunk  # another thread may put its own there meanwhile
            if chunk is None or chunk[0] != number:
                index = np.arange(number * CHUNK, (number + 1) * CHUNK, dtype=np.int64)
                self._chunk = chunk = number, self.draw(index)
            whole = chunk[1]
            take = min(count, CHUNK - offset)
            parts.append(whole.rows(slice(offset, offset + take)))
            start, count = start + take, count - take
        return joined(parts)

    def draw(self, index: NDArray[np.int64]) -> Batch:
        """The samples of those indices."""
        q = uniforms(self.seed, index, LEAVES * SLOTS_PER_LEAF + 1)
        leaves = q[:, :-1].reshape(len(index), LEAVES, SLOTS_PER_LEAF)
        # A few at a time: what a leaf is painted with then stays in the processor's cache.
        some = AT_ONCE // math.prod(self.size)
        painted = [
            _paint(leaves[start : start + some], self.size, self.cells)
            for start in range(0, len(index), some)
        ]
        picture = np.concatenate([picture for picture, _ in painted])
        words = np.concatenate([words for _, words in painted])
        if self.captions == "sparse":
            kept = np.floor(q[:, -1] * words.shape[1]).astype(np.int64)[:, None]
            words = np.where(np.arange(words.shape[1])[None, :] == kept, words, 0)
        return Batch(picture, words)


def _paint(
    q: Floats, sides: tuple[int, int], cells: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Leaves to pictures (n, 3, *sides), and the word at the centre of each cell (n, cells²).

    A word is the colour of the topmost leaf there; they are in reading order.
    """
    n = len(q)
    rows, columns = (((np.arange(k) + 0.5) / k * 2 - 1).astype(np.float32) for k in sides)
    x, y = columns[None, None, :], rows[None, :, None]
    ranks = 1.0 / np.arange(1, len(PALETTE) + 1)
    zipf = np.cumsum(ranks / ranks.sum())
    colour_index = np.minimum(np.searchsorted(zipf, q[..., 0]), len(PALETTE) - 1)
    size = 1.0 / (1 / SMALLEST - q[..., 1] * (1 / SMALLEST - 1 / LARGEST))
    size[:, 0] = BACKGROUND
    centre = 2.4 * q[..., 2:4] - 1.2
    aspect = np.exp(1.4 * (q[..., 4] - 0.5))
    angle = np.pi * q[..., 5]
    kind = np.floor(3 * q[..., 6]).astype(np.int64)
    tint = palette()[colour_index] + JITTER * np.log(q[..., 7:10] / (1 - q[..., 7:10]))
    shade = 0.6 * q[..., 10] - 0.3

    picture = np.zeros((n, 3, *sides), np.float32)
    down, wide = (side // cells for side in sides)
    centres = (slice(None), slice(down // 2, None, down), slice(wide // 2, None, wide))
    words = np.zeros((n, cells, cells), np.int64)

    def column(values: NDArray[Any]) -> NDArray[np.float32]:
        return values.astype(np.float32)[:, None, None]

    for leaf in range(LEAVES):
        dx, dy = x - column(centre[:, leaf, 0]), y - column(centre[:, leaf, 1])
        cos, sin = column(np.cos(angle[:, leaf])), column(np.sin(angle[:, leaf]))
        along, across = cos * dx + sin * dy, cos * dy - sin * dx
        if leaf == 0:
            cover = np.ones_like(along)
        else:
            half_long = column(size[:, leaf] * aspect[:, leaf])
            half_short = column(size[:, leaf] / aspect[:, leaf])
            cover = np.abs(along)
            cover /= half_long
            across = np.abs(across, out=across)
            across /= half_short
            _distance(cover, across, kind[:, leaf])
            np.subtract(1, cover, out=cover)
            cover *= column(size[:, leaf])
            cover *= min(sides) / 2
            cover += 0.5
            np.clip(cover, 0, 1, out=cover)
        along *= column(shade[:, leaf])
        for channel in range(3):
            colour = along + column(tint[:, leaf, channel])
            colour -= picture[:, channel]
            colour *= cover
            picture[:, channel] += colour
        np.copyto(words, colour_index[:, leaf, None, None] + 1, where=cover[centres] > 0.5)
    return np.clip(picture, -1, 1, out=picture), words.reshape(n, -1)


def _distance(u: NDArray[np.float32], v: NDArray[np.float32], kind: NDArray[np.int64]) -> None:
    """Overwrite u (n, h, w) ≥ 0 with how far (u, v) lies out in a leaf of its kind: 1 is the edge.

    An ellipse, a box or a diamond.
    """
    for number in range(3):
        chosen = np.flatnonzero(kind == number)
        of, other = u[chosen], v[chosen]
        if number == 0:
            of *= of
            other *= other
            of += other
            np.sqrt(of, out=of)
        elif number == 1:
            np.maximum(of, other, out=of)
            of *= 1.13
        else:
            of += other
            of *= 0.8
        u[chosen] = of
