"""What ``ditlaw next`` buys: error and coverage at the target, on simulated studies of known truth.

Strategies start from the same pilot and have the same noise. The full grid is eight budgets of
seven sizes with two seeds; the target is ten times its largest budget. Differences are paired,
with standard errors.

    OMP_NUM_THREADS=1 python benchmarks/next_runs.py --studies 13 --processes 2 --csv rows.csv
    python benchmarks/next_runs.py --read rows.csv
    python benchmarks/next_runs.py --bound
"""

import argparse
import time
from functools import partial
from multiprocessing import Pool

import numpy as np
import pandas as pd

from ditlaw import laws
from simulation import bound, strategies
from simulation.grids import Done, World, make_world
from simulation.score import rate
from simulation.truths import LARGEST, LOG_C0, LOG_N0, TRUTHS

NOISES = (0.003, 0.02)
PILOT = {0.003: (1, 3), 0.02: (2, 4)}  # seeds and budgets: less cannot be fitted with that noise
PILOT_BOUND = (1, 4)
BOUND_STUDIES = 6  # of a truth
AHEAD = 10.0
DRAWS = 200  # of the fits that are scored
SHARE = 0.3  # of the full grid's FLOPs
GRID = "full grid, 2 seeds"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=13, help="of a truth and noise")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", type=float, nargs="+", default=NOISES, choices=NOISES)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--csv", help="where the raw rows go")
    parser.add_argument("--read", help="score rows that were kept")
    parser.add_argument("--bound", action="store_true", help="what an oracle would reach")
    options = parser.parse_args()
    if options.bound:
        print(bounds())
        return
    if options.read:
        print(report(pd.read_csv(options.read)))
        return
    began, rows = time.perf_counter(), []
    shown = [i for i, truth in enumerate(TRUTHS) if truth.shows]
    tasks = [(i, n, s) for s in range(options.studies) for n in options.noise for i in shown]
    with Pool(options.processes) as pool:
        for found in pool.imap(partial(one_study, seed=options.seed), tasks):
            rows += found
            if options.csv:  # as far as it is: hours of work are not lost
                pd.DataFrame(rows).to_csv(options.csv, index=False)
    print(report(pd.DataFrame(rows)))
    print(f"{len(tasks)} studies in {time.perf_counter() - began:.0f} s")


def one_study(task: tuple[int, float, int], seed: int) -> list[dict]:
    """What every strategy's law says at the target, and what is true."""
    index, noise, study = task
    key = [seed, index, int(1000 * noise), study]
    world = make_world(TRUTHS[index], noise, np.random.default_rng(key))
    c = LARGEST + np.log(AHEAD)
    target = float(np.exp(c + LOG_C0))
    x, loss = (float(v[0]) for v in TRUTHS[index].optimum(np.array([c])))
    seeds, budgets = PILOT[noise]
    pilot, whole = world.whole(seeds, budgets + 1), world.cost(world.whole(2))
    done: dict[str, Done] = {
        GRID: world.whole(2),
        "full grid, 1 seed": world.whole(1),
        "without its 2 largest": world.whole(2, 6),
        "pilot": pilot,
    }
    for name, chooser in (
        ("ditlaw next", strategies.by_planner),
        ("V-optimal", strategies.v_optimal),
        ("at random, of the pool", strategies.at_random),
        ("at random, of the grid", strategies.of_the_grid(world.grid)),
    ):
        rng = np.random.default_rng([*key, 1])
        done[name] = strategies.spend(world, pilot, target, SHARE * whole, chooser, rng)
    about = {"truth": TRUTHS[index].name, "noise": noise, "study": study}
    return [
        about
        | {"strategy": name, "runs": len(trained), "share": world.cost(trained) / whole}
        | said(world, trained, target, loss, x + LOG_N0)
        for name, trained in done.items()
    ]


def said(world: World, done: Done, target: float, loss: float, log_n: float) -> dict:
    """Errors in ln L and ln N, and whether the intervals hold the truth."""
    found = laws.fit(world.table(done), draws=DRAWS).optimum(target)
    size = found.params
    return {
        "error": float(np.log(found.loss.value)) - loss,
        "half": (found.law_high - found.law_low) / 2 / found.loss.value,
        "inside": found.law_low <= np.exp(loss) <= found.law_high,
        "size_error": float(np.log(size.value)) - log_n,
        "size_inside": size.low <= np.exp(log_n) <= size.high,
    }


def bounds() -> str:
    """For truths that are surfaces: an oracle's best runs beside the full grid.

    Their sd, were the surface fitted with what the oracle knows of noise; and the errors of `auto`.
    """
    noise = NOISES[-1]
    lines = [
        f"best runs for {SHARE:.0%} of the full grid's FLOPs, by an oracle, beside it",
        f"{'':22} sd ÷ its   loss error by auto, {BOUND_STUDIES} studies, noise {noise:.1%}",
    ]
    target = LARGEST + float(np.log(AHEAD))
    flops = float(np.exp(target + LOG_C0))
    for index, truth in enumerate(TRUTHS):
        if not truth.name.startswith("surface"):
            continue
        loss = float(truth.optimum(np.array([target]))[1][0])
        errors = []
        for study in range(BOUND_STUDIES):
            world = make_world(truth, noise, np.random.default_rng([0, index, study]))
            whole, pilot = world.whole(2), world.whole(*PILOT_BOUND)
            best = bound.best_runs(world, pilot, SHARE * world.cost(whole), target)
            tables = [world.table(done) for done in (best, whole)]
            found = [laws.fit(table, draws=DRAWS).optimum(flops).loss.value for table in tables]
            errors.append(np.abs(np.log(found) - loss))
            if study == 0:
                ratio = bound.ratio(world, best, whole, target)
        mean = np.mean(errors, axis=0)
        lines.append(f"{truth.name:22} {ratio:8.2f}   {mean[0]:.2%}, the grid's {mean[1]:.2%}")
    return "\n".join(lines)


def report(rows: pd.DataFrame) -> str:
    """A table for each noise."""
    lines = []
    for noise, part in rows.groupby("noise"):
        studies = len(part.groupby(["truth", "study"]))
        lines.append(
            f"run noise {noise:.1%}, {studies} studies of {part['truth'].nunique()} truths"
        )
        lines.append(
            f"{'':22} FLOPs  runs  loss error  − full grid's   ÷ it   law cover          "
            f"±       N* error  N* cover"
        )
        table = part.assign(error=part["error"].abs(), size_error=part["size_error"].abs())
        pairs = table.pivot(index=["truth", "study"], columns="strategy", values="error")
        for name, cell in table.groupby("strategy", sort=False):
            more = pairs[name] - pairs[GRID]
            lines.append(
                f"{name:22} {cell['share'].mean():5.0%}  {cell['runs'].mean():4.0f}  "
                f"{cell['error'].mean():10.2%}  {more.mean():+.2%} ± {more.sem():.2%}  "
                f"{cell['error'].mean() / pairs[GRID].mean():4.2f}  {rate(cell['inside'])}  "
                f"{cell['half'].median():6.2%}  {cell['size_error'].mean():7.1%}  "
                f"{cell['size_inside'].mean():.2f}"
            )
        for other in ("V-optimal", "at random, of the pool", "at random, of the grid"):
            more = pairs["ditlaw next"] - pairs[other]
            lines.append(f"ditlaw next − {other}: {more.mean():+.3%} ± {more.sem():.3%}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
