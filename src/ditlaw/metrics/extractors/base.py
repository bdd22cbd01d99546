"""What an extractor is: a frozen network from pictures to features, and the hash of its weights."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ditlaw.errors import BadInput

BATCH = 64  # pictures in one pass


@dataclass(frozen=True)
class Extractor:
    """Pictures to features.

    ``label`` says which in tables, ``sha256`` is of its weights, ``reads`` says in words what
    becomes of a picture before the network sees it. ``network`` takes pictures (n, 3, height,
    width) in [−1, 1] on ``device``. ``metric`` is what the Fréchet distance of its
    features is called: only Inception's is a FID.
    """

    label: str
    sha256: str
    reads: str
    network: Callable[[Tensor], Any]
    device: torch.device
    metric: Literal["fid", "frechet"] = "frechet"

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(n, 3 or 1, height, width) in [−1, 1] → (n, d) float32 on the CPU.

        Pictures are read as a file of them would be: clipped, in 256 steps, grey as three equal
        channels.

        Raises:
            BadInput: these are no pictures, or the network does not give one vector for each.
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise BadInput(
                f"extractor: {self.label} reads pictures of 3 channels (or 1), not "
                f"{tuple(images.shape[1:])}; latents must be decoded first"
            )
        images = images.to(self.device, torch.float32)
        seen = ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
        seen = seen.expand(-1, 3, -1, -1)
        # Without TF32 and without choosing algorithms by speed: the same features every time.
        with torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False):
            parts = [self._features(part) for part in torch.split(seen, BATCH)]
        return torch.cat(parts)

    def _features(self, images: Tensor) -> Tensor:
        features = self.network(images)
        if not isinstance(features, Tensor) or features.ndim != 2 or len(features) != len(images):
            given = (
                f"the shape {tuple(features.shape)}"
                if isinstance(features, Tensor)
                else f"a {type(features).__name__}"
            )
            raise BadInput(
                f"extractor: {self.label} gives {given} for {len(images)} pictures; it must give a "
                "tensor (pictures, features)"
            )
        return features.float().cpu()

    def of(self, batches: Iterable[Tensor]) -> Tensor:
        """Features (n, d) of pictures that come in batches."""
        return torch.cat([self(batch) for batch in batches])


def frozen(network: nn.Module, device: torch.device) -> nn.Module:
    """A network as extractors use it: on the device, in evaluation mode, without gradients."""
    return network.to(device).eval().requires_grad_(False)


def tensors_sha256(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of named tensors, whatever file they came in: names, types, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def resized(images: Tensor, size: int, mode: str, *, antialias: bool) -> Tensor:
    """(n, channels, height, width) → (n, channels, size, size); that size is left as it is."""
    if images.shape[-2:] == (size, size):
        return images
    return interpolate(
        images, size=(size, size), mode=mode, align_corners=False, antialias=antialias
    )
