"""A TorchScript file as an extractor. It is a program: loading one runs code from the file."""

import hashlib
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ditlaw.errors import BadInput
from ditlaw.metrics.extractors.base import Extractor


def torchscript_extractor(file: Path, device: torch.device) -> Extractor:
    """Pictures (n, 3, height, width) in [−1, 1], of their own size → features, as the file does it.

    The hash is of the whole file, its code with its weights.

    Raises:
        BadInput: the file is no TorchScript.
    """
    try:
        with warnings.catch_warnings():  # that TorchScript will be given up one day
            warnings.simplefilter("ignore", DeprecationWarning)
            network = torch.jit.load(file, map_location=device).eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError, OSError):
        raise BadInput(
            f"extractor: {file}: is no TorchScript file; write one with torch.jit.save"
        ) from None
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()

    def run(images: Tensor) -> Any:
        try:
            return network(images)
        except RuntimeError as error:
            said = " ".join(str(error).split())[-160:]
            raise BadInput(
                f"extractor: {file}: fails on pictures {tuple(images.shape)} ({said}); it must "
                "take float pictures in [−1, 1]"
            ) from None

    return Extractor("torchscript", sha256, "as the file does", run, device)
