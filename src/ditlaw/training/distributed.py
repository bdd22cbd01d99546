"""Ranks that share one run, each a process: copies of the model (DDP) or shards of it (FSDP2)."""

import contextlib
import os
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from ditlaw.errors import Refused
from ditlaw.models import blocks_of
from ditlaw.models.sized import Sized
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder
from ditlaw.training.parallel import Alone
from ditlaw.training.sharded import ShardedCheckpoints

EVALUATION = timedelta(days=1)  # that the others wait at most while the first rank evaluates


class Replicas(Alone):
    """Ranks that each hold the whole model and average its gradients (DDP).

    The process group of torch is made here, from the environment that torchrun sets.

    Raises:
        Refused: the batch has fewer samples than there are ranks.
    """

    strategy = "ddp"

    def __init__(self, device: torch.device, batch: int) -> None:
        self.rank, self.world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self.device = device
        self.check(batch)
        gpu = device if device.type == "cuda" else None
        if not dist.is_initialized():  # one serves all runs of a process
            dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", device_id=gpu)
        self.words = dist.new_group(backend="gloo", timeout=EVALUATION)

    def check(self, batch: int) -> None:
        """Whether a batch can be shared.

        Raises:
            Refused: it has fewer samples than there are ranks.
        """
        if batch < self.world:
            raise Refused(
                f"recipe.batch: {batch} samples are too few for {self.world} ranks; use at most "
                f"--ranks {batch}"
            )

    def spread(self, model: torch.nn.Module, own: bool) -> torch.nn.Module:
        """The model with its gradients averaged; of a user's own some may be unused."""
        with warnings.catch_warnings():  # its new name is not in every torch that we take
            warnings.filterwarnings("ignore", "`broadcast_buffers`", FutureWarning)
            return _Averaged(model, broadcast_buffers=False, find_unused_parameters=own)

    def unsynced(self, called: torch.nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Within, gradients stay with their rank."""
        assert isinstance(called, DistributedDataParallel)
        return called.no_sync()

    def backward(self, loss: Tensor) -> None:
        """Add to the gradients; they are averaged over ranks, where the batch's is their sum."""
        (loss * self.world).backward()  # type: ignore[no-untyped-call]

    def total(self, value: Tensor) -> Tensor:
        """The sum of a number over all ranks, the same bits on each."""
        dist.all_reduce(value)
        return value

    def heard(self, *flags: bool) -> tuple[bool, ...]:
        """What the first rank says."""
        said = torch.tensor(flags)
        dist.broadcast(said, 0, group=self.words)
        return tuple(said.tolist())

    def micro(self, folder: RunFolder) -> int | None:
        """As the first rank's log says: a shared file system may show others less of it."""
        found = torch.tensor(super().micro(folder) or 0)
        dist.broadcast(found, 0, group=self.words)
        return int(found) or None

    def checkpoints(self, folder: Path, training: str) -> Checkpoints:
        """States of which each rank writes a part."""
        return ShardedCheckpoints(folder, training)

    def close(self) -> None:
        """Leave the process group."""
        dist.destroy_process_group()


class Shards(Replicas):
    """Ranks that each hold a part of every weight, and of its average and moments (FSDP2).

    Raises:
        Refused: the batch does not divide: ranks gather weights together, as often as each other.
    """

    strategy = "fsdp"

    def __init__(self, device: torch.device, batch: int) -> None:
        super().__init__(device, batch)
        self.mesh = init_device_mesh(device.type, (self.world,))

    def check(self, batch: int) -> None:
        """Whether a batch can be shared.

        Raises:
            Refused: it has fewer samples than there are ranks, or does not divide into them.
        """
        super().check(batch)
        if batch % self.world:
            raise Refused(
                f"recipe.batch: {batch} samples do not divide into {self.world} ranks of FSDP; "
                "use another number of ranks, or --parallel ddp"
            )

    def spread(self, model: torch.nn.Module, own: bool) -> torch.nn.Module:
        """The model itself: a block's weights are gathered while it computes.

        Raises:
            Refused: a user's own module, or a model of several resolutions.
        """
        if own or isinstance(model, Sized):
            what = "a user's own module" if own else "a model of several resolutions"
            raise Refused(f"--parallel fsdp: {what} cannot be sharded; use --parallel ddp")
        # Of a model's output, which is a view: nothing is done to it in place.
        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view", UserWarning)
        for block in blocks_of(model):
            fully_shard(block, mesh=self.mesh)
        fully_shard(model, mesh=self.mesh)
        return model

    def unsynced(self, called: torch.nn.Module) -> contextlib.AbstractContextManager[Any]:
        """Gradients are always summed into shards: whole ones are what there is no memory for."""
        return contextlib.nullcontext()

    def shard(self, parameter: Tensor) -> Tensor:
        """The part of a parameter that lies on this rank."""
        return _sharded(parameter.detach()).to_local()

    def joined(self, parameter: Tensor, shard: Tensor) -> Tensor:
        """All ranks' shards as one tensor."""
        like = _sharded(parameter)
        return DTensor.from_local(
            shard, self.mesh, like.placements, shape=like.shape, stride=like.stride()
        )

    def whole(self, parameter: Tensor, shard: Tensor) -> Tensor:
        """The same, gathered."""
        return _sharded(self.joined(parameter, shard)).full_tensor()

    def placed(self, parameter: Tensor, value: Tensor) -> Tensor:
        """A value of the parameter's shape, sharded as it is; every rank has the whole."""
        if isinstance(value, DTensor):
            return value
        placements = _sharded(parameter).placements
        there = value.to(self.device)
        return distribute_tensor(there, self.mesh, placements, src_data_rank=None)


STRATEGIES = {ranks.strategy: ranks for ranks in (Replicas, Shards)}


class _Averaged(DistributedDataParallel):
    @property
    def trains_masked(self) -> bool:
        """As of the model; see ``flow.training_loss``."""
        return bool(getattr(self.module, "trains_masked", False))


def own_device() -> torch.device:
    """This rank's: a GPU of its node, as torchrun counts them, or the CPU.

    Raises:
        Refused: the node has GPUs, and fewer than ranks.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    here, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if here >= there:
        raise Refused(f"--ranks: there are {there} GPUs for {here + 1} ranks; use --ranks {there}")
    device = torch.device("cuda", here)
    torch.cuda.set_device(device)
    return device


def _sharded(tensor: Tensor) -> DTensor:
    assert isinstance(tensor, DTensor)
    return tensor
