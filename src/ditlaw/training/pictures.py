"""Pictures on disk: one strip a budget, the same captions every time."""

import io

import numpy as np
from PIL import Image

from ditlaw.files import write_bytes
from ditlaw.training.folder import RunFolder


def save_pictures(
    folder: RunFolder, budget: float, pictures: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]"
) -> None:
    """Write (n, height, width, channels) bytes side by side, where the run keeps them."""
    write_bytes(folder.picture(budget), strip(pictures))


def strip(pictures: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    """A PNG of pictures side by side."""
    return png(np.concatenate(list(pictures), axis=1))


def png(picture: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    """A PNG of (height, width, channels) bytes, grey or red, green and blue."""
    buffer = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "PNG")
    return buffer.getvalue()
