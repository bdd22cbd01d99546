"""CLIP and DINOv2 of transformers, from local folders with safetensors.

Both read the whole picture, resized to a square of their own size (bicubic, antialiased; nothing is
cropped) and normalised by their own mean and deviation. The processors of transformers are not
used: theirs depend on its version and on torchvision.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ditlaw.errors import BadInput
from ditlaw.metrics.extractors.base import Extractor, frozen, resized, tensors_sha256

PREPROCESSOR = "preprocessor_config.json"
# Where a folder has no preprocessor: what the published weights were trained with.
MEAN_STD = {
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "dinov2": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
CLASSES = {"clip": "CLIPVisionModelWithProjection", "dinov2": "Dinov2Model"}
MODEL_TYPES = {"clip": ("clip", "clip_vision_model"), "dinov2": ("dinov2",)}


def transformer_extractor(kind: str, folder: Path, device: torch.device) -> Extractor:
    """CLIP's image embedding, or DINOv2's class token after the last norm, each (n, d).

    Raises:
        BadInput: it holds another model, or no safetensors.
    """
    config = _json(folder, "config.json")
    if config.get("model_type") not in MODEL_TYPES[kind]:
        raise BadInput(
            f"extractor: {folder}: holds a {config.get('model_type')}, not {kind}; give a folder "
            f"of model_type {MODEL_TYPES[kind][0]}"
        )
    network, size = _network(kind, folder)
    preprocessor: dict[str, Any] = {}
    if (folder / PREPROCESSOR).exists():
        preprocessor = _json(folder, PREPROCESSOR)
    size = _side(preprocessor) or size
    mean, std = (
        torch.tensor(preprocessor.get(key, default), device=device).view(1, 3, 1, 1)
        for key, default in zip(("image_mean", "image_std"), MEAN_STD[kind], strict=True)
    )
    network = frozen(network, device)

    def run(images: Tensor) -> Any:
        pixels = resized(images, size, "bicubic", antialias=True).clamp(-1, 1) / 2 + 0.5
        said = network(pixel_values=(pixels - mean) / std)
        return said.image_embeds if kind == "clip" else said.pooler_output

    shown = "; ".join(" ".join(f"{x:.6g}" for x in v.flatten().tolist()) for v in (mean, std))
    reads = f"{size}×{size}, bicubic, normalised by {shown}"
    return Extractor(kind, tensors_sha256(network.state_dict()), reads, run, device)


def _network(kind: str, folder: Path) -> tuple[nn.Module, int]:
    """The model in float32 and the side of the pictures that it was configured for."""
    try:
        import transformers
    except ImportError:
        raise BadInput(
            f"extractor: {kind} needs transformers; pip install 'ditlaw[encode]'"
        ) from None
    make: Callable[..., Any] = getattr(transformers, CLASSES[kind]).from_pretrained
    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        network, told = make(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())[:160]
        raise BadInput(
            f"extractor: {folder}: cannot be loaded as {CLASSES[kind]} ({said}); give a folder "
            "with config.json and model.safetensors"
        ) from None
    if told["missing_keys"]:
        raise BadInput(
            f"extractor: {folder}: has no weights for {sorted(told['missing_keys'])[0]}; give a "
            f"folder saved from {CLASSES[kind]} or the whole model"
        )
    return network, int(network.config.image_size)


def _side(preprocessor: dict[str, Any]) -> int | None:
    """The side of the square that a preprocessor hands on, if it says."""
    for key in ("crop_size", "size"):
        told = preprocessor.get(key)
        if isinstance(told, dict):
            told = told.get("height") or told.get("shortest_edge")
        if isinstance(told, int) and told > 0:
            return told
    return None


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    except (OSError, ValueError):
        pass
    raise BadInput(f"extractor: {folder / name}: cannot be read as JSON; fetch the model again")
