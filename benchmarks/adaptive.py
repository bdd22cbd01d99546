"""Adaptive studies under known truths: does stopping by the interval buy overconfidence?

A pilot of four budgets, then rounds of the planner on a pool of sizes, budgets and seeds. See
``simulation/adaptive.py`` for a study and ``simulation/stopping.py`` for the score.

    OMP_NUM_THREADS=1 python benchmarks/adaptive.py --studies 26 --processes 2 --csv rows.csv
    python benchmarks/adaptive.py --read rows.csv more-rows.csv
"""

import argparse
import time
from functools import partial
from multiprocessing import Pool

import pandas as pd

from simulation import adaptive, stopping
from simulation.truths import TRUTHS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=40, help="of a truth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--planner", choices=adaptive.CHOOSERS, default="planner")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--csv", help="where the raw rows go")
    parser.add_argument("--read", nargs="+", help="score rows that were kept, of several seeds")
    options = parser.parse_args()
    if options.read:
        kept = [pd.read_csv(path).assign(file=path) for path in options.read]
        tell(pd.concat(kept, ignore_index=True))
        return
    began, rows = time.perf_counter(), []
    shown = [i for i, truth in enumerate(TRUTHS) if truth.shows]
    tasks = [(truth, index) for index in range(options.studies) for truth in shown]
    one = partial(adaptive.path, seed=options.seed, chooser=options.planner)
    with Pool(options.processes) as pool:
        for path in pool.imap(one, tasks):
            rows += path
            if options.csv:  # as far as it is: hours of work are not lost
                pd.DataFrame(rows).to_csv(options.csv, index=False)
    tell(pd.DataFrame(rows).assign(file=""))
    print(f"planner {options.planner}: {len(rows)} fits in {time.perf_counter() - began:.0f} s")


def tell(rows):
    """Prints the score; a study of each file is one of its own."""
    rows["study"] = rows["file"] + rows["study"].astype(str)
    studies = len(rows.groupby(["truth", "study"]))
    print(f"{studies} studies, nominal {adaptive.LEVEL:.0%}; 95 % binomial intervals")
    print(stopping.report(rows))


if __name__ == "__main__":
    main()
