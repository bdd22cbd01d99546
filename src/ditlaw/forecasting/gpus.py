"""What a recipe takes of GPUs: how many hold it."""

from ditlaw import text
from ditlaw.compute import get_accelerator
from ditlaw.families import Shape
from ditlaw.results import Note, TrainingMemory
from ditlaw.study.memory import USABLE, memory_of
from ditlaw.study.mix import Mix
from ditlaw.study.schema import Hardware, Recipe


def memory(
    mix: Mix, shape: Shape, recipe: Recipe, hardware: Hardware, gpus: int | None
) -> TrainingMemory:
    """A rough estimate of a recipe's memory; each GPU's at ``gpus``, or at the fewest that hold it.

    A batch cannot be shared by more GPUs than it has samples.
    """
    taken, device = memory_of(mix, shape, recipe), get_accelerator(hardware.gpu)
    least = taken.least_gpus(device.memory_gb)
    if least is not None and least > mix.batch:
        least = None
    among = gpus or least or 1
    again = "recomputed" if recipe.checkpointing else "kept"
    return TrainingMemory(
        states_gb=taken.states / 1e9,
        sample_gb=taken.sample / 1e9,
        each_gb=taken.each_gb(among),
        gpus=among,
        gpu_memory_gb=device.memory_gb,
        least_gpus=least,
        assumes=f"float32 states shared out (FSDP), {recipe.precision} activations {again}, a "
        f"sample at a time on each GPU, {USABLE:.0%} of its memory",
    )


def notes_of(found: TrainingMemory, gpu: str, gpus: int | None, batch: int) -> list[Note]:
    """Notes where the GPUs named, or any number of them, do not hold the recipe, or lie idle."""
    if found.least_gpus is None:
        return [
            Note(
                code="too-little-memory",
                text=f"no number of {gpu} trains this a sample at a time: one sample keeps "
                f"{text.memory(found.sample_gb)}; recompute activations (recipe.checkpointing), "
                "or use GPUs of more memory.",
            )
        ]
    notes = []
    if gpus is not None and gpus < found.least_gpus:
        notes.append(
            Note(
                code="too-few-gpus",
                text=f"{gpus} {gpu} would need about {text.memory(found.each_gb)} each and have "
                f"{found.gpu_memory_gb:g} GB; {found.least_gpus} hold it.",
            )
        )
    if gpus is not None and gpus > batch:
        notes.append(
            Note(
                code="too-small-batch",
                text=f"a batch of {batch} keeps no more than as many GPUs busy, and there are "
                f"{gpus}: it takes longer than is said, or a larger batch.",
            )
        )
    return notes
