"""Adding up a model's params and FLOPs part by part, in closed form.

Conventions: a multiply-add is two FLOPs; a backward pass costs a matmul once for its weights and
once for its input, the latter only where the input needs a gradient. What is no matmul (norms,
activations, modulation, softmax, rotary) costs no FLOPs, as in torch's ``FlopCounterMode``.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Counts:
    """Exact counts of one model; FLOPs are per sample, a multiply-add is two.

    ``params`` leaves out look-up tables (words, classes); ``params_total`` holds them.
    ``flops_train`` is forward plus backward, without the gradients that inputs do not need and
    without recomputation. The breakdowns sum to ``params`` and to ``flops_train``.
    """

    params: int
    params_total: int
    params_breakdown: dict[str, int]
    flops_breakdown: dict[str, int]
    tokens_per_sample: int
    flops_forward: int
    flops_train: int

    @property
    def flops_6nd(self) -> int:
        """The usual estimate 6·params·tokens, per sample."""
        return 6 * self.params * self.tokens_per_sample


@dataclass
class Ledger:
    """One model's account. Parts appear in the order in which they are first named.

    ``tokens`` is how many tokens of a sample a layer sees in a forward pass. Where training shows
    it another number (masking), ``trained`` says so.
    """

    params: dict[str, int] = field(default_factory=dict)
    train: dict[str, int] = field(default_factory=dict)
    forward: int = 0
    tables: int = 0

    def dense(
        self,
        part: str,
        inputs: int,
        outputs: int,
        tokens: int,
        *,
        times: int = 1,
        input_needs_grad: bool = True,
        trained: int | None = None,
    ) -> None:
        """``times`` dense layers with bias, each applied to ``tokens`` tokens of a sample."""
        self.weights(part, times * (inputs + 1) * outputs)
        each = 2 * inputs * outputs * times
        self.forward += each * tokens
        passes = 3 if input_needs_grad else 2
        self._spend(part, passes * each * (tokens if trained is None else trained))

    def attention(
        self, part: str, width: int, pairs: int, *, times: int = 1, trained: int | None = None
    ) -> None:
        """Scores and mixed values of ``times`` attentions over ``pairs`` (query, key) pairs."""
        each = 4 * width * times
        self.forward += each * pairs
        self._spend(part, 3 * each * (pairs if trained is None else trained))

    def weights(self, part: str, number: int) -> None:
        """Params that take part in no matmul: norms, tables of positions or modulation."""
        self.params[part] = self.params.get(part, 0) + number

    def table(self, number: int) -> None:
        """Entries of a look-up table of words or classes: only the total counts them."""
        self.tables += number

    def _spend(self, part: str, flops: int) -> None:
        self.train[part] = self.train.get(part, 0) + flops

    def counts(self, tokens: int) -> Counts:
        """The closed account; ``tokens`` are image and text tokens of one sample."""
        params = sum(self.params.values())
        return Counts(
            params=params,
            params_total=params + self.tables,
            params_breakdown=dict(self.params),
            flops_breakdown={part: flops for part, flops in self.train.items() if flops},
            tokens_per_sample=tokens,
            flops_forward=self.forward,
            flops_train=sum(self.train.values()),
        )
