"""The pictures section: the same captions, the true pictures, and what rising compute draws."""

import base64
import contextlib
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ditlaw import text
from ditlaw.data import Batch, open_held_out
from ditlaw.data.cache import HeldOut
from ditlaw.data.scenes import EMPTY, PALETTE, VOCABULARY
from ditlaw.errors import DitlawError
from ditlaw.report.material import Material, Run
from ditlaw.study import Study

MOST_PICTURES = 8


@dataclass(frozen=True)
class Tile:
    """One cell of a caption: the word and where and in what colour it is drawn."""

    word: str
    x: int
    y: int
    color: str | None


@dataclass(frozen=True)
class Strip:
    """One row of pictures: its name, a remark, and the PNG that holds ``held`` side by side."""

    name: str
    remark: str
    data: str
    held: int
    checking: bool = False


@dataclass(frozen=True)
class Gallery:
    """Captions as layouts and in words, and rows of pictures for them.

    ``said``: the words are a data set's own captions, to be read as they are.
    """

    captions: list[list[Tile]]
    words: list[str]
    strips: list[Strip]
    smooth: bool
    said: bool = False

    @property
    def shown(self) -> int:
        """Pictures in a row."""
        return len(self.words)


def gallery(material: Material) -> Gallery | None:
    """The pictures of a study's runs; None where there are none."""
    study = material.study
    if study is None or not material.runs or study.evaluation.pictures == 0:
        return None
    drawn = _drawn(material, study)
    if not drawn:
        return None
    shown = min(study.evaluation.pictures, MOST_PICTURES)
    data, folder = material.data, material.folder
    size, length = study.geometry.geometry().sides, study.geometry.text_tokens
    captions, words = [], [f"caption {i + 1}" for i in range(shown)]
    said, batch = False, None
    if data is not None and data.source == "scenes":
        batch = open_held_out(data, size=size, text_tokens=length).read(0, shown)
        captions = [_tiles(row) for row in batch.words]
        words = [" ".join(tile.word for tile in tiles) for tiles in captions]
    elif data is not None and data.prepared:
        with contextlib.suppress(DitlawError):  # the cache may lie elsewhere by now
            source = open_held_out(data, folder, size=size)
            if isinstance(source, HeldOut):
                words, said = source.captions(0, shown), True
                if source.cache.manifest.image.kind == "pixels":
                    batch = source.read(0, shown)
    truth = []
    if batch is not None:
        strip = _encoded(png(_side_by_side(batch)))
        truth = [Strip("true picture", "held out, never trained on", strip, shown)]
    return Gallery(captions, words, [*truth, *drawn], smooth=not captions, said=said)


def _drawn(material: Material, study: Study) -> list[Strip]:
    """One row a budget, by the run nearest its best size; then the verifying runs'."""
    best = {b: material.law.optimum(b).params.value for b in study.budgets}
    held = study.evaluation.pictures
    found = []
    for budget, params in best.items():
        runs = [(run, _picture(run, budget)) for run in material.runs if not run.verifying]
        able = [(run, path) for run, path in runs if path is not None]
        if able:
            run, path = min(able, key=lambda pair: abs(np.log(_params(pair[0]) / params)))
            remark = _remark(run)
            name = f"{text.flops(budget)} FLOPs"
            found.append(Strip(name, remark, _encoded(path.read_bytes()), held))
    for run in material.runs:
        budget = run.spec.stops[-1].budget
        strip = _picture(run, budget) if run.verifying else None
        if strip is not None:
            remark = f"{_remark(run)}, checks the forecast"
            name = f"{text.flops(budget)} FLOPs"
            found.append(Strip(name, remark, _encoded(strip.read_bytes()), held, checking=True))
    return found


def _remark(run: Run) -> str:
    """Size and id, which a narrow label does not break at its hyphens."""
    name = run.status.id.replace("-", "\u2011")
    return f"{text.count(_params(run))} params, {name}"


def _params(run: Run) -> int:
    return run.spec.counts().params


def _picture(run: Run, budget: float) -> Path | None:
    """A run's strip for a budget, if it was drawn."""
    path = run.folder.picture(budget)
    return path if path.exists() else None


def _tiles(row: NDArray[np.int64]) -> list[Tile]:
    cells = math.isqrt(len(row))
    return [
        Tile(word, i % cells, i // cells, None if word == EMPTY else _hex(*PALETTE[word]))
        for i, word in enumerate(VOCABULARY[w] for w in row)
    ]


def _hex(red: float, green: float, blue: float) -> str:
    """A colour of 0 … 255 channels as CSS writes it."""
    return f"#{round(red):02x}{round(green):02x}{round(blue):02x}"


def _side_by_side(batch: Batch) -> NDArray[np.uint8]:
    """True pictures in a row, (height, n·width, 3); grey ones in all three channels."""
    pixels = np.clip(np.round((batch.images + 1) * 127.5), 0, 255).astype(np.uint8)
    strip = np.concatenate(list(pixels.transpose(0, 2, 3, 1)), axis=1)
    return np.broadcast_to(strip, (*strip.shape[:2], 3)) if strip.shape[2] == 1 else strip


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of (height, width, 3) bytes; the analysis half has no imaging library."""
    height, width, _ = pixels.shape
    # Each scan line begins with its filter: 0, none.
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _encoded(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")
