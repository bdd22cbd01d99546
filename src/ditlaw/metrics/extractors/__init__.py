"""Feature extractors by name; one module each."""

from pathlib import Path

import torch

from ditlaw.errors import BadInput
from ditlaw.metrics.extractors.base import Extractor

KINDS = "scenes, inception:FILE, clip:DIR, dinov2:DIR, torchscript:FILE or module:factory"


def open_extractor(name: str, device: torch.device | None = None) -> Extractor:
    """The extractor of a name: ``scenes``, or ``KIND:PATH``, or an import path.

    Files and folders are local; nothing is fetched.

    Raises:
        BadInput: an unknown name, a missing file, or weights of another network.
    """
    device = device or torch.device("cpu")
    kind, colon, path = name.partition(":")
    if name == "scenes":
        from ditlaw.metrics.extractors.scenes import scenes_extractor

        return scenes_extractor(device)
    if not colon or not path:
        raise BadInput(f"extractor: '{name}' is none; use {KINDS}")
    if kind == "inception":
        from ditlaw.metrics.extractors.inception import inception_extractor

        return inception_extractor(_file(kind, path), device)
    if kind == "torchscript":
        from ditlaw.metrics.extractors.torchscript import torchscript_extractor

        return torchscript_extractor(_file(kind, path), device)
    if kind in ("clip", "dinov2"):
        from ditlaw.metrics.extractors.transformer import transformer_extractor

        return transformer_extractor(kind, Path(path), device)
    from ditlaw.metrics.extractors.own import own_extractor

    return own_extractor(name, device)


def _file(kind: str, path: str) -> Path:
    file = Path(path)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise BadInput(f"extractor: {path}: {what}; write {kind}:FILE with the file of its weights")
    return file


__all__ = ["KINDS", "Extractor", "open_extractor"]
