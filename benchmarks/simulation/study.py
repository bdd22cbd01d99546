"""Fit simulated studies and note what was said and what is true: one row a study and distance."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pool

import numpy as np
import pandas as pd

from ditlaw import laws
from ditlaw.errors import Refused
from simulation import oracle
from simulation.designs import DESIGNS, Design, simulate
from simulation.truths import LARGEST, LOG_C0, LOG_N0, N0, TRUTHS, Truth

BEYOND = (1.0, 10.0, 100.0)
LEVEL = 0.9


@dataclass(frozen=True)
class Task:
    """One study: indices into ``TRUTHS`` and ``DESIGNS``, its number, and how to fit it."""

    truth: int
    design: int
    index: int
    method: str
    seed: int


def run(truths: list[str], studies: int, method: str, seed: int, processes: int) -> pd.DataFrame:
    """``studies`` of every design for every truth; the same rows for any number of processes."""
    tasks = [
        Task(t, d, index, method, seed)
        for t, truth in enumerate(TRUTHS)
        if truth.name in truths
        for d in range(len(DESIGNS))
        for index in range(studies)
    ]
    return pd.DataFrame([row for rows in _carried_out(tasks, processes) for row in rows])


def _carried_out(tasks: list[Task], processes: int) -> Iterator[list[dict]]:
    if processes == 1:
        yield from map(one_study, tasks)
        return
    with Pool(processes) as pool:
        yield from pool.imap(one_study, tasks, chunksize=8)


def one_study(task: Task) -> list[dict]:
    """Rows with ``refused`` set where the tool declined to fit."""
    truth, design = TRUTHS[task.truth], DESIGNS[task.design]
    rng = np.random.default_rng([task.seed, task.truth, task.design, task.index])
    study = simulate(truth, design, rng)
    about = {"truth": truth.name, "design": design.name, "study": task.index}
    try:
        law = laws.fit(study.observations, method=task.method, level=LEVEL)
        codes = {note.code for note in law.result().warnings}
    except Refused:
        return [about | {"beyond": beyond, "refused": True} for beyond in BEYOND]
    c = LARGEST + np.log(BEYOND)
    true_x, true_loss = truth.optimum(c)
    sd_n, sd_loss = oracle.sds(truth, design, study, c)
    rows = []
    for i, beyond in enumerate(BEYOND):
        said = _said(law, truth, design, float(c[i]), codes, rng)
        known = {"n_true": true_x[i] + LOG_N0, "law_true": true_loss[i]}
        best = {"n_oracle": sd_n[i], "law_oracle": sd_loss[i]}
        rows.append(about | {"beyond": beyond, "refused": False} | said | known | best)
    return rows


def _said(
    law: laws.Law,
    truth: Truth,
    design: Design,
    c: float,
    codes: set[str],
    rng: np.random.Generator,
) -> dict:
    """What a law says at c = ln C/C0, in logs, and the loss of one new run of the size it names."""
    flops = float(np.exp(c + LOG_C0))
    found = law.optimum(flops)
    n, loss = found.params, found.loss
    run, _, _ = law.loss_at(n.value, flops)
    x = np.array(np.log(n.value / N0))
    drawn = truth.log_loss(x, c - x) + design.noise * rng.standard_normal()
    said = {"n": n.value, "n_low": n.low, "n_high": n.high}
    said |= {"law": loss.value, "law_low": found.law_low, "law_high": found.law_high}
    said |= {"run": run.value, "run_low": run.low, "run_high": run.high}
    logs = {name: float(np.log(value)) for name, value in said.items()}
    codes = codes | {note.code for note in found.warnings}
    weights = law.fitted.ensemble.loss_weights
    return logs | {
        "run_true": float(drawn),
        "warnings": " ".join(sorted(codes)),
        "weights": json.dumps({k: round(w, 4) for k, w in weights.items()}),
    }
