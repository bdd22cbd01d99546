"""What two ranks do in one launch, for test_ranks.py; an assertion that fails ends the launch.

torchrun --nproc-per-node 2 two_ranks.py FOLDER
"""

import sys
from pathlib import Path

import torch
from conftest import tiny_text

from ditlaw.study import parse_study, study_runs
from ditlaw.training.distributed import STRATEGIES
from ditlaw.training.folder import RunFolder
from ditlaw.training.ranks import Follower
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
RECIPE = {"batch": 6, "learning_rate": {"value": 1e-3}, "warmup_steps": 2}


def text(**changes) -> str:
    """A study of one run, with a budget halfway."""
    shapes = [{"depth": 2, "width": 12, "heads": 2}]
    evaluation = {"samples": 16, "timesteps": {"mean": 0.5}, "pictures": 0}
    base = {"budgets": [4e8, 8e8], "shapes": shapes, "recipe": RECIPE, "evaluation": evaluation}
    return tiny_text(**base | changes)


def a_run(**changes):
    return study_runs(parse_study(text(**changes), "s"))[0]


def gradients_are_the_batchs(strategy: str, family: str, batch: int) -> None:
    """Of parts of a batch on two ranks, where one process has the whole."""
    run = a_run(family=family, recipe=RECIPE | {"batch": batch})
    ranks = STRATEGIES[strategy](CPU, batch)
    alone, shared = Trunk(run, CPU), Trunk(run, CPU, micro=2, ranks=ranks)
    for _ in alone.run(2):  # past the first, where most gradients are zero
        pass
    shared.restore(alone.state())
    losses = [trunk.stepper.gradient(trunk.feeder.get(3)) for trunk in (alone, shared)]
    assert torch.allclose(*losses, rtol=1e-6), losses
    for name, whole, part in zip(alone.names, alone.parameters, shared.parameters, strict=True):
        grad = part.grad.full_tensor() if strategy == "fsdp" else part.grad
        assert float((grad - whole.grad).norm()) <= 1e-5 * max(1e-2, float(whole.grad.norm())), name


def ranks_take_the_firsts_micro_batch(folder: Path) -> None:
    """Though the others do not see its log yet."""
    ranks = STRATEGIES["ddp"](CPU, RECIPE["batch"])
    seen = RunFolder(folder / f"seen-by-{ranks.rank}")
    seen.create(a_run())
    assert ranks.micro(seen) is None
    if ranks.first:
        seen.log("out-of-memory", micro_batch=2, ranks=2)
    assert ranks.micro(seen) == 2


def main() -> None:
    torch.set_num_threads(1)
    ranks_take_the_firsts_micro_batch(Path(sys.argv[1]))
    for family in ("in-context", "masked", "flux"):
        gradients_are_the_batchs("ddp", family, batch=7)
        gradients_are_the_batchs("fsdp", family, batch=6)
    for name, strategy in (("ddp", "ddp"), ("fsdp", "fsdp"), ("half", "fsdp")):
        ranks = STRATEGIES[strategy](CPU, RECIPE["batch"])
        kind = RunFolder if ranks.first else Follower
        assert train(kind(Path(sys.argv[1]) / name), CPU, ranks) == "done"
    ranks.close()


if __name__ == "__main__":
    main()
