"""Feature extractors by name; one module each."""

from pathlib import Path

import torch

from ditlaw.errors import BadInput
from ditlaw.families.own import PATH
from ditlaw.metrics.extractors.base import Extractor

FILES, FOLDERS = ("inception", "torchscript"), ("clip", "dinov2")
KINDS = "scenes, inception:FILE, clip:DIR, dinov2:DIR, torchscript:FILE or module:factory"


def check_extractor(name: str) -> None:
    """Whether a name is of an extractor and what it names is there; nothing is opened.

    Raises:
        BadInput: it is not.
    """
    kind, colon, path = name.partition(":")
    if name == "scenes":
        return
    if not colon or not path:
        raise BadInput(f"extractor: '{name}' is none; use {KINDS}")
    if kind in FILES and not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "no such file"
        raise BadInput(f"extractor: {path}: {what}; write {kind}:FILE with the file of its weights")
    if kind in FOLDERS and not (Path(path) / "config.json").is_file():
        raise BadInput(
            f"extractor: {path}: no folder with config.json; write {kind}:DIR with a folder that "
            "save_pretrained wrote"
        )
    if kind not in (*FILES, *FOLDERS) and not PATH.fullmatch(name):
        raise BadInput(f"extractor: '{name}' is not module:factory; write it as my_features:build")


def open_extractor(name: str, device: torch.device | None = None) -> Extractor:
    """The extractor of a name: ``scenes``, or ``KIND:PATH``, or an import path.

    Files and folders are local; nothing is fetched.

    Raises:
        BadInput: an unknown name, a missing file, or weights of another network.
    """
    check_extractor(name)
    device = device or torch.device("cpu")
    kind, _, path = name.partition(":")
    if name == "scenes":
        from ditlaw.metrics.extractors.scenes import scenes_extractor

        return scenes_extractor(device)
    if kind == "inception":
        from ditlaw.metrics.extractors.inception import inception_extractor

        return inception_extractor(Path(path), device)
    if kind == "torchscript":
        from ditlaw.metrics.extractors.torchscript import torchscript_extractor

        return torchscript_extractor(Path(path), device)
    if kind in FOLDERS:
        from ditlaw.metrics.extractors.transformer import transformer_extractor

        return transformer_extractor(kind, Path(path), device)
    from ditlaw.metrics.extractors.own import own_extractor

    return own_extractor(name, device)


__all__ = ["KINDS", "Extractor", "check_extractor", "open_extractor"]
