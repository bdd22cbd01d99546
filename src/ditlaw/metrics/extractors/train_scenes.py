"""Trains the scenes' extractor: ``python -m ditlaw.metrics.extractors.train_scenes OUT``.

A few minutes on one core; the same weights every time on one machine. Half of the pictures are
spoiled by noise or blur, so that what a model draws is read for what it shows, not for how clean
it is.
"""

import sys
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from ditlaw.data.scenes import Scenes
from ditlaw.files import write_bytes
from ditlaw.metrics.extractors.scenes import SceneReader

SEED = 2**39  # no study trains on these scenes, and none validates on them
STEPS, BATCH, RATE = 6000, 64, 3e-3
CALIBRATION = 4096  # scenes
NOISE = 0.3  # the largest standard deviation


def train(steps: int = STEPS, calibration: int = CALIBRATION) -> SceneReader:
    """The reader after that many steps of Adam, its rate falling to nothing (one-cycle)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reader = SceneReader()
    generator = torch.Generator().manual_seed(0)
    source = Scenes(SEED)
    optimiser = torch.optim.Adam(reader.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for step in range(steps):
        batch = source.read(step * BATCH, BATCH)
        images = spoiled(torch.from_numpy(batch.images), generator)
        logits = reader.logits(images)
        optimiser.zero_grad()
        loss = cross_entropy(logits.flatten(0, 1), torch.from_numpy(batch.words).flatten() - 1)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            print(f"step {step + 1} of {steps}: loss {float(loss.detach()):.3f}", file=sys.stderr)
    calibrate(reader, source, calibration)
    return reader.eval()


@torch.no_grad()
def calibrate(reader: SceneReader, source: Scenes, count: int) -> None:
    """Give the features the mean 0 and standard deviation 1 over ``source``'s first scenes."""
    features = reader(torch.from_numpy(source.read(0, count).images))
    reader.mean.copy_(features.mean(dim=0))
    reader.deviation.copy_(features.std(dim=0))


def spoiled(images: Tensor, generator: torch.Generator) -> Tensor:
    """A quarter of the pictures with noise, a quarter blurred, half as they are."""
    kind = torch.rand(len(images), 1, 1, 1, generator=generator)
    amount = NOISE * torch.rand(len(images), 1, 1, 1, generator=generator)
    noise = torch.randn(images.shape, generator=generator)
    blurred = avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    images = torch.where(kind < 0.25, images + amount * noise, images)
    return torch.where(kind > 0.75, blurred, images).clamp(-1, 1)


def weights_of(reader: SceneReader) -> bytes:
    """The weights as the bytes of a safetensors file, in float32."""
    return safetensors.torch.save({k: v.contiguous() for k, v in reader.state_dict().items()})


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m ditlaw.metrics.extractors.train_scenes OUT.safetensors")
    torch.set_num_threads(1)
    write_bytes(Path(sys.argv[1]), weights_of(train()))
