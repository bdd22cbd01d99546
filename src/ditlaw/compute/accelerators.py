"""Accelerators: dense bf16 peak and memory, each with its source.

Peaks are dense (no structured sparsity), per device as it is sold and scheduled; makers often
headline twice that. ``GB200`` is one GPU of the superchip, not the pair.
"""

import re
from dataclasses import dataclass

from ditlaw.text import unknown


@dataclass(frozen=True)
class Accelerator:
    """One device: ``peak_tflops`` is dense bf16, ``memory_gb`` as sold."""

    name: str
    peak_tflops: float
    memory_gb: float
    source: str

    @property
    def peak_flops(self) -> float:
        """Dense bf16 FLOP/s."""
        return self.peak_tflops * 1e12


_TABLE = [
    Accelerator("v100", 125, 32, "NVIDIA V100 data sheet (fp16; the device has no bf16)"),
    Accelerator("t4", 65, 16, "NVIDIA T4 data sheet (fp16; the device has no bf16)"),
    Accelerator("a10", 125, 24, "NVIDIA A10 data sheet"),
    Accelerator("l4", 121, 24, "NVIDIA L4 data sheet, half of the figure with sparsity"),
    Accelerator("l40s", 362, 48, "NVIDIA L40S data sheet"),
    Accelerator("a100", 312, 80, "NVIDIA A100 data sheet"),
    Accelerator("a100-40gb", 312, 40, "NVIDIA A100 data sheet"),
    Accelerator("h100", 989.4, 80, "NVIDIA H100 SXM data sheet, half of the figure with sparsity"),
    Accelerator("h100-pcie", 756, 80, "NVIDIA H100 PCIe data sheet, half of the sparse figure"),
    Accelerator("h200", 989.4, 141, "NVIDIA H200 SXM data sheet, half of the sparse figure"),
    Accelerator(
        "b200", 2250, 180, "NVIDIA DGX B200 data sheet, half of the sparse figure, per GPU"
    ),
    Accelerator("gb200", 2500, 186, "NVIDIA GB200 NVL72 data sheet, half of the sparse figure"),
    Accelerator("rtx3090", 71, 24, "NVIDIA GA102 white paper (fp32 accumulate)"),
    Accelerator("rtx4090", 165.2, 24, "NVIDIA Ada white paper (fp32 accumulate)"),
    Accelerator("rtx5090", 209.5, 32, "NVIDIA Blackwell RTX white paper (fp32 accumulate)"),
    Accelerator("mi250x", 383, 128, "AMD MI250X data sheet (both dies)"),
    Accelerator("mi300x", 1307.4, 192, "AMD MI300X data sheet"),
    Accelerator("mi325x", 1307.4, 256, "AMD MI325X data sheet"),
    Accelerator("mi355x", 2516.6, 288, "AMD MI355X data sheet"),
    Accelerator("tpu-v4", 275, 32, "Google Cloud TPU v4 documentation, per chip"),
    Accelerator("tpu-v5e", 197, 16, "Google Cloud TPU v5e documentation, per chip"),
    Accelerator("tpu-v5p", 459, 95, "Google Cloud TPU v5p documentation, per chip"),
    Accelerator("tpu-v6e", 918, 32, "Google Cloud TPU v6e documentation, per chip"),
]
ACCELERATORS: dict[str, Accelerator] = {a.name: a for a in _TABLE}


def get_accelerator(name: str) -> Accelerator:
    """The accelerator of that name; case, spaces and dashes are forgiven.

    Raises:
        BadInput: not in the table; the message gives the nearest name. Nothing is guessed.
    """
    found = _FORGIVING.get(_plain(name))
    if found is None:
        raise unknown("gpu", name, [*ACCELERATORS, *_ALSO])
    return found


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower())


# Other names that are in use for the same device.
_ALSO = {"a100-80gb": "a100", "h100-sxm": "h100", "h100-80gb": "h100", "h200-sxm": "h200"}
_FORGIVING = {_plain(name): device for name, device in ACCELERATORS.items()} | {
    _plain(also): ACCELERATORS[name] for also, name in _ALSO.items()
}
