"""What all sections of the study file are made of: a closed base, and kinds of value."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is not a number")
    return value


Real = Annotated[float, BeforeValidator(_no_truth)]
Positive = Annotated[Real, Field(gt=0, le=1e60)]
Fraction = Annotated[Real, Field(ge=0, lt=1)]
# Strict: YAML's true is not the number 1. The bounds only keep typing errors from exploding.
Count = Annotated[int, Field(gt=0, le=10**9, strict=True)]
Number = Annotated[int, Field(ge=0, le=10**9, strict=True)]
Scalar = str | int | float | bool
Option = Scalar | list[Scalar]  # of a family; only a user's own may take lists
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Seed = Annotated[int, Field(ge=0, lt=2**30, strict=True)]


def listed(value: object) -> object:
    """A value as a list of one: what a study has one of need not be written as a list."""
    return value if isinstance(value, list) else [value]


class Section(BaseModel):
    """Base of the sections of a study."""

    model_config = ConfigDict(frozen=True, extra="forbid")
