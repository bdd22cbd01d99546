"""The held-out pictures that drawings are compared with, as features; kept in the study folder.

DIR/metrics/reference-KEY.safetensors    the features (n, d); KEY is of the pictures and extractor
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
import torch
from numpy.typing import NDArray
from torch import Tensor

from ditlaw.data import HELD_OUT_SEED
from ditlaw.data.order import Floats
from ditlaw.digests import digest
from ditlaw.files import write_bytes
from ditlaw.metrics.base import Bench
from ditlaw.metrics.distance import Statistics, statistics
from ditlaw.metrics.extractors.base import BATCH, Extractor
from ditlaw.metrics.kernel import within

FEWEST = 2048  # pictures where there is no end of them
MOST = 50_000  # of a set that is larger than the drawings that it is compared with


@dataclass(frozen=True)
class Reference:
    """Features (n, d) of the held-out pictures; ``sha256`` is of the pictures as bytes."""

    features: NDArray[np.float32]
    sha256: str

    @cached_property
    def statistics(self) -> Statistics:
        """Their mean and covariance."""
        return statistics([self.features])

    @cached_property
    def within(self) -> Floats:
        """Their own part of the kernel distance; see ``kernel.within``."""
        return within(self.features)


def reference_of(bench: Bench, extractor: Extractor, samples: int) -> Reference:
    """The reference for that many drawings: computed by whoever comes first, then read.

    All held-out samples up to ``MOST``, or of an endless stream the first ``FEWEST``; at least as
    many as drawings, where there are.
    """
    count = reference_count(bench, samples)
    key = digest([_identity(bench), extractor.label, extractor.sha256, extractor.reads, count])
    path = bench.study / "metrics" / f"reference-{key[:16]}.safetensors"
    kept = _read(path, key)
    if kept is not None:
        return kept
    found, seen = [], hashlib.sha256()
    for images in _pictures(bench, count):
        seen.update(f"{tuple(images.shape)}\n".encode())
        seen.update(((images.clamp(-1, 1) + 1) * 127.5).round().byte().numpy().tobytes())
        found.append(extractor(images).numpy())
    made = Reference(np.concatenate(found), seen.hexdigest())
    facts = {"key": key, "pictures": made.sha256, "features": _sha256(made.features)}
    content = {"features": made.features}
    write_bytes(path, safetensors.numpy.save(content, {"reference": json.dumps(facts)}))
    return made


def reference_count(bench: Bench, samples: int) -> int:
    """How many pictures the reference has."""
    if bench.source.samples is None:
        return max(samples, FEWEST)
    return min(bench.source.samples, max(samples, MOST))


def _pictures(bench: Bench, count: int) -> Iterator[Tensor]:
    for start in range(0, count, BATCH):
        yield torch.from_numpy(bench.source.read(start, min(BATCH, count - start)).images)


def _identity(bench: Bench) -> object:
    """What the held-out pictures are a function of. Captions do not change a scene."""
    data = bench.spec.data
    if not data.prepared:
        return [data.source, HELD_OUT_SEED]
    from ditlaw.data.manifest import read_manifest
    from ditlaw.data.places import prepared_folder

    return [read_manifest(prepared_folder(bench.root, data.label)).digest(), data.held_out]


def _read(path: Path, key: str) -> Reference | None:
    """What is kept there; None where it is missing, damaged or of something else."""
    try:
        content = path.read_bytes()
        features = safetensors.numpy.load(content)["features"]
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        facts = json.loads(header["__metadata__"]["reference"])
    except (OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        return None
    if (facts.get("key"), facts.get("features")) != (key, _sha256(features)):
        return None
    return Reference(features, str(facts.get("pictures")))


def _sha256(features: NDArray[np.float32]) -> str:
    return hashlib.sha256(features.tobytes()).hexdigest()
