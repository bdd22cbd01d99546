"""Several small runs on one GPU: steps per second of each alone, and of all at once.

Each process has the trunk of a run of the preset ``paper-small``, fed from memory; they are what
the local executor starts. First each trains by itself while the others wait, then all together.
The ratio is of steps per second of all together to those of one at a time: above 1, a sweep that
is packed takes less time than one run after another, before what start-up and compilation save by
overlapping.

    python benchmarks/packing.py [--processes 4] [--depth 4] [--seconds 3]
"""

import argparse
import multiprocessing
import os
import time

import torch

from ditlaw.data.scenes import Scenes
from ditlaw.study import parse_study, preset_text, study_runs
from ditlaw.training.trunk import Trunk

WARM = 8


class Fed:
    """Scenes that were drawn once, so that what is timed is the GPU's sharing alone."""

    samples, pixels = None, True

    def __init__(self, batch: int) -> None:
        self.batch = Scenes(0).read(0, batch)

    def read(self, start: int, count: int):
        """Every batch is the same."""
        return self.batch


def train(number: int, depth: int, batch: int, seconds: float, barrier, results) -> None:
    """One process: warm up, train alone when it is its turn, then with all."""
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    study = parse_study(preset_text("paper-small"), "paper-small")
    spec = next(run for run in study_runs(study) if run.depth == depth)
    spec = spec.model_copy(update={"recipe": spec.recipe.model_copy(update={"batch": batch})})
    trunk = Trunk(spec, device, sources=[Fed(batch)])

    def rate() -> float:
        began, first = time.perf_counter(), trunk.step
        while time.perf_counter() - began < seconds:
            for _ in trunk.run(trunk.step + 1):
                pass
        trunk.bad()  # waits for the device
        return (trunk.step - first) / (time.perf_counter() - began)

    for _ in trunk.run(WARM):
        pass
    trunk.bad()
    alone = 0.0
    for turn in range(barrier.parties):
        barrier.wait()
        if turn == number:
            alone = rate()
    barrier.wait()
    results.put((alone, rate()))
    trunk.close()


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args(arguments)
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(given.processes), context.Queue()
    os.environ["DITLAW_DEVICE_SHARE"] = repr(1 / given.processes)
    workers = [
        context.Process(
            target=train, args=(n, given.depth, given.batch, given.seconds, barrier, results)
        )
        for n in range(given.processes)
    ]
    for worker in workers:
        worker.start()
    rates = [results.get(timeout=600) for _ in workers]
    for worker in workers:
        worker.join()
    alone = sum(a for a, _ in rates) / len(rates)
    together = sum(b for _, b in rates)
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    print(
        f"{where}: depth {given.depth}, batch {given.batch}: {alone:.1f} steps/s one at a time, "
        f"{together:.1f} steps/s of {given.processes} at once, {together / alone:.2f}x"
    )


if __name__ == "__main__":
    main()
