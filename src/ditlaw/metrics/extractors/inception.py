"""The FID network with weights from a local file."""

from pathlib import Path
from typing import NoReturn

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ditlaw.errors import BadInput
from ditlaw.metrics.extractors.base import Extractor, frozen, tensors_sha256
from ditlaw.metrics.extractors.inception_network import CLASSES, SIZE, Inception

FILE = "pt_inception-2015-12-05-6726825d.pth"


def inception_extractor(file: Path, device: torch.device) -> Extractor:
    """The FID network with the weights of a file (.safetensors, else torch's own format).

    Raises:
        BadInput: the file cannot be read without running code, or holds another network's weights.
    """
    with torch.device("meta"):
        network = Inception()
    wanted = network.state_dict()
    given = {name: tensor for name, tensor in _read(file).items() if _counts(name)}
    for name in [*filter(_counts, wanted), *given]:
        if name not in given:
            _refuse(file, f"no '{name}', which FID's network has")
        if name not in wanted:
            _refuse(file, f"'{name}', which FID's network has not")
        if name == "fc.weight" and len(given[name]) != CLASSES:
            _refuse(file, f"{len(given[name])} classes, and FID's network has {CLASSES}")
        if given[name].shape != wanted[name].shape:
            shapes = f"{tuple(given[name].shape)}, not {tuple(wanted[name].shape)}"
            _refuse(file, f"'{name}' of shape {shapes}")
    counters = {name: torch.zeros(()) for name in wanted if not _counts(name)}
    network.load_state_dict({k: v.float() for k, v in given.items()} | counters, assign=True)
    reads = f"{SIZE}×{SIZE}, bilinear"
    weights = tensors_sha256(given)
    return Extractor("inception", weights, reads, frozen(network, device), device, "fid")


def _refuse(file: Path, what: str) -> NoReturn:
    raise BadInput(f"extractor: {file}: holds {what}; use {FILE} of pytorch-fid")


def _counts(name: str) -> bool:
    """Whether a tensor matters: not a counter, nor the head that training alone used."""
    return not name.endswith("num_batches_tracked") and not name.startswith("AuxLogits.")


def _read(file: Path) -> dict[str, Tensor]:
    try:
        if file.suffix == ".safetensors":
            found: object = safetensors.torch.load_file(file)
        else:
            found = torch.load(file, map_location="cpu", weights_only=True)
    except safetensors.SafetensorError:
        raise BadInput(f"extractor: {file}: damaged; fetch it again") from None
    except Exception as error:
        # Any bytes at all may come, and the unpickler raises what it will on them.
        raise BadInput(
            f"extractor: {file}: no file of plain weights ({type(error).__name__}); save a state "
            "dict with torch.save, or as safetensors"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise BadInput(f"extractor: {file}: holds no state dict; save network.state_dict()")
    return found
