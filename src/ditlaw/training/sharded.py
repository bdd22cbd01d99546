"""Checkpoints that ranks write together, and that any number of them, or one process, reads.

step-N/shard-….safetensors   of each rank, what lies on it: torch's distributed checkpoint in its
                             safetensors storage, which knows the place of each part in its whole
step-N.json                  their hashes, written last
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import (
    HuggingFaceStorageReader,
    HuggingFaceStorageWriter,
)
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.distributed.tensor import DTensor

from ditlaw.errors import BadInput
from ditlaw.files import make_folder, write_json
from ditlaw.training.checkpoint import (
    FORMAT,
    Checkpoints,
    digest_of,
    is_whole,
    load_state,
    lone,
    remove,
    shards_of,
)


class ShardedCheckpoints(Checkpoints):
    """The newest two states of a run that ranks share; each method is called by all of them."""

    def _write(self, record: Path, step: int, tensors: Mapping[str, Tensor]) -> None:
        """Each rank writes its part, then the first the hashes."""
        state, rank = shards_of(record), dist.get_rank()
        if rank == 0:  # a part that was left here would pass for one of this state
            for old in (record, state, lone(record)):
                remove(old)
            make_folder(state)
        dist.barrier()
        writer = HuggingFaceStorageWriter(str(state), save_distributed=True)
        try:
            save(dict(tensors), storage_writer=writer)
        except CheckpointException as error:
            reason = str(next(iter(error.failures.values()))[0]).splitlines()[0]
            raise BadInput(f"{state}: cannot be written ({reason})") from None
        own = {
            path.name: digest_of(path) for path in state.glob(f"shard-{rank + 1:05d}-*.safetensors")
        }
        parts: list[dict[str, str]] = [{} for _ in range(dist.get_world_size())]
        dist.all_gather_object(parts, own)
        if rank == 0:
            shards = {name: digest for part in parts for name, digest in part.items()}
            said = {"step": step, "format": FORMAT, "training": self.training, "shards": shards}
            write_json(record, said)
            self._prune(record)

    def clear(self) -> None:
        """Remove every state."""
        if dist.get_rank() == 0:
            super().clear()

    def load(self, parameters: Mapping[str, Tensor] | None = None) -> dict[str, Tensor] | None:
        """The newest state that is whole, or None.

        What has a sharded parameter's form comes sharded, each rank reading its part alone;
        a state that one process wrote comes whole to each.

        Raises:
            BadInput: it is whole, and no state of this training.
        """
        dist.barrier()
        for record in self.records():
            if not _all_say(is_whole(record, dist.get_rank(), dist.get_world_size())):
                continue
            self._require_ours(record)
            return (
                _read(record, parameters or {})
                if shards_of(record).is_dir()
                else load_state(record)
            )
        return None


def read_shards(record: Path) -> dict[str, Tensor]:
    """A state that ranks wrote, whole, in this process alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        return _read(record, {}, alone=True)


def _read(record: Path, parameters: Mapping[str, Tensor], alone: bool = False) -> dict[str, Tensor]:
    reader = HuggingFaceStorageReader(str(shards_of(record)))
    tensors: dict[str, Any] = {}
    for name, kind in reader.read_metadata().state_dict_metadata.items():
        assert isinstance(kind, TensorStorageMetadata)  # all that we write
        like = parameters.get(name.partition(".")[2])
        if isinstance(like, DTensor) and like.shape == kind.size:
            tensors[name] = torch.empty_like(like.detach())
        else:
            tensors[name] = torch.empty(kind.size, dtype=kind.properties.dtype)
    load(tensors, storage_reader=reader, no_dist=alone)
    return tensors


def _all_say(flag: bool) -> bool:
    said = torch.tensor(int(flag))
    dist.all_reduce(said, dist.ReduceOp.MIN)
    return bool(said)
