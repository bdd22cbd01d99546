"""Checkpoints that survive a crash at any byte: safetensors, hashed, two deep, no pickle."""

import contextlib
import hashlib
import json
from pathlib import Path

import safetensors
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
        name = f"step-{step:010d}"
        content = safetensors.torch.save(
            {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
            metadata={"format": "ditlaw-trunk-1"},
        )
        write_bytes(self.folder / f"{name}.safetensors", content)
        write_json(
            self.folder / f"{name}.json",
            {"step": step, "sha256": hashlib.sha256(content).hexdigest()},
        )
        for old in sorted(self.folder.glob("step-*.json"))[:-DEPTH]:
            old.unlink(missing_ok=True)
        self._sweep()

    def _sweep(self) -> None:
        """Remove states without a hash and what a killed write left: the run's lock is held."""
        for path in self.folder.iterdir():
            if path.suffix == ".tmp" or not path.with_suffix(".json").exists():
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every state: one past what is made again would pass for newer."""
        for path in self.folder.glob("step-*"):
            path.unlink(missing_ok=True)

    def load(self) -> dict[str, Tensor] | None:
        """The newest state that is whole, or None; damaged ones are passed over."""
        for record in sorted(self.folder.glob("step-*.json"), reverse=True):
            with contextlib.suppress(
                OSError, ValueError, KeyError, safetensors.SafetensorError, json.JSONDecodeError
            ):
                content = record.with_suffix(".safetensors").read_bytes()
                stated = json.loads(record.read_text())["sha256"]
                if hashlib.sha256(content).hexdigest() == stated:
                    return safetensors.torch.load(content)
        return None
