"""What a device's memory does not hold is done again, fewer samples at a time."""

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

from ditlaw.errors import Refused

Made = TypeVar("Made")


def fitting(
    attempt: Callable[[], Made], at_a_time: int, less: Callable[[int], None], what: str, mend: str
) -> Made:
    """Do it; where memory does not hold it, again with half as many samples at a time.

    Args:
        attempt: what is done; it can be done again as long as it ran out of memory.
        at_a_time: samples that it takes at a time now.
        less: hears how many it is to take from here on, and lets go of what it held.
        what: is done, in an error.
        mend: what helps where one sample is too many, in that error.

    Raises:
        Refused: one sample is too many; and as ``less`` does.
    """
    while True:
        try:
            return attempt()
        except torch.OutOfMemoryError as error:
            if at_a_time == 1:
                raise Refused(f"{what} with one sample at a time; {mend}") from error
        # Outside the handler, where nothing holds on to the failed attempt's tensors any more.
        at_a_time = (at_a_time + 1) // 2
        less(at_a_time)
        free_memory()


def free_memory() -> None:
    """Give a GPU's memory back that nothing uses; compiled modules lie in cycles."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
