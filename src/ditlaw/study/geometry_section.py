"""The ``geometry`` section of the study file: what one sample costs, and its resolutions."""

from math import gcd
from typing import Annotated

from pydantic import Field, model_validator

from ditlaw.errors import BadInput
from ditlaw.families import Geometry
from ditlaw.study.mix import mean
from ditlaw.study.section import Count, Number, Section


class Bucket(Section):
    """One resolution of several: ``weight`` of the sum of all weights is its share of steps."""

    height: Count
    width: Count
    weight: Annotated[int, Field(gt=0, le=100, strict=True)] = 1


class GeometrySection(Section):
    """What one sample costs. Text is words of a table or features of an encoder, not both.

    ``buckets`` are resolutions that one model is trained on together, each batch being of one.
    ``height`` and ``width`` are then one of them: the size that pictures are drawn at, and the one
    that exported weights are of.
    """

    height: Count = 16
    width: Count = 16
    channels: Count = 3
    patch: Count = 2
    text_tokens: Number = 16
    vocabulary: Number = 0
    text_dim: Number = 0
    pooled_dim: Number = 0
    frames: Count = 1
    buckets: Annotated[list[Bucket], Field(max_length=64)] = []

    @model_validator(mode="after")
    def _has_its_own_size(self) -> "GeometrySection":
        sizes = [(bucket.height, bucket.width) for bucket in self.buckets]
        for i, size in enumerate(sizes):
            for side, length in zip(("height", "width"), size, strict=True):
                if length % self.patch:
                    fits = -(-length // self.patch) * self.patch
                    raise BadInput(
                        f"geometry.buckets.{i}.{side}: {length} is not a multiple of the patch "
                        f"{self.patch}; use {fits}"
                    )
            if size in sizes[:i]:
                raise BadInput(
                    f"geometry.buckets.{i}: {size[0]}x{size[1]} is listed twice; give it once, "
                    "with the sum of the weights"
                )
        if sizes and (self.height, self.width) not in sizes:
            raise BadInput(
                f"geometry.buckets: none is {self.height}x{self.width}, the geometry's own size; "
                f"set height: {sizes[0][0]} and width: {sizes[0][1]}, or add that bucket"
            )
        return self

    def geometry(self) -> Geometry:
        """The token geometry that families count with; of buckets, the geometry's own size."""
        return Geometry(**self.model_dump(exclude={"buckets"}))

    def geometries(self) -> list[Geometry]:
        """The token geometry of every bucket; of the one size where there are none."""
        own = self.model_dump(exclude={"buckets", "height", "width"})
        sizes = [(bucket.height, bucket.width) for bucket in self.buckets]
        return [Geometry(h, w, **own) for h, w in sizes or [(self.height, self.width)]]

    def weights(self) -> tuple[int, ...]:
        """The buckets' share of steps, in lowest terms."""
        weights = [bucket.weight for bucket in self.buckets] or [1]
        return tuple(weight // gcd(*weights) for weight in weights)

    def tokens_per_sample(self) -> float:
        """Image and text tokens of one sample, the mean over buckets."""
        return mean([geometry.tokens for geometry in self.geometries()], self.weights())
