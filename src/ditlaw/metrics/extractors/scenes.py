"""The extractor of the procedural scenes: a small network that reads the word of each cell.

It ships with the package (``train_scenes.py`` made its weights), so that a study of scenes has a
Fréchet distance without any download. It knows scenes and nothing else: its distances are named
after it, and compare with no one's.
"""

import hashlib
from importlib.resources import files

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from ditlaw.data.scenes import CELLS, PALETTE, SIZE
from ditlaw.metrics.extractors.base import Extractor, frozen, resized

WEIGHTS = "scenes.safetensors"
EARLY, MIDDLE, LATE = 24, 44, 40  # features of pixels and of cells, averaged over the picture


class SceneReader(nn.Module):
    """Pictures (n, 3, height, width) in [−1, 1] → features (n, 64), or words through ``logits``.

    Features are activations averaged over the picture: ``EARLY`` of the pixels' layer, which tell
    sharpness and texture, and ``LATE`` of the cells' layer, which tell colours and how they lie.
    Each is in units of its standard deviation among true scenes, so that all count alike.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, EARLY, 3, padding=1)
        self.second = nn.Conv2d(EARLY, EARLY, 3, padding=1)
        # A kernel of 4 and a stride of 2 keep the middle of a cell the middle of what is seen.
        self.halved = nn.Conv2d(EARLY, MIDDLE, 4, stride=2, padding=1)
        self.third = nn.Conv2d(MIDDLE, MIDDLE, 3, padding=1)
        self.cells = nn.Conv2d(MIDDLE, LATE, 4, stride=2, padding=1)
        self.words = nn.Conv2d(LATE, len(PALETTE), 1)
        self.register_buffer("mean", torch.zeros(EARLY + LATE))
        self.register_buffer("deviation", torch.ones(EARLY + LATE))

    def forward(self, images: Tensor) -> Tensor:
        """Features (n, 64)."""
        early, late = self._activations(images)
        pooled = torch.cat([early.mean(dim=(2, 3)), late.mean(dim=(2, 3))], 1)
        return (pooled - self.mean) / self.deviation

    def logits(self, images: Tensor) -> Tensor:
        """For each cell in reading order, each word from the first of the palette: (n, 16, 16)."""
        _, late = self._activations(images)
        return self.words(late).flatten(2).transpose(1, 2)  # type: ignore[no-any-return]

    def _activations(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = resized(images, SIZE, "bilinear", antialias=True)
        early = gelu(self.second(gelu(self.first(x))))
        return early, gelu(self.cells(gelu(self.third(gelu(self.halved(early))))))


def scenes_extractor(device: torch.device) -> Extractor:
    """The extractor with the weights that ship with the package."""
    reader, sha256 = scene_reader(device)
    return Extractor("scenes", sha256, f"{SIZE}×{SIZE}, bilinear", reader, device)


def scene_reader(device: torch.device) -> tuple[SceneReader, str]:
    """The network, and the SHA-256 of the file of its weights."""
    content = files("ditlaw.metrics.extractors").joinpath(WEIGHTS).read_bytes()
    reader = SceneReader()
    reader.load_state_dict(safetensors.torch.load(content))
    frozen(reader, device)
    return reader, hashlib.sha256(content).hexdigest()


@torch.no_grad()
def read_words(reader: SceneReader, images: Tensor) -> Tensor:
    """What a picture shows: the word of each of its 4×4 cells, (n, 16), as captions count them."""
    return reader.logits(images.clamp(-1, 1)).argmax(dim=2) + 1


assert CELLS * 4 == SIZE, "two halvings lead from pixels to cells"
