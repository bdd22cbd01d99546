"""The memory that training takes, as a rough estimate: of a run here, and of a model on many GPUs.

A device holds float32 weights, gradients, EMA and AdamW's two moments, the bfloat16 copies that are
computed with, and what the forward pass keeps for the backward. Where GPUs share a run out (FSDP),
each holds its part of all but the last, and whole the blocks that it is computing.
"""

from dataclasses import dataclass

from ditlaw.families import Shape
from ditlaw.study.mix import Mix
from ditlaw.study.runs import RunSpec
from ditlaw.study.schema import Recipe

BYTES_PER_PARAM = 20  # fp32 weights, gradient, EMA and two AdamW moments
# Values kept for the backward, a token, a block, a unit of width. Without compiling, families keep
# 13 to 25 (tests/test_memory.py counts them).
ACTIVATIONS_PER_WIDTH = 25
GATHERED = 3 * 4  # bytes a param of a block: this one's weights and gradients, the next's weights
USABLE = 0.9  # of a GPU's memory; the rest is the driver's, the networks' buffers and gaps
MOST_GPUS = 10**6


@dataclass(frozen=True)
class Taken:
    """In bytes: all ``states``, what one ``sample`` keeps, and what is ``gathered`` of shards."""

    states: float
    sample: float
    gathered: float

    def alone_gb(self, batch: int) -> float:
        """GB of one device that holds all states and a whole batch."""
        return (self.states + batch * self.sample) / 1e9

    def each_gb(self, gpus: int, samples: int = 1) -> float:
        """GB of each of several GPUs, with that many samples at a time."""
        gathered = self.gathered if gpus > 1 else 0.0
        return (self.states / gpus + gathered + samples * self.sample) / 1e9

    def least_gpus(self, memory_gb: float) -> int | None:
        """The fewest GPUs of that memory that train it, one sample at a time; None where none do.

        One sample is whole on a GPU, however many there are.
        """
        usable = USABLE * memory_gb
        if self.each_gb(1) <= usable:
            return 1
        left = usable * 1e9 - self.gathered - self.sample
        if left <= 0 or self.states / left > MOST_GPUS:
            return None
        return max(2, -int(-self.states // left))


def memory_of(mix: Mix, shape: Shape, recipe: Recipe) -> Taken:
    """What training a model of that shape takes, of samples of its largest resolution."""
    # Masked families show a step another number of tokens than a forward pass has.
    seen = max(
        (counts.tokens_per_sample + 1) * counts.flops_train / (3 * counts.flops_forward)
        for counts in mix.each
    )
    block = ACTIVATIONS_PER_WIDTH * shape.width
    # Recomputing keeps the input of every block, and one block's values at a time.
    values = shape.blocks * shape.width + block if recipe.checkpointing else shape.blocks * block
    size = 2 if recipe.precision == "bfloat16" else 4
    params, copies = mix.each[0].params_total, size if size == 2 else 0
    return Taken(
        states=params * (BYTES_PER_PARAM + copies),
        sample=seen * values * size,
        gathered=params / shape.blocks * GATHERED,
    )


def memory_gb(run: RunSpec) -> float:
    """A rough estimate of the memory that training one run takes on one device, in GB."""
    return memory_of(run.mix(), run.shape, run.recipe).alone_gb(run.recipe.batch)
