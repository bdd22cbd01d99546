"""Verify the law of a table: freeze its forecast, train runs that check it, compare.

``ditlaw verify`` does this of a study folder. Where only the table of a study is left, its law is
as good, and only the checking runs are to be trained, by the recipe of the study file:

    python examples/verify_table.py examples/three_families.csv examples/three_families.yaml \\
        9.6e11 examples/verified/mmdit --where family=mmdit --rate 6e-3

OUT/forecast.json is written before the first of them begins and never again; repeating the command
trains what is missing. ``ditlaw check OUT`` says whether it is sound.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from ditlaw.cli.verify_tables import show_verification
from ditlaw.errors import BadInput, DitlawError
from ditlaw.forecasting import forecast
from ditlaw.laws import fit
from ditlaw.observations import load_observations
from ditlaw.results import known
from ditlaw.study import RunSpec, Study, Variant, load_study, make_run, variants
from ditlaw.sweep import require_done, run_all
from ditlaw.verification.comparing import compare, with_update
from ditlaw.verification.freezing import CHECKS
from ditlaw.verification.frozen import FORECAST_FILE, Frozen, read_frozen, write_frozen


def variant_of(study: Study, where: list[str], rate: float | None) -> Variant:
    """The one plain study that the filters and the rate choose."""
    asked = [tuple(condition.split("=", 1)) for condition in where]
    found = [
        variant
        for variant in variants(study)
        if variant.matches([(c, v) for c, v in asked if c in variant.columns])
        and (rate is None or variant.study.recipe.learning_rate.value == rate)
    ]
    if len(found) != 1:
        raise BadInput(f"{len(found)} of the study's recipes are meant: give --where and --rate")
    return found[0]


def checking_runs(variant: Variant, args: argparse.Namespace, params: float) -> list[RunSpec]:
    """Runs of the shapes that are named, else of the two sizes nearest ``params``; a new seed."""
    seed = max(variant.study.every_seed()) + 1
    shapes = [variant.study.shape(entry) for entry in variant.study.shapes]
    runs = [make_run(variant, shape, seed, [args.flops]) for shape in shapes]
    if args.shapes:
        named = {str(shape): run for shape, run in zip(shapes, runs, strict=True)}
        if strange := [name for name in args.shapes if name not in named]:
            raise BadInput(f"--shapes: {strange[0]} is not among the study's {', '.join(named)}")
        return [named[name] for name in args.shapes]
    return sorted(runs, key=lambda run: abs(float(np.log(run.counts().params / params))))[:CHECKS]


def frozen_forecast(args: argparse.Namespace) -> Frozen:
    """The forecast of the table's law, written now unless it is there."""
    path = args.out / FORECAST_FILE
    if path.exists():
        return read_frozen(path)
    law = fit(load_observations(str(args.table), args.where), method=args.method)
    answer = forecast(law, args.flops)
    variant = variant_of(load_study(args.study), args.where, args.rate)
    runs = checking_runs(variant, args, known(answer.params).value)
    losses = [law.loss_at(run.counts().params, run.flops(run.steps))[0] for run in runs]
    write_frozen(path, law, answer, runs, losses, "", args.where)
    return read_frozen(path)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("study", type=Path)
    parser.add_argument("flops", type=float)
    parser.add_argument("out", type=Path)
    parser.add_argument("--where", action="append", default=[], metavar="COL=VALUE")
    parser.add_argument("--rate", type=float, help="learning rate, in a study that tries several")
    parser.add_argument("--method", default="auto", help="as 'ditlaw fit' takes it")
    parser.add_argument("--shapes", nargs="+", help="to train, as d2w32h4; by default by N*")
    return parser


def main(args: argparse.Namespace) -> None:
    frozen = frozen_forecast(args)
    require_done(run_all(frozen.runs, args.out / "runs"))
    show_verification(Console(), with_update(compare(frozen), frozen))


if __name__ == "__main__":
    try:
        main(arguments().parse_args())
    except DitlawError as error:
        print(f"verify_table: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
