"""Say what the environment holds, and fail when it holds what it should not.

Run by ``make test`` before the tests. CUDA's packages on a machine without an NVIDIA driver fail in
CI, where a CPU build of torch is at hand; elsewhere the index may only offer the CUDA build.
"""

import os
import sys
from importlib import metadata
from pathlib import Path

# torchvision's presence alone breaks torchmetrics here; the other three bring it along.
FORBIDDEN = {"torchvision", "torch-fidelity", "clean-fid", "mup"}


def main() -> int:
    names = {d.metadata["Name"].lower() for d in metadata.distributions()}
    wrong = names & FORBIDDEN
    useless = {name for name in names if name.startswith("nvidia-")}
    if useless and not Path("/proc/driver/nvidia/version").exists():
        print(f"note: {len(useless)} nvidia-* packages without an NVIDIA driver", file=sys.stderr)
        wrong |= useless if os.environ.get("CI") else set()
    for name in sorted(wrong):
        print(f"{name} is installed and should not be: see constraints.txt", file=sys.stderr)
    print(f"environment: {len(names)} distributions, torch {metadata.version('torch')}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
