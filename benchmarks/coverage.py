"""How often the intervals hold the truth, on simulated studies whose truth is known.

``quickstart`` is the quickstart's own design under three truths; ``general`` is twelve designs
under nine truths (``simulation/``), beside the width that an oracle's interval would have.

    OMP_NUM_THREADS=1 python benchmarks/coverage.py --studies 200
    OMP_NUM_THREADS=1 python benchmarks/coverage.py general --processes 2
"""

import argparse
import time

from simulation import quickstart, score, study
from simulation.truths import TRUTHS

NAMES = [truth.name for truth in TRUTHS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="?", choices=["quickstart", "general"], default="quickstart")
    parser.add_argument("--studies", type=int, help="of a truth (200), in general of a design (50)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", default="auto")
    parser.add_argument("--truth", action="append", choices=NAMES, help="general; all unless given")
    parser.add_argument("--processes", type=int, default=1, help="general")
    parser.add_argument("--csv", help="general: where the raw rows go")
    options = parser.parse_args()
    if options.which == "quickstart":
        quickstart.run(options.studies or 200, options.seed, options.method)
        return
    began = time.perf_counter()
    truths, studies = options.truth or NAMES, options.studies or 50
    rows = study.run(truths, studies, options.method, options.seed, options.processes)
    if options.csv:
        rows.to_csv(options.csv, index=False)
    print(f"method {options.method}, nominal {study.LEVEL:.0%}; 95 % binomial intervals")
    print(score.report(rows))
    print(f"{len(rows) // len(study.BEYOND)} studies in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
