"""Checkpoints that survive a crash at any byte: safetensors, hashed, two deep, no pickle.

step-N.safetensors   the state after N steps; its metadata say what it is and of which training
step-N.json          its hash, written last: a state without one was cut short

Where ranks share a run a state is a folder of shards, see ``ditlaw.training.sharded``; any number
of processes reads either. A state that is not whole is passed over for the one before it. One that
is whole and not ours did not come here by an accident of ours: it is refused, not trained over.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from ditlaw.errors import BadInput
from ditlaw.files import write_bytes, write_json

DEPTH = 2
FORMAT = "ditlaw-trunk-1"
SECONDS = 20.0  # at least, between two states that nothing but the clock asks for
SHARE = 0.05  # of the time, at most, goes into writing them


class Checkpoints:
    """The newest two states of a run, in ``folder``; ``training`` is its spec's ``trains_as``."""

    def __init__(self, folder: Path, training: str) -> None:
        self.folder = folder
        self.training = training
        self._next = time.monotonic() + SECONDS

    def due(self) -> bool:
        """Whether it is time for another: paced so that writing them costs little."""
        return time.monotonic() >= self._next

    def save(self, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Write a state, then its hash, then drop all but the newest two up to this step.

        Raises:
            BadInput: it cannot be written; the states before it are still there.
        """
        began = time.monotonic()
        record = self.folder / f"step-{step:010d}.json"
        self._write(record, step, tensors)
        ended = time.monotonic()
        self._next = ended + max(SECONDS, (ended - began) / SHARE)

    def _write(self, record: Path, step: int, tensors: Mapping[str, Tensor]) -> None:
        content = safetensors.torch.save(
            {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
            metadata={"format": FORMAT, "training": self.training},
        )
        remove(shards_of(record))
        write_bytes(lone(record), content)
        write_json(record, {"step": step, "sha256": hashlib.sha256(content).hexdigest()})
        self._prune(record)

    def records(self) -> list[Path]:
        """The states' hashes, the newest first."""
        return sorted(self.folder.glob("step-*.json"), reverse=True)

    def _prune(self, newest: Path) -> None:
        """Remove other states, those without a hash and what a killed write left."""
        # One of a later step could not be loaded, or this step had not been made again.
        keep = [record for record in self.records() if record.stem <= newest.stem][:DEPTH]
        for record in self.records():
            if record not in keep:
                record.unlink(missing_ok=True)
        for path in self.folder.glob(".step-*.tmp"):  # the run's lock is held: nobody's now
            path.unlink(missing_ok=True)
        for path in self.folder.glob("step-*"):
            if not path.with_suffix(".json").exists():
                remove(path)

    def clear(self) -> None:
        """Remove every state: one past what is made again would pass for newer."""
        for path in self.folder.glob("step-*"):
            remove(path)

    def load(self, parameters: Mapping[str, Tensor] | None = None) -> dict[str, Tensor] | None:
        """The newest state that is whole, or None; damaged ones are passed over.

        ``parameters`` are the model's, by name: ranks that share it read their shards of it alone.

        Raises:
            BadInput: it is whole, and no state of this training.
        """
        for record in self.records():
            if is_whole(record):
                self._require_ours(record)
                return load_state(record)
        return None

    def _require_ours(self, record: Path) -> None:
        mend = "remove it, or the run's folder to start over"
        path = shards_of(record) if shards_of(record).is_dir() else lone(record)
        said: dict[str, Any] = json.loads(record.read_text())
        if path == lone(record):
            try:
                with safetensors.safe_open(path, "pt") as file:
                    said = file.metadata() or {}
            except safetensors.SafetensorError:
                raise BadInput(f"{path}: not a safetensors file; {mend}") from None
        if said.get("format") != FORMAT:
            raise BadInput(f"{path}: not a state that ditlaw wrote; {mend}")
        # States written before they said of which training they are have to pass by their shapes.
        if said.get("training", self.training) != self.training:
            raise BadInput(f"{path}: the state of another run; {mend}")


def is_whole(record: Path, rank: int = 0, world: int = 1) -> bool:
    """Whether a state's files are as they were written; each of ``world`` ranks looks at some."""
    # What is no record of ours: not JSON, not an object, not text.
    with contextlib.suppress(OSError, ValueError, KeyError, AttributeError, TypeError):
        said = json.loads(record.read_text())
        if "shards" in said:
            files = {shards_of(record) / name: sha for name, sha in said["shards"].items()}
        else:
            files = {lone(record): said["sha256"]}
        return all(digest_of(path) == files[path] for path in sorted(files)[rank::world])
    return False


def load_state(record: Path) -> dict[str, Tensor]:
    """A state that is whole, all of it in this process."""
    if shards_of(record).is_dir():
        from ditlaw.training.sharded import read_shards  # what one process does not need

        return read_shards(record)
    return safetensors.torch.load_file(lone(record))


def lone(record: Path) -> Path:
    """The file of a state that one process writes."""
    return record.with_suffix(".safetensors")


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


def require_fits(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> None:
    """Whether a state is one of the model that ``like`` is a state of, at whatever steps.

    Raises:
        BadInput: a tensor is missing or one too many, or has another shape or type.
    """
    expected, optional = {name: _kind(tensor) for name, tensor in like.items()}, set[str]()
    for name, kind in list(expected.items()):
        parameter = name.removeprefix("model.")
        if name != parameter:
            own = {f"exp_avg.{parameter}": kind, f"exp_avg_sq.{parameter}": kind}
            expected |= own | {f"step.{parameter}": (torch.Size(), torch.float32)}
            if f"exp_avg.{parameter}" not in tensors:  # at step 0, or nothing has read it yet
                optional |= {*own, f"step.{parameter}"}
    wrong = {name for name in tensors if _kind(tensors[name]) != expected.get(name)}
    wrong |= expected.keys() - tensors.keys() - optional
    if wrong:
        raise BadInput(
            f"the checkpoint is of another model (see its '{min(wrong)}'); remove the run's folder "
            "to start over"
        )


def _kind(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype
