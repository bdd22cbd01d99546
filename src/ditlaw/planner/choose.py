"""Which runs to spend on: step by step the one that tells most, for its cost or at all."""

from dataclasses import dataclass

from ditlaw.planner.gain import Outlook
from ditlaw.planner.pool import Pool, Step

# What a step's gain is divided by is its cost to one of these powers. By cost alone many small runs
# are chosen and none that is large; by gain alone one that takes all. The plan that ends best wins.
THRIFT = (0.0, 0.5, 1.0)
LEAST = 5e-3  # of the variance: a step that takes less away is not worth a run


@dataclass(frozen=True)
class Plan:
    """Steps in the order they were chosen, and what they leave."""

    steps: list[Step]
    before: Outlook
    after: Outlook
    pool: Pool

    @property
    def cost(self) -> float:
        """FLOPs of all steps."""
        return sum(step.cost for step in self.steps)


def choose(outlook: Outlook, pool: Pool, spend: float) -> Plan:
    """The plan within ``spend`` FLOPs that leaves the least variance at the target."""
    plans = [_greedy(outlook, pool, spend, thrift) for thrift in THRIFT]
    return min(plans, key=lambda plan: (plan.after.variance(), plan.cost))


def _greedy(outlook: Outlook, pool: Pool, spend: float, thrift: float) -> Plan:
    before = outlook
    steps: list[Step] = []
    while True:
        best, most = None, 0.0
        for trunk in pool.able():
            gains = outlook.gains(trunk, pool)
            for to, gain in enumerate(gains, start=trunk.reached + 1):
                step = pool.step(trunk, to)
                if step.cost > spend:
                    break
                worth = gain / step.cost**thrift
                if gain >= LEAST * outlook.variance() and worth > most:
                    best, most = step, worth
        if best is None:
            return Plan(steps, before, outlook, pool)
        steps.append(best)
        outlook, pool = outlook.after(best, pool.log_c), pool.after(best)
        spend -= best.cost
