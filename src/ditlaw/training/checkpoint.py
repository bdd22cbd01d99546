"""Checkpoints that survive a crash at any byte: safetensors, hashed, two deep, no pickle.

step-N.safetensors   the state after N steps; its metadata say what it is and of which training
step-N.json          its hash, written last: a state without one was cut short

A state that is not whole is passed over for the one before it. One that is whole and not ours did
not come here by an accident of ours: it is refused, not trained over.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path

import safetensors
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
        name = f"step-{step:010d}"
        content = safetensors.torch.save(
            {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
            metadata={"format": FORMAT, "training": self.training},
        )
        write_bytes(self.folder / f"{name}.safetensors", content)
        write_json(
            self.folder / f"{name}.json",
            {"step": step, "sha256": hashlib.sha256(content).hexdigest()},
        )
        # One of a later step could not be loaded, or this step had not been made again.
        keep = [record for record in self._records() if record.stem <= name][:DEPTH]
        for record in self._records():
            if record not in keep:
                record.unlink(missing_ok=True)
        self._sweep()
        ended = time.monotonic()
        self._next = ended + max(SECONDS, (ended - began) / SHARE)

    def _records(self) -> list[Path]:
        """The states' hashes, the newest first."""
        return sorted(self.folder.glob("step-*.json"), reverse=True)

    def _sweep(self) -> None:
        """Remove states without a hash and what a killed write left: the run's lock is held."""
        for path in self.folder.glob(".step-*.tmp"):
            path.unlink(missing_ok=True)
        for path in self.folder.glob("step-*.safetensors"):
            if not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every state: one past what is made again would pass for newer."""
        for path in self.folder.glob("step-*"):
            path.unlink(missing_ok=True)

    def load(self) -> dict[str, Tensor] | None:
        """The newest state that is whole, or None; damaged ones are passed over.

        Raises:
            BadInput: it is whole, and no state of this training.
        """
        for record in self._records():
            path = record.with_suffix(".safetensors")
            # What is no record of ours: not JSON, not an object, not text.
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                content = path.read_bytes()
                if hashlib.sha256(content).hexdigest() == json.loads(record.read_text())["sha256"]:
                    self._require_ours(path)
                    return safetensors.torch.load(content)
        return None

    def _require_ours(self, path: Path) -> None:
        mend = "remove it, or the run's folder to start over"
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
