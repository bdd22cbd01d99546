"""Counting one model for the command line: what ``ditlaw count`` answers."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import yaml

from ditlaw.errors import BadInput
from ditlaw.families import Geometry, Shape, get_family
from ditlaw.families.base import Family
from ditlaw.results import CountResult, FlopsPerSample


def count_model(family: Family, shape: Shape, geometry: Geometry) -> CountResult:
    """Exact counts of one member of a family, FLOPs per sample.

    Raises:
        BadInput: the family cannot read such samples.
    """
    counts = family.counts(shape, geometry)
    return CountResult(
        family=family.label,
        **asdict(shape),
        params=counts.params,
        params_total=counts.params_total,
        params_breakdown=counts.params_breakdown,
        flops_breakdown=counts.flops_breakdown,
        tokens_per_sample=counts.tokens_per_sample,
        flops=FlopsPerSample(forward=counts.flops_forward, train=counts.flops_train),
        flops_6nd=counts.flops_6nd,
        ratio_6nd=counts.flops_6nd / counts.flops_train,
    )


def named_family(name: str, options: list[str]) -> Family:
    """A family with options given as ``KEY=VALUE``.

    Raises:
        BadInput: no such family or option, or not of that form.
    """
    given: dict[str, Any] = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not (key and equals and value):
            raise BadInput(f"--option: '{option}' is not KEY=VALUE, as masking=drop")
        try:
            given[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: an impossible date
            raise BadInput(
                f"--option: {key} is no value of YAML; quote it, as {key}='\"{value}\"'"
            ) from None
    return get_family(name, given)


def parse_latent(text: str) -> Mapping[str, int]:
    """Read ``HxWxC`` or, for video, ``FxHxWxC``: the sides of one sample by their names.

    Raises:
        BadInput: not of that form.
    """
    names = ("frames", "height", "width", "channels")
    try:
        sides = [int(side) for side in text.lower().split("x")]
        if len(sides) not in (3, 4) or min(sides) < 1:
            raise ValueError
    except ValueError:
        raise BadInput(
            f"--latent: '{text}' is neither HxWxC, as 32x32x4, nor FxHxWxC, as 8x32x32x4"
        ) from None
    return dict(zip(names[-len(sides) :], sides, strict=True))
