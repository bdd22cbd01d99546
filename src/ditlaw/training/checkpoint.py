"""Checkpoints that survive a crash at any byte: safetensors, hashed, two deep, no pickle.

step-N.safetensors   a state that one process wrote; ``sharded`` says what ranks write in its place
step-N.json          its hash, written last: a state without one was cut short
"""

import contextlib
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
from torch import Tensor

from ditlaw.files import write_bytes, write_json

DEPTH = 2


class Checkpoints:
    """The newest two states of a run, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, step: int, tensors: dict[str, Tensor]) -> None:
        """Write a state, then its hash, then drop all but the newest two.

        The hash is written last: a state without one was cut short and is never loaded.
        """
        record = self.record(step)
        content = safetensors.torch.save(
            {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
            metadata={"format": "ditlaw-trunk-1"},
        )
        write_bytes(record.with_suffix(".safetensors"), content)
        write_json(record, {"step": step, "sha256": hashlib.sha256(content).hexdigest()})
        self.prune()

    def record(self, step: int) -> Path:
        """Where the hash of a step's state is."""
        return self.folder / f"step-{step:010d}.json"

    def records(self) -> list[Path]:
        """The hashes that are there, the newest state's first."""
        return sorted(self.folder.glob("step-*.json"), reverse=True)

    def prune(self) -> None:
        """Drop all but the newest two, states without a hash and what a killed write left."""
        for old in self.records()[DEPTH:]:
            old.unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.suffix == ".tmp" or not path.with_suffix(".json").exists():
                remove(path)

    def clear(self) -> None:
        """Remove every state: one past what is made again would pass for newer."""
        for path in self.folder.glob("step-*"):
            remove(path)

    def load(self, parameters: Mapping[str, Tensor] | None = None) -> dict[str, Tensor] | None:
        """The newest state that is whole, or None; damaged ones are passed over.

        ``parameters`` are the model's, by name; ranks that share it read their shards of it alone.
        """
        for record in self.records():
            if is_whole(record):
                return load_state(record)
        return None


def is_whole(record: Path, rank: int = 0, world: int = 1) -> bool:
    """Whether a state's files are as they were written; each of ``world`` ranks looks at some."""
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError, TypeError):
        said = json.loads(record.read_text())
        if "shards" in said:
            files = {shards_of(record) / name: sha for name, sha in said["shards"].items()}
        else:
            files = {record.with_suffix(".safetensors"): said["sha256"]}
        return all(digest_of(path) == files[path] for path in sorted(files)[rank::world])
    return False


def load_state(record: Path) -> dict[str, Tensor]:
    """A state that is whole, all of it in this process."""
    if shards_of(record).is_dir():
        from ditlaw.training.sharded import read_shards  # what one process does not need

        return read_shards(record)
    return safetensors.torch.load_file(record.with_suffix(".safetensors"))


def shards_of(record: Path) -> Path:
    """The folder of a state that ranks write."""
    return record.with_suffix("")


def digest_of(path: Path) -> str:
    """A file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove(path: Path) -> None:
    """A file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
