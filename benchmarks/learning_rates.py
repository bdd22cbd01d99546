"""Learning-rate sweeps of a known truth: which curve finds the best rate, and do intervals hold.

First, five valleys (ln loss against ln rate), sweeps laid at random over them, run noise; the root
mean square error of the best rate (in ln) and of the loss there, by the ways to interpolate. Then
whole sweeps, as in ``tests/rates_data.py``: how often 90 % intervals hold the best rate of a cell
and the exponents of the law.

    OMP_NUM_THREADS=1 python benchmarks/learning_rates.py [--sweeps 60]
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from ditlaw.tuning import curve, rates_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from rates_data import PARAMS_EXPONENT, TOKENS_EXPONENT, best_rate, sweep, written

VALLEYS = {
    "parabola, narrow": lambda u: 0.05 * u**2,
    "parabola, wide": lambda u: 0.01 * u**2,
    "leaning": lambda u: 0.03 * u**2 * np.exp(0.35 * u),
    "straight below": lambda u: 0.012 * (np.exp(1.2 * u) - 1.2 * u - 1),
    "steeper above": lambda u: np.where(u < 0, 0.02 * u**2, 0.08 * u**2 + 0.05 * u**3),
}
DESIGNS = {
    "6 rates, 2 seeds": {},
    "the same, 0.6 % noise": {"sd": 0.006},
    "the same, 0.03 % noise": {"sd": 0.0003},
    "4 rates": {"rates": np.geomspace(1e-4, 3.2e-2, 4)},
    "5 rates, factors of 2": {"rates": np.geomspace(1e-3, 1.6e-2, 5)},
    "1 seed": {"seeds": 1},
    "3 budgets of 3 sizes": {"budgets": 3, "sizes": 3},
    "2 budgets of 3 sizes": {"budgets": 2, "sizes": 3, "sd": 0.006},
}


def parabola(x, log_loss, points):
    """Least squares through the points nearest the best: its minimum, kept between neighbours."""
    found = []
    for y in log_loss:
        best = int(y.argmin())
        if best in (0, len(x) - 1):
            found.append((x[best], y[best]))
            continue
        near = slice(max(0, best - points // 2), best + points // 2 + 1)
        c, b, a = np.polyfit(x[near] - x[best], y[near], 2)
        u = -b / (2 * c) if c > 1e-9 else 0.0
        u = float(np.clip(u, x[best - 1] - x[best], x[best + 1] - x[best]))
        found.append((x[best] + u, a + b * u + c * u * u))
    return np.array(found).T


WAYS = {
    "akima": curve.minimum,
    "3-point parabola": lambda x, y: parabola(x, y, 3),
    "5-point parabola": lambda x, y: parabola(x, y, 5),
    "best tried": lambda x, y: (x[y.argmin(axis=1)], y.min(axis=1)),
}


def interpolation(trials=40, redraws=20):
    """Errors of each way, averaged over the valleys."""
    print("step  rates  noise   " + "  ".join(f"{way:>22s}" for way in WAYS))
    rng = np.random.default_rng(0)
    for step in (np.log(2), np.log(10) / 2):
        for count, sd in ((5, 0.0), (5, 0.003), (5, 0.01), (7, 0.003)):
            errors = {way: [] for way in WAYS}
            for valley in VALLEYS.values():
                squares = {way: [] for way in WAYS}
                for _ in range(trials):
                    x = (np.arange(count) - (count - 1) / 2 + rng.uniform(-0.5, 0.5)) * step
                    y = valley(x) + sd * rng.standard_normal((redraws, count))
                    for way, find in WAYS.items():
                        at, lowest = find(x, y)
                        squares[way].append((np.mean(at**2), np.mean(lowest**2)))
                for way in WAYS:
                    errors[way].append(np.sqrt(np.mean(squares[way], axis=0)))
            shown = []
            for way in WAYS:
                at, lowest = np.mean(errors[way], axis=0)
                shown.append(f"{f'{at:.2f} / {100 * lowest:.2f} %':>22s}")
            print(f"{np.exp(step):4.2f}  {count:5d}  {100 * sd:4.1f} %  " + "  ".join(shown))


def coverage(sweeps):
    """How often intervals hold the truth."""
    print(f"\n{sweeps} sweeps each, nominal 90 %; half-widths in ln of the rate and of exponents")
    print(f"{'design':24s}  best rate of a cell      exponent of N      exponent of D")
    with tempfile.TemporaryDirectory() as folder:
        for name, options in DESIGNS.items():
            cells, params, tokens = [], [], []
            for seed in range(sweeps):
                data = sweep(seed=seed, **options)
                group = rates_of(written(data, Path(folder))).result.groups[0]
                for cell in group.cells:
                    q = cell.optimum
                    if q is not None and q.low is not None and q.high is not None:
                        truth = best_rate(cell.params, cell.tokens)
                        cells.append((q.low < truth < q.high, np.log(q.high / q.low) / 2))
                law = group.law
                for found, truth, kept in (
                    (law and law.params_exponent, PARAMS_EXPONENT, params),
                    (law and law.tokens_exponent, TOKENS_EXPONENT, tokens),
                ):
                    if found is not None:
                        kept.append((found.low < truth < found.high, (found.high - found.low) / 2))
            said = []
            for kept in (cells, params, tokens):
                held, width = np.mean(kept, axis=0)
                said.append(f"{held:.2f}, ±{width:.3f}")
            print(f"{name:24s}  {said[0]:>19s}  {said[1]:>17s}  {said[2]:>17s}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=60)
    interpolation()
    coverage(parser.parse_args().sweeps)
