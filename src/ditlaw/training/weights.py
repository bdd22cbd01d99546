"""The averaged weights of an observation: kept by training, read by whoever measures or draws."""

import safetensors
import safetensors.torch
import torch

from ditlaw.errors import BadInput
from ditlaw.files import write_bytes
from ditlaw.training.folder import RunFolder
from ditlaw.training.trunk import build_run


def save_weights(folder: RunFolder, budget: float, model: torch.nn.Module) -> None:
    """Keep what was observed at a budget: averaged weights, and a user's module's buffers."""
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    write_bytes(folder.weights(budget), safetensors.torch.save(tensors))


def load_model(folder: RunFolder, budget: float, device: torch.device) -> torch.nn.Module:
    """The model that a run's observation at a budget was made with.

    Raises:
        BadInput: its weights were not kept, or are damaged.
    """
    path = folder.weights(budget)
    try:
        tensors = safetensors.torch.load(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(
            f"{path}: the weights of this observation were not kept; remove the run's folder and "
            "train it again with evaluation.keep_weights: true"
        ) from None
    except (OSError, ValueError, safetensors.SafetensorError):
        raise BadInput(f"{path}: damaged; remove the run's folder and train it again") from None
    model = build_run(folder.spec())
    model.load_state_dict(tensors)
    return model.to(device).requires_grad_(False).eval()
