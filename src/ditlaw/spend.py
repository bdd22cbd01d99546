"""What runs may take: FLOPs, or a share of a target's."""

import math

from ditlaw.errors import BadInput

SHARE = 0.05  # of the target that is spent unless told
EXAMPLE = f"1e20 or {SHARE:.0%}"


def amount(option: str, word: str, whole: float, mend: str) -> float:
    """A positive number; one with a percent sign is a share of ``whole``.

    Raises:
        BadInput: it is none.
    """
    share = word.strip().endswith("%")
    try:
        value = float(word.strip().removesuffix("%"))
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise BadInput(f"{option}: '{word}' is not a positive number or percentage; try {mend}")
    return value / 100 * whole if share else value
