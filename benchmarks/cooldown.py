"""What a cooldown buys against the constant rate, both with EMA weights; quickstart models.

One trunk a seed, in both ways: its rows at the budgets at the constant rate, and at the ends of
branches that leave it. A row has the same FLOPs either way. The difference is of one seed's two
losses, which share the trunk; the scatter is of seeds.

    OMP_NUM_THREADS=1 python benchmarks/cooldown.py
"""

import argparse
import datetime
import platform
import tempfile
from pathlib import Path

import numpy as np
import torch
import yaml

from ditlaw.study import make_run, parse_study, preset_text, variants
from ditlaw.training.device import device_name
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train

CPU = torch.device("cpu")


def losses(width, seed, budgets, cooldown):
    """The losses of one size and seed at every budget, (budgets,), and the FLOPs trained in all."""
    content = yaml.safe_load(preset_text("quickstart"))
    content["recipe"]["cooldown"] = cooldown
    content["evaluation"] |= {"pictures": 0, "keep_weights": False}
    study = parse_study(yaml.safe_dump(content), "quickstart")
    (variant,) = variants(study)
    (shape,) = (s for s in map(study.shape, study.shapes) if s.width == width)
    run = make_run(variant, shape, seed, budgets)
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / run.id)
        folder.create(run)
        assert train(folder, CPU) == "done"
        return np.array([row["loss"] for row in folder.observations()]), run.trained_flops


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--width", type=int, default=24)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--budgets", type=float, nargs="+", default=[3e10, 7e10, 1.6e11])
    options.add_argument("--cooldowns", type=float, nargs="+", default=[0.2])
    options = options.parse_args()
    torch.set_num_threads(1)
    day = datetime.datetime.now(tz=datetime.UTC).date()
    print(
        f"{day}, {device_name(CPU)}, torch {torch.__version__}, Python {platform.python_version()}"
    )
    print(f"width {options.width}, {options.seeds} seeds: mean loss, and SD of ln loss over them")
    plain = None
    for cooldown in (0.0, *options.cooldowns):
        found = [losses(options.width, s, options.budgets, cooldown) for s in range(options.seeds)]
        logs = np.log([loss for loss, _ in found])
        plain = logs if plain is None else plain
        for i, budget in enumerate(options.budgets):
            change = logs[:, i] - plain[:, i]
            error = change.std(ddof=1) / np.sqrt(options.seeds)
            against = f", {change.mean():+.2%} ± {error:.2%} against none" if cooldown else ""
            print(
                f"cooldown {cooldown:g}, {budget:g} FLOPs: {np.exp(logs[:, i].mean()):.4f}, "
                f"scatter {logs[:, i].std(ddof=1):.2%}{against}"
            )
        print(f"cooldown {cooldown:g}: {found[0][1]:.3g} FLOPs a trunk")


if __name__ == "__main__":
    main()
