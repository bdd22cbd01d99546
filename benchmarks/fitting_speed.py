"""Speed of fitting, each figure beside a named peer in the same run, on the twin of 240 runs.

Both sides minimise the same objective, with gradients in closed form and centred logs; a peer that
would take long is timed on a sample and scaled.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from ditlaw import laws
from ditlaw.laws import approach3, solver
from ditlaw.observations import Observations
from simulation.twin import twin

DELTA = approach3.HOFFMANN_WIDTH
REFITS, SAMPLE, STARTS, ROWS = 1000, 50, 24, 500


def seconds(call, repeats=1):
    """Median wall time."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def line(what, mine, target, peer, theirs):
    print(f"{what}: {mine:.3f} s (aim {target:g}), {peer} {theirs:.2f} s, {theirs / mine:.1f}×")


def objective(theta, u, v, log_loss):
    """Σ Huber of ln L̂ − ln L and its gradient, θ as in ``solver``."""
    e, a, b, log_alpha, log_beta = theta
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    terms = np.exp(e), np.exp(a - alpha * u), np.exp(b - beta * v)
    total = sum(terms)
    r = np.log(total) - log_loss
    weight = np.clip(r, -DELTA, DELTA) / total
    size, data = weight * terms[1], weight * terms[2]
    gradient = [np.sum(weight * terms[0]), size.sum(), data.sum(), -alpha * size @ u]
    return solver.huber(r, DELTA), np.array([*gradient, -beta * data @ v])


def scipy_fit(start, u, v, log_loss):
    options = {"maxiter": 2000, "maxfun": 4000, "ftol": 1e-14, "gtol": 1e-10}
    with np.errstate(over="ignore", invalid="ignore"):  # its line searches may step far out
        return minimize(objective, start, (u, v, log_loss), "L-BFGS-B", jac=True, options=options)


def surface():
    """The five-parameter point fit, and its refits to redrawn losses."""
    log_n, log_d, log_loss = twin()
    u, v = log_n - log_n.mean(), log_d - log_d.mean()
    found = approach3.fit(log_n, log_d, log_loss)
    mine = seconds(lambda: approach3.fit(log_n, log_d, log_loss), 5)
    rng = np.random.default_rng(0)
    starts = rng.uniform([-1, -4, -4, -2.5, -2.5], [1, 1, 1, 0.5, 0.5], (STARTS, 5))
    began = time.perf_counter()
    tried = [scipy_fit(start, u, v, log_loss) for start in starts]
    theirs = time.perf_counter() - began
    best = min(tried, key=lambda result: result.fun)
    line("surface, point fit", mine, 0.05, f"SciPy L-BFGS-B from {STARTS} starts", theirs)
    reached = sum(result.fun <= 1.001 * best.fun for result in tried)
    print(f"  objective {found.objective:.9f}; SciPy's {best.fun:.9f}, from {reached} starts")

    fitted = log_loss - found.residuals
    redrawn = fitted + rng.choice(found.residuals, (REFITS, len(fitted)))
    warm = np.broadcast_to(best.x, (REFITS, 5)).copy()
    mine = seconds(lambda: solver.refine(warm, u, v, redrawn, DELTA, 100, 1e-5), 3)
    each = seconds(lambda: [scipy_fit(best.x, u, v, y) for y in redrawn[:SAMPLE]]) / SAMPLE
    line(f"surface, {REFITS} refits", mine, 1.2, "SciPy L-BFGS-B, warm", each * REFITS)
    _, ours, _ = solver.refine(warm[:SAMPLE], u, v, redrawn[:SAMPLE], DELTA, 100, 1e-5)
    excess = ours / [scipy_fit(best.x, u, v, y).fun for y in redrawn[:SAMPLE]] - 1
    print(
        f"  excess over SciPy's objective: median {np.median(excess):.1e}, max {excess.max():.1e}"
    )


def isoflops():
    """Parabolas, both loss laws, the N* line and their backtests, against the first two alone."""
    table = observations(*twin())
    mine = seconds(lambda: laws.fit(table, method="isoflop", draws=REFITS), 3)
    frame = table.frame
    groups = [group for _, group in frame.groupby("budget")]
    log_n = [np.log(group["params"].to_numpy()) for group in groups]
    log_loss = [np.log(group["loss"].to_numpy()) for group in groups]
    log_c = np.log([group["budget"].iloc[0] for group in groups])
    rng = np.random.default_rng(0)

    def one_by_one():
        for _ in range(SAMPLE):
            minima = []
            for x, y in zip(log_n, log_loss, strict=True):
                c, b, a = np.polyfit(x, y + 0.005 * rng.standard_normal(len(y)), 2)
                minima.append((-b / (2 * c), a - b * b / (4 * c)))
            np.polyfit(log_c, np.array(minima), 1)

    theirs = seconds(one_by_one) / SAMPLE * REFITS
    line(f"parabolas and lines, {REFITS} refits", mine, 0.5, "numpy.polyfit, one by one", theirs)


def command():
    """``ditlaw fit`` on a table, start-up included, against importing what it stands on."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.csv"
        three = pd.concat([observations(*twin(seed=s)).frame for s in range(3)])[:ROWS]
        three.assign(run=np.arange(ROWS), trunk=np.arange(ROWS)).to_csv(path, index=False)
        arguments = [sys.executable, "-m", "ditlaw", "fit", str(path), "--json"]
        mine = seconds(lambda: subprocess.run(arguments, check=True, capture_output=True), 3)
    imports = [sys.executable, "-c", "import pandas, scipy.stats"]
    theirs = seconds(lambda: subprocess.run(imports, check=True), 3)
    line(f"ditlaw fit, {ROWS} rows", mine, 5, "import pandas, scipy.stats alone", theirs)


def observations(log_n, log_d, log_loss):
    """The twin as a table, an isoFLOP group a budget."""
    params, tokens = np.exp(log_n), np.exp(log_d)
    flops = 6 * params * tokens
    frame = pd.DataFrame({"params": params, "tokens": tokens, "flops": flops})
    frame = frame.assign(budget=[float(f"{c:.3g}") for c in flops], loss=np.exp(log_loss))
    frame["run"] = frame["trunk"] = [f"r{i}" for i in range(len(frame))]
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Observations(frame, source="twin")


def main():
    surface()
    isoflops()
    command()


if __name__ == "__main__":
    main()
