"""A picture's file to the bytes of one of the wanted sizes.

Turned as its EXIF says; what is transparent lies on white; cropped at the centre to the ratio of
the size, then resized with Lanczos' filter.
"""

import io
import math
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ditlaw.data.manifest import ImageFacts
from ditlaw.data.order import key_hash
from ditlaw.data.raw.base import Unusable
from ditlaw.data.wanted import Wanted

# Pillow reads many more, some by calling other programs: only what is wanted is tried.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MOST_PIXELS = 178_956_970  # of one picture, before it is unpacked; Pillow's own limit
SAME = 1e-9  # ratios, as logarithms, that differ by less are one
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Pixels:
    """Keeps pixels as they are."""

    def __init__(self, channels: int) -> None:
        self.facts = ImageFacts(kind="pixels", channels=channels)

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(n, channels, height, width) → the same."""
        return pixels


def picture(content: bytes, key: str, wanted: Wanted) -> NDArray[np.uint8]:
    """A picture's file as (channels, height, width) bytes of the wanted size nearest its ratio.

    Raises:
        Unusable: it cannot be decoded, or is too large to be.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of a picture that it can read
        upright = _decoded(content)
    upright = upright.convert("L" if wanted.channels == 1 else "RGB")
    height, width = size_for(upright.height, upright.width, key, wanted.sizes)
    fitted = upright.resize(
        (width, height),
        Image.Resampling.LANCZOS,
        box=_centre(upright.width, upright.height, width / height),
    )
    pixels = np.asarray(fitted, np.uint8)
    return pixels[None] if wanted.channels == 1 else pixels.transpose(2, 0, 1)


def size_for(
    height: int, width: int, key: str, sizes: tuple[tuple[int, int], ...]
) -> tuple[int, int]:
    """The (height, width) whose ratio is nearest; the key deals out those that are equally near."""
    away = [abs(math.log(width / height) - math.log(w / h)) for h, w in sizes]
    near = [size for size, d in zip(sizes, away, strict=True) if d <= min(away) + SAME]
    return near[key_hash(key) % len(near)]


def _decoded(content: bytes) -> Image.Image:
    image = _opened(content)
    try:
        image.load()
        return _on_white(_turned(image))
    except Exception as error:
        # Pillow raises what it will on damaged files: OSError, SyntaxError, struct.error, ….
        cut = "truncated" in str(error)
        raise Unusable("the picture is cut short" if cut else "the picture is damaged") from None


def _opened(content: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise Unusable(f"a decompression bomb: more than {MOST_PIXELS:,} pixels") from None
    except Exception:
        raise Unusable("no picture that is read (PNG, JPEG, WebP, GIF, BMP)") from None
    if image.width * image.height > MOST_PIXELS:
        raise Unusable(f"a decompression bomb: more than {MOST_PIXELS:,} pixels")
    if not image.width * image.height:
        raise Unusable("the picture has no pixels")
    return image


def _turned(image: Image.Image) -> Image.Image:
    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION, 1))
    except Exception:
        return image  # what it says of itself is damaged, not the picture
    return image if turn is None else image.transpose(turn)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits a pixel, whatever they are kept in
        wide = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray((wide * 255 // 65535).astype(np.uint8))
    if not image.has_transparency_data:
        return image
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, clear)


def _centre(width: int, height: int, ratio: float) -> tuple[float, float, float, float]:
    """The largest box of a ratio of sides, width / height, at the centre: left, top, right, low."""
    wide, high = min(width, height * ratio), min(height, width / ratio)
    left, top = (width - wide) / 2, (height - high) / 2
    return left, top, left + wide, top + high
