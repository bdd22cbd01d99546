"""Do `plan`, `status` and `fit` stay quick and small over 10,000 runs?

A study folder is made of synthetic runs: specs as `ditlaw run` writes them, logs and observations
of a known surface. Each command then runs as a user runs it, in a process of its own; its seconds
(wall and of the processor) and its peak memory are the system's own count of that process. The
named peers read the same logs and observations, each in a process of its own as well: pandas
(`read_json` of every file, one `concat`), and the least that reading can take, `json.loads` of
every line.

    OMP_NUM_THREADS=1 python benchmarks/bookkeeping.py [--sizes 100] [--seeds 100]

Exits with 1 where a command takes more than 10 s or 1 GB.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ditlaw.study import RunSpec, freeze_study, parse_study, study_runs
from ditlaw.training.observation import observation

SECONDS, GIGABYTES = 10.0, 1.0  # what each command may take
BUDGETS = [1.0e12, 2.0e12, 4.0e12, 8.0e12]
LOGGED = 60  # progress lines of a run
FLOOR, A, B, ALPHA, BETA = 0.3, 3.0, 8.0, 0.35, 0.3  # the losses' surface
NOISE = 0.002  # of a trunk, and of each of its points
FILES = """
import sys
from pathlib import Path
names = ("log.jsonl", "observations.jsonl")
files = [path for name in names for path in sorted(Path(sys.argv[1]).glob("runs/*/" + name))]
"""
PANDAS = """
import pandas as pd
print(len(pd.concat([pd.read_json(path, lines=True) for path in files])))
"""
LOADS = """
import json
print(sum(len([json.loads(line) for line in path.open()]) for path in files))
"""


def study_text(sizes: int, seeds: int) -> str:
    shapes = [f"  - {{depth: 2, width: {16 + 4 * i}, heads: 4}}" for i in range(sizes)]
    return "\n".join(
        [
            "name: bookkeeping",
            "geometry: {height: 16, width: 16, channels: 3, patch: 2, "
            "text_tokens: 16, vocabulary: 17}",
            f"budgets: {json.dumps(BUDGETS)}",
            "shapes:",
            *shapes,
            f"seeds: {json.dumps(list(range(seeds)))}",
            "recipe: {batch: 8, learning_rate: {value: 6.0e-3}}",
            "forecast: {flops: 3.2e13}",
        ]
    )


def make_study(folder: Path, sizes: int, seeds: int) -> int:
    """A study folder whose runs all claim to be done; returns how many there are."""
    text = study_text(sizes, seeds)
    study = parse_study(text, "bookkeeping")
    folder.mkdir(parents=True, exist_ok=True)
    freeze_study(folder, study, text)
    draw = random.Random(0)
    rows: dict[str, list[dict]] = {}  # what runs of one size share
    specs = study_runs(study)
    for spec in specs:
        shape = str(spec.shape)
        if shape not in rows:
            rows[shape] = [observation(spec, stop) for stop in spec.stops]
        write_run(folder / "runs" / spec.id, spec, rows[shape], draw)
    return len(specs)


def write_run(run: Path, spec: RunSpec, shared: list[dict], draw: random.Random) -> None:
    run.mkdir(parents=True)
    shift = draw.gauss(0, NOISE)
    named = {"run": spec.id, "trunk": spec.id, "seed": spec.seed}
    seen = []
    for row in shared:
        clean = FLOOR + A / row["params"] ** ALPHA + B / row["tokens"] ** BETA
        loss = clean * math.exp(shift + draw.gauss(0, NOISE))
        seen.append(row | named | {"train_loss": loss, "note": "", "loss": loss})
    log = [{"event": "start", "time": 1.8e9, "step": 0, "seconds": 0.0}]
    for i in range(1, LOGGED + 1):
        step = spec.steps * i // LOGGED
        log.append(
            {
                "event": "progress",
                "time": 1.8e9 + i,
                "step": step,
                "train_loss": 1 / i,
                "seconds": i,
            }
        )
    log.append(log[-1] | {"event": "done"})
    (run / "spec.json").write_text(json.dumps(spec.model_dump(mode="json"), indent=1) + "\n")
    for name, lines in (("log", log), ("observations", seen)):
        (run / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def measured(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and peak memory in GB of one command."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}: {said.read().decode()}")
    # Linux counts kilobytes, macOS bytes.
    unit = 1e9 if sys.platform == "darwin" else 1e6
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "study"
        runs = make_study(folder, asked.sizes, asked.seeds)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"{runs:,} runs of {asked.sizes} sizes, {len(BUDGETS)} budgets; {size / 1e6:.0f} MB")
        peers = {}
        for name, code in (("pandas", PANDAS), ("json.loads", LOADS)):
            peers[name], cpu, memory = measured([sys.executable, "-c", FILES + code, str(folder)])
            print(f"peer {name}: {peers[name]:.1f} s ({cpu:.1f} s of CPU), {memory:.2f} GB")
        slow = False
        for command, of in (("plan", folder / "study.yaml"), ("status", folder), ("fit", folder)):
            for form in ([], ["--json"]):
                line = [sys.executable, "-m", "ditlaw", command, str(of), *form]
                seconds, cpu, memory = measured(line)
                ratios = ", ".join(f"{t / seconds:.1f}× {name}" for name, t in peers.items())
                print(
                    f"{' '.join([command, *form])}: {seconds:.1f} s ({cpu:.1f} s of CPU), "
                    f"{memory:.2f} GB; {ratios}"
                )
                slow |= seconds > SECONDS or memory > GIGABYTES
    sys.exit(int(slow))


if __name__ == "__main__":
    main()
