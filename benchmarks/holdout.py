"""How well real series forecast their own largest budgets.

The largest 1, 2 and 3 budgets of each series are held out, the rest is fitted, and each held-out
budget is forecast. The reference is the minimum of its own windowed parabola; ``by spline`` is the
error of N* against the minimum of an Akima spline instead, which assumes no shape. A baseline
(windowed parabolas, straight line, floor law) stands beside the tool. With --learned every series
is scored again with the constants that public series taught learned from the others alone.

    python benchmarks/holdout.py [--learned] [--inner] CSV[:COLUMN[:COL=VALUE]] ...
"""

import argparse

import pandas as pd

from realseries import learned, score
from realseries.series import load, tasks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="+")
    parser.add_argument("--learned", action="store_true")
    parser.add_argument("--inner", action="store_true", help="without the three largest budgets")
    parser.add_argument("--method", default="auto")
    options = parser.parse_args()
    known = {n: rows for spec in options.series for n, rows in load(spec).items()}
    chosen = {n: list(tasks(n, rows, inner=options.inner)) for n, rows in known.items()}
    every = [task for part in chosen.values() for task in part]
    print("windowed parabolas, straight line, floor law")
    print(score.table(score.baseline(every)))
    rows = score.forecasts(every, options.method)
    print(f"\nditlaw, method {options.method}, nominal {score.LEVEL:.0%}")
    print(score.table(rows))
    for column, (low, high) in score.held(rows[rows["refused"] == ""]).items():
        print(
            f"{column}: 95 % binomial interval for as many distinct targets [{low:.2f}, {high:.2f}]"
        )
    if options.learned:
        inner = {n: list(tasks(n, r, inner=True)) for n, r in known.items()}
        parts, constants = learned.leave_one_out(chosen, inner)
        print("\nditlaw, constants learned from the other series alone")
        print(score.table(pd.concat(parts)))
        for name, values in constants.items():
            print(f"  {name}: " + ", ".join(f"{n} {v:g}" for n, v in values.items()))


if __name__ == "__main__":
    main()
