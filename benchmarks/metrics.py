"""How often the intervals of metrics hold what one new run would show, by both ways.

Studies as in ``bends.py`` (six budgets, 1 % noise). Metrics are functions of the run's loss with
noise of their own (3 %): a distance that is gone at a loss, a distance with a floor of its own, and
a score with a ceiling; and a distance that depends on compute directly, not through the loss.

    OMP_NUM_THREADS=1 python benchmarks/metrics.py --studies 100
"""

import argparse

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from bends import STEP, study, surface
from ditlaw import laws
from ditlaw.equations.metrics import forecast_direct, forecast_through_loss
from ditlaw.errors import DitlawError

BUDGETS = 6
RUN_SD, METRIC_SD = 0.01, 0.03
LARGEST = 4e10 * STEP ** (BUDGETS - 1)
METRICS = {
    "gone at a loss": lambda loss, c: 600 * (loss - 0.12) ** 1.6,
    "own floor": lambda loss, c: 4 + 900 * loss**2.5,
    "score": lambda loss, c: 0.8 / (1 + (loss / 0.23) ** 5),
    "of compute": lambda loss, c: 30 * (c / 1e11) ** -0.23 * (loss / 0.24) ** 0.5,
}
WAYS = {"direct": forecast_direct, "two steps": forecast_through_loss}


def best_loss(compute):
    found = minimize_scalar(
        lambda log_n: surface(np.exp(log_n), compute / 6 / np.exp(log_n)),
        bounds=(np.log(1e2), np.log(1e9)),
        method="bounded",
    )
    return float(found.fun)


def noisy(values, random, score):
    errors = METRIC_SD * random.standard_normal(np.shape(values))
    if not score:
        return values * np.exp(errors)
    odds = values / (1 - values) * np.exp(errors)
    return odds / (1 + odds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    studies = parser.parse_args().studies
    held: dict[tuple[str, str, float], list[bool]] = {}
    width: dict[tuple[str, str, float], list[float]] = {}
    for seed in range(studies):
        random = np.random.default_rng(10_000 + seed)
        rows = study(surface, BUDGETS, RUN_SD, 0.0, seed)
        for name, metric in METRICS.items():
            values = metric(rows.frame["loss"], rows.frame["flops"])
            rows.frame[name] = noisy(values.to_numpy(), random, name == "score")
        law = laws.fit(rows, draws=200)
        for name, metric in METRICS.items():
            for beyond in (1.0, 4.0, 10.0):
                flops = beyond * LARGEST
                loss = best_loss(flops) * np.exp(RUN_SD * random.standard_normal())
                truth = float(noisy(metric(loss, flops), random, name == "score"))
                for way, ask in WAYS.items():
                    try:
                        found = ask(law, name, flops)
                    except DitlawError:
                        continue
                    key = (name, way, beyond)
                    held.setdefault(key, []).append(found.low <= truth <= found.high)
                    width.setdefault(key, []).append((found.high / found.low) ** 0.5 - 1)
    print(f"{studies} studies, nominal 90 %; brackets are 95 % binomial intervals")
    print("metric          way        beyond  cover               half-width %  answered")
    for (name, way, beyond), inside in held.items():
        rate = binomtest(sum(inside), len(inside))
        ends = rate.proportion_ci(method="wilson")
        print(
            f"{name:14s}  {way:9s}  {beyond:5.0f}x  {rate.statistic:.2f} "
            f"[{ends.low:.2f}, {ends.high:.2f}]  "
            f"{100 * np.median(width[name, way, beyond]):11.1f}  {len(inside):8d}"
        )


if __name__ == "__main__":
    main()
