"""How often each item of 'ditlaw audit' fails: for designs that have the fault, and for clean ones.

Designs and the truth are those of ``simulation``; a bend multiplies the loss so that it falls
steeper from the middle of the budgets on, by 0.05 in d ln L/d ln C. Simulated FLOPs are
6·params·tokens and no study has seeds, so those two items fail in all; they are left out, as is
what needs columns.

    OMP_NUM_THREADS=1 python benchmarks/audits.py --studies 50
"""

import argparse
from collections import Counter
from dataclasses import replace
from multiprocessing import Pool

import numpy as np
from scipy.stats import binomtest

from ditlaw import laws
from ditlaw.audit.items import law_checks, refit_checks
from ditlaw.audit.refits import refits_of
from ditlaw.audit.seen import Found
from ditlaw.audit.verdict import verdict
from ditlaw.errors import Refused
from simulation.designs import Design, simulate
from simulation.truths import LOG_C0, TRUTHS

TRUTH = TRUTHS[0]  # a surface: its best loss is a floor law exactly
BEND, TURN = -0.05, 0.5  # change of d ln L/d ln C, and over how many e-folds
KINDS: dict[str, tuple[Design, float]] = {
    "clean": (Design(0.003, 8, "centred"), 0.0),
    "clean, 5 budgets": (Design(0.003, 5, "centred"), 0.0),
    "clean, noisy": (Design(0.02, 8, "centred"), 0.0),
    "off-centre": (Design(0.003, 8, "off-centre"), 0.0),
    "drifting": (Design(0.003, 8, "drifting"), 0.0),
    "narrow": (Design(0.003, 8, "narrow"), 0.0),
    "4 budgets": (Design(0.003, 4, "centred"), 0.0),
    "bend": (Design(0.003, 8, "centred"), BEND),
}
SHOWN = (
    "enough budgets",
    "optimum inside the sizes",
    "sizes on both sides",
    "sizes wide enough",
    "sizes centred",
    "centre does not drift",
    "one law at all budgets",
    "residuals look like noise",
    "no run stands out",
    "losses forecast",
    "best sizes forecast",
)
REFITS = (
    "no one budget decides",
    "smallest budget fits in",
    "loss alike by all methods",
    "N* alike by all methods",
)


def failed(task: tuple[str, int, bool]) -> list[str] | None:
    """Items that fail in one study, and what its verdict is; None where no law can be fitted."""
    kind, index, with_refits = task
    design, bend = KINDS[kind]
    rng = np.random.default_rng([7, sorted(KINDS).index(kind), index])
    rows = simulate(TRUTH, design, rng).observations
    log_c = np.log(rows.frame["flops"]) - LOG_C0
    turned = TURN * np.logaddexp(0.0, log_c / TURN)
    rows = replace(rows, frame=rows.frame.assign(loss=rows.frame["loss"] * np.exp(bend * turned)))
    try:
        law = laws.fit(rows, draws=100)
    except Refused:
        return None
    found = Found(law, law.result())
    checks = law_checks(found)
    if with_refits:
        target = 10 * law.largest_flops
        checks += refit_checks(refits_of(found, target, False), target)
    said = [check.item for check in checks if check.state == "not met"]
    return [*said, *(["defensible"] if verdict(found, checks)[1] else [])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--refits", action="store_true", help="those items too, ten times as slow")
    asked = parser.parse_args()
    tasks = [(kind, index, asked.refits) for kind in KINDS for index in range(asked.studies)]
    with Pool(asked.processes) as pool:
        answers = pool.map(failed, tasks, chunksize=1)
    margin = binomtest(asked.studies // 2, asked.studies).proportion_ci(method="wilson")
    print(f"{asked.studies} studies each, share in which an item fails; a half of them is known to")
    print(f"[{margin.low:.2f}, {margin.high:.2f}]; the noise of a run is 0.3 %, noisy 2 %")
    names = list(KINDS)
    print(" " * 26 + "  ".join(f"{name.split(',')[-1].strip():>9}" for name in names))
    counts = {kind: Counter() for kind in KINDS}
    refused = Counter()
    for (kind, *_), answer in zip(tasks, answers, strict=True):
        counts[kind].update(answer or [])
        refused[kind] += answer is None
    for item in (*SHOWN, *(REFITS if asked.refits else ()), "defensible"):
        cells = [counts[k][item] / max(asked.studies - refused[k], 1) for k in names]
        print(f"{item:26}" + "  ".join(f"{cell:9.2f}" for cell in cells))
    print(f"{'refused':26}" + "  ".join(f"{refused[k]:9d}" for k in names))


if __name__ == "__main__":
    main()
