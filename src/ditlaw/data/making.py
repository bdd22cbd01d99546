"""The samples of a range of raw ones, made into shards: one for each size that is among them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.manifest import Shard
from ditlaw.data.pictures import picture
from ditlaw.data.raw import Raw, Unusable
from ditlaw.data.shards import write_shard
from ditlaw.data.sides import ImageSide, TextSide
from ditlaw.data.vocabulary import refusal
from ditlaw.data.wanted import Wanted
from ditlaw.errors import BadInput
from ditlaw.text import plain

Size = tuple[int, int]  # height and width, in pixels


@dataclass(frozen=True)
class Maker:
    """How samples are made: all that a shard's content depends on.

    ``batch`` pictures of one size go to the sides at a time, always the same ones together.
    """

    raw: Raw
    wanted: Wanted
    image: ImageSide
    text: TextSide
    batch: int

    def make(
        self, numbers: range, name: str, folder: Path, told: Callable[[int], None]
    ) -> tuple[list[Shard], list[tuple[str, str]]]:
        """Write the shards of raw samples ``numbers``; what is skipped has its key and reason."""
        skipped: list[tuple[str, str]] = []
        heaps = {size: _Heap() for size in self.wanted.sizes}
        for sample in self._samples(numbers, skipped, told):
            heap = heaps[sample.pixels.shape[1], sample.pixels.shape[2]]
            heap.waiting.append(sample)
            if len(heap.waiting) == self.batch:
                self._convert(heap)
        shards = []
        for (height, width), heap in heaps.items():
            self._convert(heap)
            if heap.keys:
                several = f"-{height}x{width}" if len(heaps) > 1 else ""
                arrays = {part: np.concatenate(list_) for part, list_ in heap.arrays.items()}
                shards.append(write_shard(folder, name + several, arrays, heap.keys, heap.captions))
        return shards, skipped

    def _samples(
        self, numbers: range, skipped: list[tuple[str, str]], told: Callable[[int], None]
    ) -> Iterator["_Sample"]:
        for done, number in enumerate(numbers):
            if done % self.batch == 0:
                told(done)
            key = self.raw.keys[number]
            try:
                caption = self._caption(number)
                pixels = picture(self.raw.image(number), key, self.wanted)
            except Unusable as reason:
                skipped.append((key, str(reason)))
            else:
                yield _Sample(key, caption, pixels)

    def _caption(self, number: int) -> str:
        if self.text.facts.kind == "none":
            return caption_or_nothing(self.raw, number)
        caption = self.raw.caption(number)
        if reason := refusal(self.text, caption):
            raise Unusable(reason)
        return caption

    def _convert(self, heap: "_Heap") -> None:
        waiting, heap.waiting = heap.waiting, []
        if not waiting:
            return
        images = self.image(np.stack([sample.pixels for sample in waiting]))
        said = self.text([sample.caption for sample in waiting])
        for part, array in ({"images": images} | said).items():
            _require_finite(part, array, waiting)
            heap.arrays.setdefault(part, []).append(array)
        heap.keys += [sample.key for sample in waiting]
        heap.captions += [sample.caption for sample in waiting]


class _Sample(NamedTuple):
    key: str
    caption: str
    pixels: NDArray[np.uint8]


@dataclass
class _Heap:
    """Samples of one size: those that wait for a batch, and what became of the others."""

    waiting: list[_Sample] = field(default_factory=list)
    arrays: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


def _require_finite(part: str, array: NDArray[Any], samples: list[_Sample]) -> None:
    """Whether an encoder's numbers are numbers: one that gives others is not to be trained on.

    Raises:
        BadInput: names the first sample whose are not.
    """
    if array.dtype.kind != "f":
        return
    whole = np.isfinite(array).reshape(len(array), -1).all(axis=1)
    if not whole.all():
        key = samples[int(np.argmin(whole))].key
        side = "--vae" if part == "images" else "--text-encoder"
        raise BadInput(
            f"{side}: gives {plain(key)} numbers that are infinite or past 65504, float16's range; "
            "try --precision float32 or other weights"
        )


def caption_or_nothing(raw: Raw, number: int) -> str:
    """A caption where nothing depends on there being one."""
    try:
        return raw.caption(number) if raw.field else ""
    except Unusable:
        return ""
