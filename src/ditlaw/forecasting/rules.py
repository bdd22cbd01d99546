"""Rules that papers printed for the batch and the learning rate, with what they were fitted on.

Numbers were read in digests that agree with each other, not in the papers. Both count a batch in
tokens and train with AdamW at a constant rate, or at the top of a schedule.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ditlaw import text
from ditlaw.results import PublishedRule

BELOW = 10.0  # a rule says nothing of runs that are smaller than its smallest by more
Of = Callable[[float, float, float], float]  # of N, D and C


@dataclass(frozen=True)
class Rule:
    """One rule: ``batch`` in tokens and ``rate``, of params N, tokens D and FLOPs C.

    ``fitted`` has the smallest and largest of what it was fitted on, by N, D or C.
    """

    name: str
    source: str
    of: str
    formula: str
    batch: Of
    rate: Of
    fitted: dict[str, tuple[float, float]]

    def at(self, params: float, tokens: float, flops: float, per_image: float) -> PublishedRule:
        """What it sets for a run, whose images have ``per_image`` tokens."""
        batch = self.batch(params, tokens, flops)
        return PublishedRule(
            name=self.name,
            source=self.source,
            of=self.of,
            formula=self.formula,
            batch=max(1, round(batch / per_image)),
            batch_tokens=batch,
            learning_rate=self.rate(params, tokens, flops),
            beyond=self._beyond({"N": params, "D": tokens, "C": flops}),
        )

    def speaks_of(self, params: float, tokens: float, flops: float) -> bool:
        """Whether the run is not far smaller than all that the rule was fitted on."""
        run = {"N": params, "D": tokens, "C": flops}
        return all(run[name] * BELOW >= low for name, (low, _) in self.fitted.items())

    def _beyond(self, run: dict[str, float]) -> str | None:
        far = []
        for name, (low, high) in self.fitted.items():
            value = run[name]
            if value > high:
                far.append(f"{name} is {text.count(value / high)}× its largest")
            elif value < low:
                far.append(f"{name} is {text.number(value / low)}× its smallest")
        return ", ".join(far) or None


YIN = Rule(
    name="yin-video",
    source="Yin et al. 2024, arXiv 2411.17470",
    of="video diffusion transformers",
    formula="B = 2.1797e4·D^0.8080·N^0.1906 tokens, rate = 2e-4·D^-0.0453·N^-0.1619, "
    "N and D in billions",
    batch=lambda n, d, _: 2.1797e4 * (d / 1e9) ** 0.8080 * (n / 1e9) ** 0.1906,
    rate=lambda n, d, _: 2e-4 * (d / 1e9) ** -0.0453 * (n / 1e9) ** -0.1619,
    fitted={"N": (1.7e7, 2.6e8), "D": (2e9, 1.2e10)},
)
DEEPSEEK = Rule(
    name="deepseek",
    source="DeepSeek-AI 2024, arXiv 2401.02954",
    of="language models",
    formula="B = 0.2920·C^0.3271 tokens, rate = 0.3118·C^-0.1250",
    batch=lambda _, __, c: 0.2920 * c**0.3271,
    rate=lambda _, __, c: 0.3118 * c**-0.1250,
    fitted={"C": (1e17, 3e20)},  # of its budgets
)
RULES = (YIN, DEEPSEEK)
