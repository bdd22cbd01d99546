"""Writing a cache: a shard's arrays, then its record, then, when all are there, the manifest."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ditlaw import __version__
from ditlaw.data.manifest import (
    MANIFEST_FILE,
    SKIPPED_FILE,
    ImageFacts,
    Manifest,
    Shard,
    SourceFacts,
    TextFacts,
)
from ditlaw.data.order import key_hash
from ditlaw.errors import BadInput
from ditlaw.files import write_bytes, write_json, write_text


def write_shard(
    folder: Path, name: str, arrays: dict[str, NDArray[Any]], keys: list[str], captions: list[str]
) -> Shard:
    """Write one shard's arrays, each atomically.

    Args:
        folder: the cache.
        name: of the shard, such as ``00000``.
        arrays: ``images`` (n, channels, height, width); ``text`` and ``pooled`` where there are.
        keys: n keys, distinct in the whole cache.
        captions: n captions, as written.
    """
    hashes = np.array([key_hash(key) for key in keys], np.uint64)
    digest = hashlib.sha256()
    for part, array in sorted((arrays | {"keys": hashes}).items()):
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
        digest.update(buffer.getvalue())
        write_bytes(folder / f"{name}.{part}.npy", buffer.getvalue())
    lines = [
        json.dumps({"key": key, "caption": caption}, ensure_ascii=False) + "\n"
        for key, caption in zip(keys, captions, strict=True)
    ]
    write_text(folder / f"{name}.jsonl", "".join(lines))
    _, _, height, width = arrays["images"].shape
    return Shard(
        name=name, samples=len(keys), height=height, width=width, sha256=digest.hexdigest()
    )


def check_shard(folder: Path, shard: Shard) -> None:
    """Whether a shard's arrays are to the byte what the manifest says.

    Raises:
        BadInput: one was changed or is damaged.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.glob(f"{shard.name}.*.npy")):
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    if digest.hexdigest() != shard.sha256:
        raise BadInput(f"{folder / shard.name}.*.npy: not what {MANIFEST_FILE} says; encode again")


def write_manifest(
    folder: Path,
    source: SourceFacts,
    image: ImageFacts,
    text: TextFacts,
    shards: list[Shard],
    skipped: list[tuple[str, str]],
) -> Manifest:
    """Finish a cache whose shards are all there; ``skipped`` has the key and the reason of each."""
    write_skipped(folder, skipped)
    manifest = Manifest(
        ditlaw=__version__,
        source=source,
        image=image,
        text=text,
        samples=sum(shard.samples for shard in shards),
        skipped=len(skipped),
        shards=shards,
    )
    write_json(folder / MANIFEST_FILE, manifest.model_dump(mode="json"))
    return manifest


def write_skipped(folder: Path, skipped: list[tuple[str, str]]) -> None:
    """List what could not be used, with the key and the reason of each."""
    lines = [
        json.dumps({"key": key, "reason": reason}, ensure_ascii=False) + "\n"
        for key, reason in skipped
    ]
    write_text(folder / SKIPPED_FILE, "".join(lines))
