"""A user's own extractor by its import path, ``module:factory``."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.metrics.extractors.base import Extractor, frozen, tensors_sha256
from ditlaw.models.own import find, reason


def own_extractor(path: str, device: torch.device) -> Extractor:
    """What ``factory()`` returns: an ``nn.Module`` or function from pictures to features.

    It is made with torch's generator seeded, so a random network is one and the same everywhere.
    The hash is of its tensors and of the file that the factory is written in: a change of either
    makes other features.

    Raises:
        BadInput: it cannot be found or made, or fails.
    """
    factory = find(path, "extractor")
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # weights that are drawn are the same in every process
            network = factory()
    except (Exception, SystemExit) as error:
        raise BadInput(
            f"extractor: {path}() fails ({reason(error)}); mend it, it is called without arguments"
        ) from None
    if not callable(network):
        raise BadInput(
            f"extractor: {path}() makes a {type(network).__name__}; return an nn.Module or a "
            "function of pictures"
        )
    weights = ""
    if isinstance(network, nn.Module):
        weights = tensors_sha256(frozen(network, device).state_dict())
    sha256 = digest([weights, _source(factory)])

    def run(images: Tensor) -> Any:
        try:
            return network(images)
        except Exception as error:
            raise BadInput(
                f"extractor: {path} fails on pictures {tuple(images.shape)} ({reason(error)}); "
                "mend it"
            ) from None

    return Extractor(path, sha256, "as the module does", run, device)


def _source(factory: Callable[..., Any]) -> str:
    """The text of the file that something is defined in; empty where it has none."""
    try:
        return Path(inspect.getfile(factory)).read_text(encoding="utf-8")
    except (TypeError, OSError, ValueError):
        return ""
