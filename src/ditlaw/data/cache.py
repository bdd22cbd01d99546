"""A prepared cache of samples: memory-mapped, read by row in any order."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ditlaw.data.batch import Batch
from ditlaw.data.manifest import Manifest, Shard, read_manifest
from ditlaw.data.order import Ints, Words, held_out, stream_rows
from ditlaw.errors import BadInput

Size = tuple[int, int]  # height and width of the arrays
KEPT_OPEN = 64  # shards whose maps are kept
PLACES = 1024  # of a stream, whose order is computed at a time


class Cache:
    """A finished cache; row i is sample i, in the order of the shards.

    Raises:
        BadInput: not a finished cache, or a shard is missing, cut short or not what it should be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder)
        sizes = [shard.samples for shard in self.manifest.shards]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._open: dict[tuple[str, str], NDArray[np.generic]] = {}
        self._opening = threading.Lock()  # several threads may read ahead of a GPU
        for shard in self.manifest.shards:
            self._check(shard)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def pixels(self) -> bool:
        """Whether its samples are pictures, and not latents."""
        return self.manifest.image.kind == "pixels"

    def key_hashes(self) -> Words:
        """The hash of every sample's key, (n,)."""
        parts = [np.asarray(self._array(s, "keys")) for s in self.manifest.shards]
        return np.concatenate(parts).astype(np.uint64) if parts else np.zeros(0, np.uint64)

    def of_size(self, size: Size | None) -> NDArray[np.bool_]:
        """Which rows have that (height, width), (n,); all of them where it is None."""
        shards = self.manifest.shards
        fits = [size is None or (shard.height, shard.width) == size for shard in shards]
        return np.repeat(fits, [shard.samples for shard in shards])

    def read(self, rows: Ints) -> Batch:
        """The samples of those rows (n,), all of one resolution."""
        text = self.manifest.text
        images = self._gather("images", rows)
        if self.pixels:
            images = images.astype(np.float32) * np.float32(1 / 127.5) - np.float32(1)
        said = None if text.kind == "none" else self._gather("text", rows)
        if said is not None:
            said = said.astype(np.float32 if text.kind == "features" else np.int64)
        pooled = self._gather("pooled", rows).astype(np.float32) if text.pooled_dim else None
        return Batch(images.astype(np.float32, copy=False), said, pooled)

    def captions(self) -> Iterator[tuple[str, str]]:
        """Key and caption of every sample, in the order of the rows."""
        for shard in self.manifest.shards:
            with (self.folder / f"{shard.name}.jsonl").open(encoding="utf-8") as file:
                for line in file:
                    sample = json.loads(line)
                    yield sample["key"], sample["caption"]

    def said(self, rows: Ints) -> list[str]:
        """The captions of those rows (n,).

        Raises:
            BadInput: the file that has them is missing or damaged.
        """
        found: dict[int, str] = {}
        number = np.searchsorted(self.starts, rows, side="right") - 1
        for each in np.unique(number):
            path = self.folder / f"{self.manifest.shards[int(each)].name}.jsonl"
            try:
                lines = path.read_text(encoding="utf-8").split("\n")
                for row in rows[number == each]:
                    found[int(row)] = json.loads(lines[row - self.starts[each]])["caption"]
            except (OSError, ValueError, LookupError, TypeError):
                raise BadInput(f"{path}: missing or damaged; encode again") from None
        return [found[int(row)] for row in rows]

    def _gather(self, part: str, rows: Ints) -> NDArray[np.generic]:
        number = np.searchsorted(self.starts, rows, side="right") - 1
        out: NDArray[np.generic] | None = None
        for each in np.unique(number):
            here = number == each
            shard = self.manifest.shards[int(each)]
            found = self._array(shard, part)[rows[here] - self.starts[each]]
            if out is None:
                out = np.empty((len(rows), *found.shape[1:]), found.dtype)
            out[here] = found
        assert out is not None, "rows are never none"
        return out

    def _array(self, shard: Shard, part: str) -> NDArray[np.generic]:
        key = (shard.name, part)
        with self._opening:
            found = self._open.get(key)
            if found is None:
                path = self.folder / f"{shard.name}.{part}.npy"
                try:
                    found = np.load(path, mmap_mode="r", allow_pickle=False)
                except (OSError, ValueError, EOFError):
                    raise BadInput(f"{path}: missing or cut short; encode again") from None
                while len(self._open) >= KEPT_OPEN:
                    self._open.pop(next(iter(self._open)))
                self._open[key] = found
        return found

    def _check(self, shard: Shard) -> None:
        image, text, n = self.manifest.image, self.manifest.text, shard.samples
        wanted: dict[str, tuple[int, ...]] = {
            "images": (n, image.channels, shard.height, shard.width),
            "keys": (n,),
        }
        if text.kind != "none":
            dim = (text.dim,) if text.kind == "features" else ()
            wanted["text"] = (n, text.tokens, *dim)
        if text.pooled_dim:
            wanted["pooled"] = (n, text.pooled_dim)
        for part, shape in wanted.items():
            if self._array(shard, part).shape != shape:
                path = self.folder / f"{shard.name}.{part}.npy"
                raise BadInput(f"{path}: holds another shape than the manifest says; encode again")


class Stream:
    """The training samples of a cache, of one size, reshuffled every epoch, without end."""

    def __init__(
        self, cache: Cache, share_held_out: float, seed: int, size: Size | None = None
    ) -> None:
        self.cache, self.seed, self.pixels = cache, seed, cache.pixels
        kept = ~held_out(cache.key_hashes(), share_held_out)
        self.chosen = np.flatnonzero(kept & cache.of_size(size))
        self.samples = len(self.chosen)
        self._known: tuple[tuple[int, int], Ints] | None = None
        if not self.samples:
            raise BadInput(
                f"{cache.folder}: every sample{_of(size)} is held out; lower data.held_out"
            )

    def read(self, start: int, count: int) -> Batch:
        """Samples at places start … start + count − 1 of the stream."""
        return self.cache.read(self.rows(start, count))

    def rows(self, start: int, count: int) -> Ints:
        """Their rows in the cache; the order is computed many places at a time."""
        first, last = start // PLACES, (start + count - 1) // PLACES
        known = self._known  # another thread may put its own there meanwhile
        if known is None or known[0] != (first, last):
            number = (last - first + 1) * PLACES
            order = stream_rows(first * PLACES, number, self.samples, self.seed)
            self._known = known = (first, last), self.chosen[order]
        offset = start - first * PLACES
        return known[1][offset : offset + count]


class HeldOut:
    """The held-out samples of a cache, of one size, by their keys' hashes; they start over."""

    def __init__(self, cache: Cache, share: float, size: Size | None = None) -> None:
        hashes, fits = cache.key_hashes(), cache.of_size(size)
        chosen = np.flatnonzero(held_out(hashes, share) & fits)
        self.cache, self.pixels = cache, cache.pixels
        self.chosen = chosen[np.argsort(hashes[chosen], kind="stable")]
        self.samples = len(self.chosen)
        if not self.samples:
            raise BadInput(
                f"{cache.folder}: no sample is held out of {int(fits.sum()):,}{_of(size)}; raise "
                "data.held_out"
            )

    def read(self, start: int, count: int) -> Batch:
        """Held-out samples start … start + count − 1."""
        return self.cache.read(self.rows(start, count))

    def captions(self, start: int, count: int) -> list[str]:
        """What is written of them; every caption of the cache is read for it."""
        rows = self.rows(start, count).tolist()
        wanted = set(rows)
        found = {i: said for i, (_, said) in enumerate(self.cache.captions()) if i in wanted}
        return [found[row] for row in rows]

    def rows(self, start: int, count: int) -> Ints:
        """Their rows in the cache."""
        return self.chosen[np.arange(start, start + count) % self.samples]


def _of(size: Size | None) -> str:
    return "" if size is None else f" of {size[0]}x{size[1]}"
