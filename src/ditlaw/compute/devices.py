"""Which accelerator of the table a device is, from the name that it gives itself. No torch.

Every form of a device that has a peak of its own must be told apart, and makers keep adding forms:
so a name is known only where every word of it is. ``NVIDIA H100 NVL`` is not an H100 SXM, and has
no peak rather than that one's. Nor has an MI250X: the table's peak is of its two dies, and each of
them calls itself by that name.
"""

import os
import re

from ditlaw.compute.accelerators import ACCELERATORS, Accelerator
from ditlaw.errors import BadInput

SHARE_VARIABLE = "DITLAW_DEVICE_SHARE"
# Words that tell no two forms apart: makers and their lines of products.
_OF_ANY = {"nvidia", "amd", "tesla", "geforce", "instinct"}
# What is left of the name that a driver gives, and the accelerator.
_NAMES = {
    "v100 sxm2 16gb": "v100",
    "v100 sxm2 32gb": "v100",
    "v100 sxm3 32gb": "v100",
    "t4": "t4",
    "a10": "a10",
    "l4": "l4",
    "l40s": "l40s",
    "a100 sxm4 80gb": "a100",
    "a100 sxm 80gb": "a100",
    "a100 80gb pcie": "a100",
    "a100 sxm4 40gb": "a100-40gb",
    "a100 pcie 40gb": "a100-40gb",
    "h100 80gb hbm3": "h100",
    "h100 pcie": "h100-pcie",
    "h200": "h200",
    "b200": "b200",
    "gb200": "gb200",
    "rtx 3090": "rtx3090",
    "rtx 4090": "rtx4090",
    "rtx 5090": "rtx5090",
    "mi300x": "mi300x",
    "mi300x oam": "mi300x",
    "mi325x": "mi325x",
    "mi325x oam": "mi325x",
    "mi355x": "mi355x",
    "mi355x oam": "mi355x",
}


def device_accelerator(name: str) -> Accelerator | None:
    """The accelerator that a device's name says it is, as ``NVIDIA H100 80GB HBM3`` an ``h100``.

    None for a processor, for a form that the table has no peak of, and for a part of a device.
    """
    words = [word for word in re.split(r"[\s_-]+", name.lower()) if word not in _OF_ANY]
    known = _NAMES.get(" ".join(words))
    return ACCELERATORS[known] if known else None


def device_share() -> float:
    """The part of its device that a run has, in (0, 1]: what shares it out says so.

    Raises:
        BadInput: ``DITLAW_DEVICE_SHARE`` is no such part.
    """
    said = os.environ.get(SHARE_VARIABLE, "1")
    try:
        share = float(said)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise BadInput(f"{SHARE_VARIABLE}: '{said}' is no part of a device; use one in (0, 1]")
    return share
