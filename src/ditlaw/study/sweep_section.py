"""The ``sweep`` and ``replicates`` sections of the study file: what varies beside the sizes."""

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from ditlaw.study.section import Count, Number, Positive, Section, Seed, listed


class SweepSection(Section):
    """Values to try at every size and seed, all combinations of them.

    Each takes the place of the field that it is named after: ``recipe.learning_rate.value``,
    ``recipe.batch``, ``geometry.patch``, ``geometry.text_tokens``. The rule of the learning rate
    stays: with an exponent or muP a value is the rate at the rule's own width.
    """

    learning_rate: Annotated[list[Positive], BeforeValidator(listed)] = []
    batch: Annotated[list[Count], BeforeValidator(listed)] = []
    patch: Annotated[list[Count], BeforeValidator(listed)] = []
    text_tokens: Annotated[list[Number], BeforeValidator(listed)] = []

    @model_validator(mode="after")
    def _distinct(self) -> "SweepSection":
        for name in type(self).model_fields:
            values = getattr(self, name)
            if len({f"{value:g}" for value in values}) < len(values):  # as runs are named by them
                raise ValueError(f"{name}: a value is listed twice; use seeds for repeats")
        return self


class Replicates(Section):
    """More seeds where they tell most: at each budget, the ``sizes`` nearest its middle one.

    A study's sizes at a budget are laid around where its optimum is expected, so their middle is
    near it. A run of such a seed ends at the largest budget that its size is near the middle of.
    """

    seeds: Annotated[list[Seed], Field(min_length=1)]
    sizes: Annotated[int, Field(ge=1, le=1000, strict=True)] = 3
