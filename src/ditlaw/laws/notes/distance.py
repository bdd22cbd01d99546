"""Warnings about how far a budget lies from what was fitted; the same for every kind of law."""

from ditlaw import text
from ditlaw.results import Note

# Ten times is far too, however a quotient of FLOPs is rounded.
FAR, VERY_FAR = 10.0 * (1 - 1e-9), 100.0 * (1 - 1e-9)


def beyond_notes(beyond: float) -> list[Note]:
    """``beyond`` is the budget ÷ the largest fitted one."""
    times = f"{text.count(beyond)} times the largest fitted FLOPs"
    if beyond > VERY_FAR:
        return [
            Note(
                code="very-far-beyond",
                text=f"{times}: no interval that far out can be checked.",
            )
        ]
    if beyond > FAR:
        return [
            Note(
                code="far-beyond",
                text=f"{times}: a law may bend on the way; a run or two in between would tell.",
            )
        ]
    return []


def below_notes(flops: float, smallest: float) -> list[Note]:
    """One where the budget is under the smallest FLOPs that were fitted."""
    if flops >= 0.99 * smallest:
        return []
    return [
        Note(
            code="below-range",
            text=f"below the smallest fitted FLOPs ({text.flops(smallest)}); laws are made "
            "to go up.",
        )
    ]
