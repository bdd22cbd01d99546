"""Accelerators, MFU, and budgets in FLOPs and GPU hours."""

from ditlaw.compute.accelerators import ACCELERATORS, Accelerator, get_accelerator
from ditlaw.compute.budget import DEFAULT_MFU, budget, gpu_hours, parse_gpus

__all__ = [
    "ACCELERATORS",
    "DEFAULT_MFU",
    "Accelerator",
    "budget",
    "get_accelerator",
    "gpu_hours",
    "parse_gpus",
]
