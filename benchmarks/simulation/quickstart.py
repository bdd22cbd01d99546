"""The quickstart's own study, simulated under three truths: the table of docs/statistics.md.

The design is the quickstart's: its sizes, budgets and seeds, exact FLOPs, runs evaluated at every
budget they pass. A run scatters by 1.6 %, one of the narrowest size by 4 %; half of the variance is
shared along a run and half is each row's own. Pooled that is 2.0 %, what real quickstart studies
show. Three truths: the surface that the tool fits, and two that it does not contain.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ditlaw import laws
from ditlaw.errors import Refused
from ditlaw.observations import Observations
from ditlaw.study import Study, parse_study, preset_text
from simulation.score import rate
from simulation.study import LEVEL

BEYOND = (1.0, 4.0, 10.0)
RUN_SD = 0.016
NARROWEST_SD = 0.04
TRUNK_SHARE = 0.5

Loss = Callable[[np.ndarray, np.ndarray], np.ndarray]


def surface(params, tokens):
    """E + A/N^α + B/D^β with the constants that small diffusion transformers show."""
    return 0.18 + 0.034 * (params / 13e3) ** -0.9 + 0.056 * (tokens / 2.8e5) ** -0.55


def nested(params, tokens):
    """Kaplan et al. 2020, equation 1.5, with a floor: the two terms are not additive."""
    size = (params / 13e3) ** (-0.9 / 0.55)
    return 0.18 + 0.09 * (0.38 * size + 0.62 * 2.8e5 / tokens) ** 0.55


def bent(params, tokens):
    """The surface's exponents, with a slow turn of the data term that no form holds."""
    x = np.log(tokens / 2.8e5)
    return 0.16 + 0.034 * (params / 13e3) ** -0.9 + 0.076 * np.exp(-0.48 * x + 0.02 * x * x)


TRUTHS: dict[str, Loss] = {"surface": surface, "nested": nested, "bent": bent}


@dataclass(frozen=True)
class Design:
    """The noiseless rows of the quickstart study, and its FLOPs per token and param."""

    study: Study
    frame: pd.DataFrame
    log_n: np.ndarray
    log_kappa: np.ndarray


def quickstart():
    study = parse_study(preset_text("quickstart"), "quickstart")
    family, geometry = study.design(), study.geometry.geometry()
    rows = []
    for seed in study.seeds:
        for entry in study.shapes:
            shape = study.shape(entry)
            counts = family.counts(shape, geometry)
            per_step = float(counts.flops_train) * study.recipe.batch
            for budget in study.budgets:
                if entry.until is None or budget <= entry.until:
                    steps = budget // per_step
                    rows.append(
                        {
                            "run": f"{shape}-s{seed}-{budget:g}",
                            "trunk": f"{shape}-s{seed}",
                            "params": float(counts.params),
                            "tokens": steps * study.recipe.batch * counts.tokens_per_sample,
                            "flops": steps * per_step,
                            "budget": budget,
                        }
                    )
    frame = pd.DataFrame(rows)
    widths = range(8, 400, 4)
    counted = [family.counts(family.shape(2, w, 4), geometry) for w in widths]
    params = np.array([float(c.params) for c in counted])
    kappa = np.array([c.flops_train / c.tokens_per_sample for c in counted]) / params
    return Design(study, frame, np.log(params), np.log(kappa))


def optimum(design, truth, flops):
    """The true (N*, L*) along exact FLOPs, by a fine grid."""
    log_n = np.linspace(design.log_n[0], design.log_n[-1], 20001)
    params = np.exp(log_n)
    loss = truth(params, tokens_of(design, params, flops))
    return params[loss.argmin()], loss.min()


def tokens_of(design, params, flops):
    """Tokens of a model of that size trained with those FLOPs."""
    return flops / (params * np.exp(np.interp(np.log(params), design.log_n, design.log_kappa)))


def run_sd(design, params):
    """Relative sd of one run of that size."""
    return np.where(params > 1.01 * design.frame["params"].min(), RUN_SD, NARROWEST_SD)


def simulate(design, truth, rng):
    """One study with fresh noise."""
    frame = design.frame.copy()
    trunks = frame["trunk"].unique()
    shared = dict(zip(trunks, rng.standard_normal(len(trunks)), strict=True))
    noise = np.sqrt(TRUNK_SHARE) * frame["trunk"].map(shared).to_numpy()
    noise = noise + np.sqrt(1 - TRUNK_SHARE) * rng.standard_normal(len(frame))
    clean = truth(frame["params"].to_numpy(), frame["tokens"].to_numpy())
    frame["loss"] = clean * np.exp(run_sd(design, frame["params"].to_numpy()) * noise)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Observations(frame, source="simulated", study=design.study)


def score(law, design, truth, rng):
    """One row per distance: hits, half-widths and errors."""
    rows = []
    for beyond in BEYOND:
        flops = beyond * max(design.study.budgets)
        true_n, true_loss = optimum(design, truth, flops)
        found = law.optimum(flops)
        n, loss = found.params, found.loss
        # The checking run has the nearest width that can be built, and is forecast as that shape.
        shape = np.exp(design.log_n[np.abs(design.log_n - np.log(n.value)).argmin()])
        own, _, _ = law.loss_at(shape, flops)
        clean = truth(shape, tokens_of(design, shape, flops))
        run = clean * np.exp(run_sd(design, shape) * rng.standard_normal())
        rows.append(
            {
                "beyond": beyond,
                "n_in": n.low <= true_n <= n.high,
                "law_in": found.law_low <= true_loss <= found.law_high,
                "run_in": own.low <= run <= own.high,
                "n_half": np.sqrt(n.high / n.low) - 1,
                "law_half": (found.law_high - found.law_low) / 2 / loss.value,
                "run_half": (loss.high - loss.low) / 2 / loss.value,
                "n_bias": np.log(n.value / true_n),
                "bias": loss.value / true_loss - 1,
                "weights": law.fitted.ensemble.loss_weights,
            }
        )
    return rows


def run(studies, seed, method):
    """Simulate, fit and print."""
    design = quickstart()
    print(f"{studies} studies a truth, nominal {LEVEL:.0%}; 95 % binomial intervals")
    print(
        "truth    beyond  N* cover          law cover         one run           "
        "half-widths N*/law/run %  bias N*/loss %"
    )
    for name, truth in TRUTHS.items():
        began, rows, refused = time.perf_counter(), [], 0
        for index in range(studies):
            rng = np.random.default_rng([seed, index])
            try:
                law = laws.fit(simulate(design, truth, rng), method=method, level=LEVEL)
            except Refused:
                refused += 1
                continue
            rows += score(law, design, truth, rng)
        table = pd.DataFrame(rows)
        seconds = (time.perf_counter() - began) / studies
        for beyond, part in table.groupby("beyond"):
            cells = "  ".join(rate(part[c]) for c in ("n_in", "law_in", "run_in"))
            half = "/".join(
                f"{100 * part[c].median():.2g}" for c in ("n_half", "law_half", "run_half")
            )
            bias = f"{100 * part['n_bias'].median():+.1f}/{100 * part['bias'].median():+.2f}"
            print(f"{name:8} {beyond:>5g}x  {cells}  {half:24} {bias}")
        weights = pd.DataFrame(list(table["weights"])).mean()
        mean = ", ".join(f"{form} {w:.2f}" for form, w in weights.items())
        print(f"         mean weights {mean}; {refused} refused; {seconds:.2f} s a study")
