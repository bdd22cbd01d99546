"""The nearest model that can be built, and how to train it with a budget."""

from dataclasses import asdict, dataclass

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.compute import gpu_hours
from ditlaw.errors import Refused
from ditlaw.forecasting.designs import Design
from ditlaw.forecasting.gpus import memory, notes_of
from ditlaw.forecasting.settings import Run, settings_of
from ditlaw.forecasting.shapes import Sized
from ditlaw.results import Note, Recipe
from ditlaw.study import study_mix
from ditlaw.study.schema import Hardware

SAME_FLOPS = 0.02  # counts of FLOPs that differ by less are told as one


@dataclass(frozen=True)
class Bought:
    """What a user pays with: a device, how many of them, money for an hour of one, images."""

    hardware: Hardware
    gpus: int | None = None
    price: float | None = None
    images: float | None = None

    def days(self, hours: float) -> float | None:
        """Days on all GPUs, of hours of one; None where their number is not known."""
        return hours / self.gpus / 24 if self.gpus else None

    def money(self, hours: float) -> float | None:
        """What those hours of one GPU cost."""
        return None if self.price is None else hours * self.price


def recipe_of(
    law: AnsweringLaw, design: Design, chosen: Sized, flops: float, bought: Bought
) -> tuple[Recipe | None, list[Note]]:
    """How to train the ``chosen`` size with a budget; None where that is below one step.

    A study's steps spend its exact FLOPs; others spend them as the law counts them.
    """
    study, shape = design.study, chosen.shape
    size = study_mix(study, shape)
    per_sample = size.tokens_per_sample
    exact = flops / size.flops_per_sample * per_sample
    tokens = exact if design.of_study else law.tokens_of(chosen.params, flops) or exact
    settings = settings_of(law, design, Run(shape.width, chosen.params, tokens, flops, per_sample))
    own = study.recipe.model_copy(update={"batch": settings.batch})
    mix = study_mix(study.model_copy(update={"recipe": own}), shape)
    steps = mix.last_step(flops) if tokens == exact else int(tokens / (settings.batch * per_sample))
    if steps < 1:
        return None, []
    hardware, spent = bought.hardware, float(mix.flops(steps))
    hours, images = gpu_hours(spent, hardware.gpu, hardware.mfu), float(mix.images(steps))
    needed = memory(mix, shape, own, hardware, bought.gpus)
    try:
        reached = law.choice(chosen.params, flops)
    except Refused:  # a law of the best size alone
        reached = None
    notes = notes_of(needed, hardware.gpu, bought.gpus, settings.batch)
    if abs(spent / flops - 1) > SAME_FLOPS and steps * SAME_FLOPS > 1:
        notes.append(
            Note(
                code="flops-counted-otherwise",
                text=f"the exact count of the recipe is {spent / flops:.2f} times the budget, "
                f"which the law counts otherwise: {text.hours(hours)} of one {hardware.gpu}.",
            )
        )
    if design.other_than:
        notes.append(
            Note(
                code="other-family",
                text=f"the law is of {design.other_than}; {study.design().name} need not follow "
                "it.",
            )
        )
    return Recipe(
        family=study.design().label,
        **asdict(shape),
        params=chosen.params,
        steps=steps,
        batch=settings.batch,
        learning_rate=settings.rate,
        parametrization=str(own.parametrization),
        cooldown=own.cooldown,
        images=images,
        gpu_hours=hours,
        tokens=float(mix.tokens(steps)),
        epochs=images / bought.images if bought.images else None,
        flops=spent,
        days=bought.days(hours),
        money=bought.money(hours),
        loss=reached.loss if reached else None,
        regret=reached.regret if reached else None,
        batch_from=settings.batch_from,
        learning_rate_from=settings.rate_from,
        rules=settings.rules,
        memory=needed,
        assumed=design.assumed,
    ), notes
