"""What the scenes' extractor tells: damage of known kinds, and true scenes of growing number.

python benchmarks/distances.py
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from ditlaw.data import HELD_OUT_SEED
from ditlaw.data.scenes import Scenes
from ditlaw.metrics.distance import frechet, statistics
from ditlaw.metrics.extractors import open_extractor
from ditlaw.metrics.extractors.scenes import read_words, scene_reader
from ditlaw.metrics.kernel import mmd2

COUNT = 2048
SIZES = (128, 256, 512, 1024, 2048, 4096, 8192)


def blurred(images: Tensor, share: float) -> Tensor:
    return images + share * (avg_pool2d(images, 3, 1, 1, count_include_pad=False) - images)


def noisy(images: Tensor, sd: float) -> Tensor:
    return images + sd * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))


def shuffled(images: Tensor) -> Tensor:
    """The 4×4 cells in another order, the same for every picture."""
    cells = images.reshape(-1, 3, 4, 4, 4, 4).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    return cells[:, order].unflatten(1, (4, 4)).permute(0, 3, 1, 4, 2, 5).reshape(images.shape)


def main() -> None:
    extractor, (reader, sha256) = open_extractor("scenes"), scene_reader(torch.device("cpu"))
    batch = Scenes(HELD_OUT_SEED).read(0, COUNT)
    images, words = torch.from_numpy(batch.images), torch.from_numpy(batch.words)
    others = torch.from_numpy(Scenes(77).read(0, COUNT).images)
    real = extractor(images).numpy()
    print(f"weights {sha256}")
    print(f"\n{COUNT} scenes against {COUNT} held-out ones")
    print(f"{'pictures':30} {'frechet':>8} {'kid':>9} {'±':>7} {'attributes':>10}")
    cases = {
        "the held-out ones themselves": images,
        "other true ones": others,
        **{f"noise of deviation {sd:g}": noisy(images, sd) for sd in (0.05, 0.1, 0.2, 0.4)},
        **{f"blurred by {share:.0%}": blurred(images, share) for share in (0.1, 0.25, 0.5, 1)},
        "cells in another order": shuffled(images),
        "darker by 0.1": images - 0.1,
        "red and green exchanged": images[:, [1, 0, 2]],
        "each its mean colour": images.mean((2, 3), keepdim=True).expand_as(images),
    }
    for name, pictures in cases.items():
        drawn = extractor(pictures).numpy()
        kid = mmd2(drawn, real)
        right = float((read_words(reader, pictures) == words).double().mean())
        print(
            f"{name:30} {frechet(statistics([drawn]), statistics([real])):8.3f} {kid.value:9.4f} "
            f"{kid.standard_error:7.4f} {right:10.3f}"
        )
    print("\ntrue scenes against as many others: all of it is bias or chance")
    print(f"{'scenes':>8} {'frechet':>8} {'kid':>9} {'±':>7}")
    for count in SIZES:
        one, two = (
            extractor(torch.from_numpy(Scenes(s).read(0, count).images)).numpy() for s in (5, 6)
        )
        kid = mmd2(one, two)
        distance = frechet(statistics([one]), statistics([two]))
        print(f"{count:8} {distance:8.3f} {kid.value:9.4f} {kid.standard_error:7.4f}")


if __name__ == "__main__":
    main()
