"""Raw data made on the spot: pictures, tar shards, and what they are wanted as."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from ditlaw.data.cache import Cache
from ditlaw.data.prepare import prepare
from ditlaw.data.wanted import Wanted

WORDS = ("red", "green", "blue", "old", "new", "cat", "dog", "house")


def encoded(image: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pixels(number: int, size: int = 16) -> np.ndarray:
    """A picture of its own for each number, (size, size, 3)."""
    return np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)


def png(number: int, size: int = 16) -> bytes:
    return encoded(Image.fromarray(pixels(number, size)))


def caption(number: int) -> str:
    return f"A {WORDS[number % 8]} {WORDS[number // 8 % 8]}, no. {number}!"


def sample(number: int) -> dict[str, bytes]:
    """Members of one sample, by extension."""
    more = {"caption_sparse": WORDS[number % 8], "label": number % 3, "tags": ["a"]}
    return {
        "png": png(number),
        "txt": caption(number).encode(),
        "json": json.dumps(more).encode(),
    }


def samples(count: int, first: int = 0) -> dict[str, bytes]:
    """Members of a shard, by name."""
    return {
        f"{number:04d}.{kind}": content
        for number in range(first, first + count)
        for kind, content in sample(number).items()
    }


def tar_bytes(members: dict[str, bytes] | list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items() if isinstance(members, dict) else members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def write_tar(path: Path, members: dict[str, bytes] | list[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar_bytes(members))
    return path


def wish(*paths: Path | str, **changes) -> Wanted:
    usual = {"sizes": ((16, 16),), "text_tokens": 6, "vocabulary": 40}
    return Wanted(paths=tuple(map(str, paths)), **(usual | changes))


def made(out: Path, wanted: Wanted, **options) -> Cache:
    prepare(wanted, out, **options)
    return Cache(out)


def skipped(out: Path) -> dict[str, str]:
    """What was skipped: reason by key."""
    lines = (out / "skipped.jsonl").read_text(encoding="utf-8").splitlines()
    pairs = [(line["key"], line["reason"]) for line in map(json.loads, lines)]
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def bytes_of(cache: Cache) -> dict[str, np.ndarray]:
    """Every sample's pixels, (channels, height, width) bytes, by key."""
    images = cache.read(np.arange(len(cache))).images
    back = np.round((images + 1) * 127.5).astype(np.uint8)
    return {key: image for (key, _), image in zip(cache.captions(), back, strict=True)}


def files_of(out: Path) -> dict[str, bytes]:
    """Everything in a cache, locks left out."""
    return {path.name: path.read_bytes() for path in sorted(out.iterdir()) if path.is_file()}
