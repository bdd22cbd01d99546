"""What a budget buys: from a SOURCE to a law, from a law to a recipe. See docs/forecast.md."""

from ditlaw.forecasting.answer import forecast
from ditlaw.forecasting.asked import Asked, answer
from ditlaw.forecasting.designs import Stated, tokens_per_image
from ditlaw.forecasting.shapes import nearest_shape
from ditlaw.forecasting.sources import LAW_SUFFIX, answering_law, law_of

__all__ = [
    "LAW_SUFFIX",
    "Asked",
    "Stated",
    "answer",
    "answering_law",
    "forecast",
    "law_of",
    "nearest_shape",
    "tokens_per_image",
]
