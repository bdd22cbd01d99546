"""What this machine has: the cores and GPUs this process may use, and their memory. No torch."""

import os
import subprocess
from functools import cache
from pathlib import Path


def cores() -> int:
    """CPU cores that this process may run on; a batch system may allow fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gb() -> float:
    """Memory, in GB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def gpus() -> list[str]:
    """NVIDIA GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    told = os.environ.get("CUDA_VISIBLE_DEVICES")
    if told is not None:
        return [name.strip() for name in told.split(",") if name.strip() not in ("", "-1")]
    driver = Path("/proc/driver/nvidia")
    found = len(list(driver.glob("gpus/*"))) or int((driver / "version").exists())
    return [str(number) for number in range(found)]


@cache
def gpu_memory_gb() -> float | None:
    """Memory of the smallest NVIDIA GPU, in GB; None where it cannot be told."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)
        return min(float(line) for line in said.stdout.split()) * 2**20 / 1e9
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
