"""Fail when the environment holds what it should not: run by ``make test`` before the tests."""

import sys
from importlib import metadata
from pathlib import Path

# torchvision's presence alone breaks torchmetrics here; the other three bring it along.
FORBIDDEN = {"torchvision", "torch-fidelity", "clean-fid", "mup"}


def main() -> int:
    names = {d.metadata["Name"].lower() for d in metadata.distributions()}
    wrong = names & FORBIDDEN
    if not Path("/proc/driver/nvidia/version").exists():
        wrong |= {name for name in names if name.startswith("nvidia-")}
    for name in sorted(wrong):
        print(f"{name} is installed and should not be: see constraints.txt", file=sys.stderr)
    print(f"environment: {len(names)} distributions, torch {metadata.version('torch')}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
