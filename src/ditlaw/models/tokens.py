"""Latents to tokens and back, and the fixed codes of place and time."""

import math

import torch
from torch import Tensor

from ditlaw.families import Geometry


def patchify(x: Tensor, patch: int) -> Tensor:
    """(batch, channels, [frames,] height, width) → (batch, patches, patch²·channels).

    Frames first, then rows, then columns; within a patch rows, columns, channels.
    """
    if x.ndim == 5:
        frames = patchify(x.transpose(1, 2).flatten(0, 1), patch)
        return frames.reshape(x.shape[0], -1, frames.shape[-1])
    batch, channels, height, width = x.shape
    x = x.view(batch, channels, height // patch, patch, width // patch, patch)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(batch, -1, patch * patch * channels)


def unpatchify(tokens: Tensor, geometry: Geometry) -> Tensor:
    """The inverse of ``patchify``."""
    patch, batch, frames = geometry.patch, tokens.shape[0], geometry.frames
    x = tokens.reshape(batch, frames, geometry.rows, geometry.columns, patch, patch, -1)
    x = x.permute(0, 6, 1, 2, 4, 3, 5).reshape(
        batch, geometry.channels, frames, geometry.height, geometry.width
    )
    return x if frames > 1 else x.squeeze(2)


def sinusoid(t: Tensor, width: int, highest: float = 1000.0) -> Tensor:
    """Sine-cosine code of t in [0, 1]: (batch,) → (batch, width), frequencies 1 … ``highest``."""
    half = width // 2
    frequencies = torch.exp(
        torch.arange(half, dtype=torch.float32, device=t.device)
        * (math.log(highest) / max(1, half - 1))
    )
    angles = t[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def timestep_code(t: Tensor, width: int, last: bool = False) -> Tensor:
    """The diffusion literature's code of the timestep 1000·t: (batch,) → (batch, width).

    Frequencies fall from 1 to 1/10000, the end left out unless ``last``; cosines first. Source: Ho
    et al. 2006.11239, after Vaswani et al. 1706.03762.
    """
    half = width // 2
    # Multiplied before divided, as others do: angles go to 1000, so a last bit here is 1e-4 there.
    exponent = -math.log(10000.0) * torch.arange(half, dtype=torch.float32, device=t.device)
    angles = 1000.0 * t[:, None] * torch.exp(exponent / (half - int(last)))
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def line_code(width: int, places: Tensor) -> Tensor:
    """Sine-cosine code of places on a line: (n,) → (n, width), periods from 2π to 2π·10000."""
    half = width // 2
    frequencies = 10000.0 ** -(torch.arange(half, dtype=torch.float64) / half)
    angles = places.double()[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def grid_code(width: int, geometry: Geometry) -> Tensor:
    """ViT's fixed code of place: (image tokens, width), columns in the first half, rows after.

    A video's frames add a code of their own over the whole width. Source: MAE (2111.06377), as
    DiT, PixArt and SD3 use it.
    """
    across = line_code(width // 2, torch.arange(geometry.columns))
    down = line_code(width // 2, torch.arange(geometry.rows))
    grid = torch.cat([across.repeat(geometry.rows, 1), down.repeat_interleave(len(across), 0)], 1)
    if geometry.frames > 1:
        along = line_code(width, torch.arange(geometry.frames))
        grid = (along[:, None] + grid).flatten(0, 1)
    return grid.float()


def sincos_2d(width: int, rows: int, columns: int, span: tuple[int, int] | None = None) -> Tensor:
    """Fixed 2-D position code, (rows·columns, width), half the width for each axis.

    ``span`` gives the size of the grid in whose coordinates the positions are meant: cell centres
    of a coarse grid laid over a fine one get the codes of the points where they lie. Frequencies
    run from 1 radian a position down to 1 radian a side: lower ones would hardly vary in the grid.
    """
    span = span or (rows, columns)
    side = max(span)
    parts = []
    for axis, (number, whole) in enumerate(zip((rows, columns), span, strict=True)):
        place = (torch.arange(number, dtype=torch.float64) + 0.5) * (whole / number) - 0.5
        quarter = width // 4
        frequencies = 1.0 / side ** (torch.arange(quarter, dtype=torch.float64) / quarter)
        angles = place[:, None] * frequencies
        code = torch.cat([angles.sin(), angles.cos()], dim=1)
        shape = (number, 1, width // 2) if axis == 0 else (1, number, width // 2)
        parts.append(code.view(shape).expand(rows, columns, width // 2))
    return torch.cat(parts, dim=2).reshape(rows * columns, width).float()
