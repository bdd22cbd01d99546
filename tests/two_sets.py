"""A study of two data sets whose runs are there as if trained, and evaluated as if drawn."""

import json
from pathlib import Path

import numpy as np
import yaml
from conftest import TINY

from ditlaw.executors import Ended
from ditlaw.study import STUDY_FILE, freeze_study, parse_study, read_study, study_runs
from ditlaw.training.folder import RunFolder

SETS = [
    {"source": "scenes", "captions": "dense", "name": "dense"},
    {"source": "scenes", "captions": "sparse", "name": "sparse"},
]
BUDGETS = [2.0e10, 3.4e10, 5.8e10, 1.0e11]
TARGET = 3e11
HASHES = {"extractor": "scenes", "extractor_sha256": "ab" * 32, "reference_sha256": "12" * 32}


def loss_of(params, tokens, label="dense"):
    """Sparse captions tell less: a higher floor, and a slower fall."""
    return 0.1 * (label == "sparse") + 0.3 + 30 / params**0.5 + 30 / tokens**0.4


def frechet_of(loss, guidance):
    return (1 + 0.2 * abs(guidance - 2)) * 40 * (loss - 0.2) ** 1.5


def line(row, metric, value, **more):
    return {k: row[k] for k in ("budget", "steps")} | {"metric": metric, "value": value} | more


def simulated(folder: Path, sets=SETS, **changes) -> Path:
    """The study folder; every run is done, and its last state was logged."""
    study = yaml.safe_load(TINY) | {"budgets": BUDGETS, "data": sets, "seeds": [0, 1]}
    study["shapes"] = [{"depth": 1, "width": w, "heads": 2} for w in (12, 16, 24, 32, 44, 60, 80)]
    study["forecast"] = {"flops": TARGET}
    folder.mkdir(parents=True)
    (folder / STUDY_FILE).write_text(yaml.safe_dump(study | changes))
    text = read_study(folder / STUDY_FILE)
    declared = parse_study(text, "study")
    freeze_study(folder, declared, text)
    random = np.random.default_rng(0)
    for spec in study_runs(declared):
        run = RunFolder(folder / "runs" / spec.id)
        run.create(spec)
        for stop in spec.stops:
            observe(run, spec, stop, random)
        run.log("done", step=spec.steps, seconds=1.0)
    return folder


def observe(run, spec, stop, random, off=1.0):
    counts, images = spec.counts(), stop.step * spec.recipe.batch
    tokens = images * counts.tokens_per_sample
    label = spec.data.label
    loss = off * loss_of(counts.params, tokens, label) * np.exp(0.002 * random.standard_normal())
    # Without captions the two are alike.
    plain = 1.1 * loss_of(counts.params, tokens) * np.exp(0.002 * random.standard_normal())
    row = {
        "run": spec.id,
        "trunk": spec.id,
        "family": spec.family,
        "dataset": label,
        "seed": spec.seed,
        "budget": stop.budget,
        "params": counts.params,
        "tokens": tokens,
        "images": images,
        "steps": stop.step,
        "flops": spec.flops(stop.step),
        "timesteps": "uniform",
        "train_loss": loss + 0.01,
        "note": "",
        "evaluated_on": "scenes",
        "loss": loss,
        "loss_unconditional": plain,
    }
    run.observe(row)
    lines = [line(row, "vlb", 3 * loss, samples=64, error=0.01)]
    for guidance in (1.0, 2.0):
        value = frechet_of(loss, guidance) * np.exp(0.01 * random.standard_normal())
        drawn = {"samples": 256, "sampler": "heun", "sampler_steps": 24, "guidance": guidance}
        lines.append(line(row, "frechet", value, **drawn, **HASHES))
    with run.metrics_path.open("a") as file:
        file.writelines(json.dumps(each) + "\n" for each in lines)


class Trained:
    """Trains nothing: every run comes out as the study's own did, but for a factor on its loss."""

    def __init__(self, *off):
        self.off = off or (1.0,)
        self.seeds = []

    def run(self, jobs, **options):
        random = np.random.default_rng(1)
        for k, job in enumerate(jobs):
            folder = RunFolder(job.folder)
            spec = folder.spec()
            self.seeds.append(spec.seed)
            folder.log("start", step=0)
            there = {row["budget"] for row in folder.observations()}
            for stop in (stop for stop in spec.stops if stop.budget not in there):
                observe(folder, spec, stop, random, self.off[k % len(self.off)])
            folder.log("done", step=spec.steps, seconds=1.0)
        return [Ended(job.folder, "done", None) for job in jobs]
