"""What a budget buys: from a SOURCE to a law, from a law to a recipe. See docs/forecast.md."""

from ditlaw.forecast.answer import forecast
from ditlaw.forecast.designs import Stated, tokens_per_image
from ditlaw.forecast.shapes import nearest_shape
from ditlaw.forecast.sources import LAW_SUFFIX, answering_law, law_of

__all__ = [
    "LAW_SUFFIX",
    "Stated",
    "answering_law",
    "forecast",
    "law_of",
    "nearest_shape",
    "tokens_per_image",
]
