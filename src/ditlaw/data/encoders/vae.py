"""Pictures to latents, by a diffusers ``AutoencoderKL`` from a local folder."""

from pathlib import Path

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray

from ditlaw.data.encoders.folder import ModelFolder
from ditlaw.data.encoders.quiet import PRECISIONS, exactly, quiet
from ditlaw.data.manifest import ImageFacts

CLASS = "AutoencoderKL"


class VaeSide:
    """(mean − shift)·scale of a VAE's posterior, kept in float16.

    The mean, not a draw: a cache holds one latent a picture, and the same one every time. Scale
    and shift are the VAE's own, as its config has them.

    Args:
        path: the folder that it was saved to.
        precision: what it computes in, ``float32`` or ``bfloat16``.
        device: where it computes.

    Raises:
        BadInput: the folder holds no such network, or a damaged one.
    """

    def __init__(self, path: Path, precision: str, device: torch.device) -> None:
        folder = ModelFolder(path, "--vae", "diffusion_pytorch_model")
        name = folder.config.get("_class_name")
        if name != CLASS:
            raise folder.wrong(f"holds {name or 'no diffusers class'}", f"give an {CLASS}")
        with folder.opening("cannot be loaded"), quiet(diffusers.utils.logging):
            vae, info = diffusers.AutoencoderKL.from_pretrained(  # type: ignore[no-untyped-call]
                path,
                torch_dtype=PRECISIONS[precision],
                local_files_only=True,
                use_safetensors=True,
                low_cpu_mem_usage=False,
                output_loading_info=True,
            )
            config = vae.config
            scale, shift = float(config.scaling_factor), float(config.shift_factor or 0)
            factor = 2 ** (len(config.block_out_channels) - 1)
            channels = int(config.latent_channels)
            self.colours = int(config.in_channels)
        folder.require_whole(info)
        if config.get("latents_mean") is not None or config.get("latents_std") is not None:
            raise folder.wrong(
                "has latents_mean and latents_std, a scale for each channel, which no cache keeps",
                "give a VAE with one scaling_factor",
            )
        if self.colours not in (1, 3):
            raise folder.wrong(
                f"reads pictures of {self.colours} channels", "give one that reads 1 or 3"
            )
        self.vae = vae.to(device).requires_grad_(False).eval()
        self.device = device
        self.facts = ImageFacts(
            kind="latents",
            channels=channels,
            factor=factor,
            scale=scale,
            shift=shift,
            encoder=folder.facts(CLASS, precision),
        )

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float16]:
        """(n, channels, height, width) bytes → (n, latent channels, height/f, width/f).

        A number past float16's range comes out infinite: whoever keeps it must look.
        """
        x = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device).float() / 127.5 - 1
        with exactly():
            mean = self.vae.encode(x.to(self.vae.dtype)).latent_dist.mean.float()
        found = (mean - self.facts.shift) * self.facts.scale
        return np.asarray(found.half().cpu())
