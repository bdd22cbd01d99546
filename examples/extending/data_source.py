"""A data source: NumPy's ``.npz`` with ``pictures`` (n, height, width, 3; uint8) and ``captions``.

It is what ``data/raw/base.py`` asks of raw data: a key a sample, a picture's file, a caption. The
cache, the split, the order and resuming come by themselves.
"""

import io

import numpy as np
from PIL import Image

from ditlaw.data.raw import READERS, SUFFIXES
from ditlaw.data.raw.base import caption_field, text_of


class Npz:
    """The samples of one or several files, in their order."""

    def __init__(self, wanted, where, files, names):
        self.field = caption_field(wanted, ["caption"], where)
        self.faults = []
        self.keys, self.pictures, self.captions = [], [], []
        for file, name in zip(files, names, strict=True):
            with np.load(file, allow_pickle=False) as held:
                self.pictures += list(held["pictures"])
                self.captions += [str(caption) for caption in held["captions"]]
                self.keys += [f"{name}/{i:06d}" for i in range(len(held["pictures"]))]

    def image(self, number):
        buffer = io.BytesIO()
        Image.fromarray(self.pictures[number]).save(buffer, "PNG")
        return buffer.getvalue()

    def caption(self, number):
        return text_of(self.captions[number])


SUFFIXES[".npz"] = "npz"
READERS["npz"] = "data_source:Npz"
