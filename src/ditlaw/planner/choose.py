"""Which runs to spend on: step by step the one that tells most, for its cost or at all."""

from ditlaw.planner.gain import Outlook
from ditlaw.planner.pool import Pool, Step

# A step's gain is weighed against its cost to this power. By cost alone many small runs are chosen
# and none that is large; by gain alone one that takes all; and the plan of several powers that ends
# with the least variance is the one that believes the law most where it errs (docs/next-runs.md).
THRIFT = 0.35
LEAST = 5e-3  # of the variance: a step that takes less away is not worth a run


def choose(outlook: Outlook, pool: Pool, spend: float) -> list[Step]:
    """Steps for at most ``spend`` FLOPs: each is worth most of those that can still be paid."""
    steps: list[Step] = []
    while True:
        best, most = None, 0.0
        for trunk in pool.able():
            gains = outlook.gains(trunk, pool)
            for to, gain in enumerate(gains, start=trunk.reached + 1):
                step = pool.step(trunk, to)
                if step.cost > spend:
                    break
                worth = gain / step.cost**THRIFT
                if gain >= LEAST * outlook.variance() and worth > most:
                    best, most = step, worth
        if best is None:
            return steps
        steps.append(best)
        outlook, pool = outlook.after(best, pool.log_c), pool.after(best)
        spend -= best.cost
