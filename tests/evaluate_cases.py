"""Finished runs to measure and to draw with: some of the tiny study's, and of small caches."""

import shutil
from pathlib import Path

import numpy as np
import torch
import yaml

from ditlaw.data.manifest import ImageFacts, SourceFacts, TextFacts
from ditlaw.data.places import prepare_study
from ditlaw.data.shards import write_manifest, write_shard
from ditlaw.study import Study, freeze_study, parse_study, study_runs
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train

CPU = torch.device("cpu")
RUNS = ("in-context-d1w12h2-s0", "in-context-d1w16h2-s0")
WORDS = TextFacts(kind="words", tokens=3, vocabulary=["·", "?", "red", "blue"])
LABELS = TextFacts(kind="label", tokens=1, vocabulary=["·", "one", "two"])
FEATURES = TextFacts(kind="features", tokens=2, dim=8)
PIXELS = ImageFacts(kind="pixels", channels=1)
LATENTS = ImageFacts(kind="latents", channels=4, factor=8)


def few_runs(trained: Path, to: Path) -> Path:
    """A copy of the tiny study with two of its runs and two observations each."""
    for name in ("study.yaml", "study.json"):
        to.mkdir(exist_ok=True)
        shutil.copy(trained / name, to / name)
    for name in RUNS:
        shutil.copytree(trained / "runs" / name, to / "runs" / name)
        path = to / "runs" / name / "observations.jsonl"
        path.write_text("".join(path.read_text().splitlines(keepends=True)[-2:]))
    return to


def cached_run(folder: Path, image: ImageFacts, text: TextFacts, samples: int = 40) -> RunFolder:
    """A run trained for two steps on a cache of random 4×4 samples."""
    random = np.random.default_rng(0)
    shape = (samples, image.channels, 4, 4)
    arrays = {"images": random.integers(0, 256, shape).astype(np.uint8)}
    if image.kind == "latents":
        arrays = {"images": random.standard_normal(shape).astype(np.float32)}
    if text.kind == "features":
        values = random.standard_normal((samples, text.tokens, text.dim)).astype(np.float16)
        arrays["text"] = values
    elif text.kind != "none":
        words = random.integers(1, len(text.vocabulary), (samples, text.tokens))
        arrays["text"] = words.astype(np.int32)
    keys = [f"k{i}" for i in range(samples)]
    shard = write_shard(folder / "cache", "00000", arrays, keys, ["a caption"] * samples)
    write_manifest(folder / "cache", SourceFacts(kind="folder"), image, text, [shard], [])
    study = _study(folder / "cache", image, text)
    freeze_study(folder / "study", study, yaml.safe_dump(study.model_dump(mode="json")))
    prepare_study(study, folder / "study")
    spec = study_runs(study)[0]
    run = RunFolder(folder / "study" / "runs" / spec.id)
    run.create(spec)
    train(run, CPU)
    return run


def _study(cache: Path, image: ImageFacts, text: TextFacts) -> Study:
    geometry = {
        "height": 4,
        "width": 4,
        "channels": image.channels,
        "text_tokens": text.tokens,
        "vocabulary": len(text.vocabulary),
        "text_dim": text.dim,
    }
    study = {
        "name": "cached",
        "data": {"source": "encoded", "path": str(cache), "held_out": 0.3},
        "geometry": geometry,
        "budgets": [1e9],
        "shapes": [{"depth": 1, "width": 8, "heads": 1}],
        "recipe": {"batch": 2, "learning_rate": {"value": 1e-3}},
        "evaluation": {"samples": 4, "pictures": 0, "sampler_steps": 2},
    }
    per_step = 2 * study_runs(Study.model_validate(study))[0].counts().flops_train
    return parse_study(yaml.safe_dump(study | {"budgets": [2.0 * per_step]}), "study.yaml")
