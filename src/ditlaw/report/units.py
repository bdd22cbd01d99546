"""The units between which a page switches: FLOPs and GPU time, tokens and images.

Figures are drawn in FLOPs and tokens. An axis, label or trace that is told in others too holds
``units``: by the other unit's name, what takes the place of its own keys there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ditlaw import text
from ditlaw.compute import gpu_hours
from ditlaw.laws.table import FloatArray
from ditlaw.report.axes import log_axis, log_ticks

SECOND = 1 / 3600  # in hours
IN_HOURS = 0.5  # of the middle of an axis, from which on its ticks are round in hours


@dataclass(frozen=True)
class Units:
    """What a FLOP and a token are in the other units; ``tokens_per_image`` None where unknown."""

    gpu: str
    mfu: float
    tokens_per_image: float | None

    @property
    def device(self) -> str:
        """What GPU time is counted on, as an axis names it."""
        return f"one {self.gpu} at {self.mfu:.3g} MFU"

    def hours(self, flops: float) -> float:
        """GPU hours of FLOPs."""
        return gpu_hours(flops, self.gpu, self.mfu)

    def images(self, tokens: float) -> float | None:
        """Images among tokens; None where the tokens of one image are unknown."""
        return tokens / self.tokens_per_image if self.tokens_per_image else None

    def time(self, flops: float) -> str:
        """The GPU time of FLOPs, in words."""
        return text.hours(self.hours(flops))

    def said(self, flops: float) -> str:
        """FLOPs in both units, as a hover has them."""
        return f"{text.flops(flops)} FLOPs, {self.time(flops)} of one {self.gpu}"

    def samples(self, tokens: float) -> str:
        """Tokens in both units, as a hover has them."""
        images = self.images(tokens)
        return f"{text.count(tokens)} tokens" + (f", {text.count(images)} images" if images else "")

    def compute_axis(
        self, values: Sequence[float] | FloatArray, pad: float = 0.0
    ) -> dict[str, Any]:
        """A log axis of training FLOPs, in GPU time too."""
        axis = log_axis("training FLOPs", values, text.flops, pad)
        low, high = (self.hours(10.0**end) for end in axis["range"])
        unit = 1.0 if np.sqrt(low * high) > IN_HOURS else SECOND
        hours = [tick * unit for tick in log_ticks(low / unit, high / unit)]
        ticks, said = [h / self.hours(1.0) for h in hours], [text.hours(h) for h in hours]
        return axis | {
            "column": "training_flops",
            "units": {"hours": _other(axis, f"GPU time, {self.device}", ticks, said)},
        }

    def tokens_axis(self, title: str, values: FloatArray, pad: float) -> dict[str, Any]:
        """A log axis of tokens, in images too where their tokens are known."""
        axis = log_axis(f"{title} (tokens)", values, text.count, pad) | {"column": "tokens"}
        if self.tokens_per_image is None:
            return axis
        low, high = (10.0**end / self.tokens_per_image for end in axis["range"])
        images = log_ticks(low, high)
        ticks = [tick * self.tokens_per_image for tick in images]
        said = [text.count(tick) for tick in images]
        return axis | {"units": {"images": _other(axis, f"{title} (images)", ticks, said)}}

    def named(
        self, key: str, flops: float, form: Callable[[str], str] = str, unit: str = " FLOPs"
    ) -> dict[str, Any]:
        """A ``key``, such as a trace's name, that tells a budget in the unit of the page."""
        told = {key: form(f"{text.flops(flops)}{unit}")}
        return told | {"units": {"hours": {key: form(self.time(flops))}}}


def _other(axis: dict[str, Any], title: str, ticks: list[float], said: list[str]) -> dict[str, Any]:
    """What an axis of another unit has of its own."""
    return {"title": axis["title"] | {"text": title}, "tickvals": ticks, "ticktext": said}
