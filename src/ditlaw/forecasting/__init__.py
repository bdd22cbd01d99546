"""What a budget buys: from a SOURCE to a law, from a law to a recipe. See docs/forecast.md."""

from ditlaw.forecasting.answer import forecast
from ditlaw.forecasting.asked import Asked, answer
from ditlaw.forecasting.designs import Stated, tokens_per_image
from ditlaw.forecasting.shapes import nearest_shape
from ditlaw.forecasting.sources import (
    LAW_SUFFIX,
    Source,
    answering_law,
    is_published,
    law_of,
    name_of,
)

__all__ = [
    "LAW_SUFFIX",
    "Asked",
    "Source",
    "Stated",
    "answer",
    "answering_law",
    "forecast",
    "is_published",
    "law_of",
    "name_of",
    "nearest_shape",
    "tokens_per_image",
]
