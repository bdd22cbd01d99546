"""Inception-v3 as FID reads it: 2048 features from the TensorFlow network of 2015, 1008 classes.

The network is that of Szegedy et al. 2016. Its FID port differs from the one for ImageNet: average
pools inside blocks leave padding out of the mean, and the last block takes a maximum. Tensors are
named as in the weight files of pytorch-fid and torch-fidelity, which both fit. Pictures are resized
as in pytorch-fid: bilinearly to 299×299, without antialiasing, in [−1, 1].
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

from ditlaw.metrics.extractors.base import resized

SIZE, FEATURES, CLASSES = 299, 2048, 1008
ROW, COLUMN = (1, 7), (7, 1)
Unit = tuple[str, int, int | tuple[int, int], int]  # name, channels, kernel, stride
# One branch of a block: units in a row; several in one place of it are fed alike and joined.
Branch = Sequence[Sequence[Unit]]


class Convolution(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, *, padded: bool
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) → (n, outputs, h', w')."""
        return relu(self.bn(self.conv(x)))


class Block(nn.Module):
    """Branches side by side, their channels joined in order; the pooling branch comes last.

    ``pool`` is ``average`` or ``max``. Without ``projected`` channels for its outcome, the block
    halves the picture: its last units and its pool have stride 2.
    """

    def __init__(self, inputs: int, branches: Sequence[Branch], pool: str, projected: int) -> None:
        super().__init__()
        self.pool, self.projected = pool, projected
        self.order = [[[unit[0] for unit in place] for place in branch] for branch in branches]
        if projected:
            branches = [*branches, [[("branch_pool", projected, 1, 1)]]]
        for branch in branches:
            channels = inputs
            for place in branch:
                for name, outputs, kernel, stride in place:
                    square = (kernel, kernel) if isinstance(kernel, int) else kernel
                    unit = Convolution(channels, outputs, square, stride, padded=stride == 1)
                    self.add_module(name, unit)
                channels = sum(outputs for _, outputs, _, _ in place)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) → (n, sum of the branches' channels, h', w')."""
        found = []
        for branch in self.order:
            y = x
            for place in branch:
                y = torch.cat([self.get_submodule(name)(y) for name in place], 1)
            found.append(y)
        if not self.projected:
            return torch.cat([*found, max_pool2d(x, 3, 2)], 1)
        if self.pool == "max":
            pooled = max_pool2d(x, 3, 1, 1)
        else:
            pooled = avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return torch.cat([*found, self.get_submodule("branch_pool")(pooled)], 1)


def _line(name: str, *units: tuple[int, int | tuple[int, int]], stride: int = 1) -> Branch:
    """Units NAME_1, NAME_2 … in a row; ``stride`` is the last one's."""
    last = len(units)
    return [
        [(f"{name}_{i}", outputs, kernel, stride if i == last else 1)]
        for i, (outputs, kernel) in enumerate(units, 1)
    ]


def _fork(name: str, number: int) -> Sequence[Unit]:
    return [(f"{name}_{number}a", 384, (1, 3), 1), (f"{name}_{number}b", 384, (3, 1), 1)]


def _a(inputs: int, projected: int) -> Block:
    branches = [
        [[("branch1x1", 64, 1, 1)]],
        _line("branch5x5", (48, 1), (64, 5)),
        _line("branch3x3dbl", (64, 1), (96, 3), (96, 3)),
    ]
    return Block(inputs, branches, "average", projected)


def _b(inputs: int) -> Block:
    double = _line("branch3x3dbl", (64, 1), (96, 3), (96, 3), stride=2)
    return Block(inputs, [[[("branch3x3", 384, 3, 2)]], double], "max", 0)


def _c(n: int) -> Block:
    branches = [
        [[("branch1x1", 192, 1, 1)]],
        _line("branch7x7", (n, 1), (n, ROW), (192, COLUMN)),
        _line("branch7x7dbl", (n, 1), (n, COLUMN), (n, ROW), (n, COLUMN), (192, ROW)),
    ]
    return Block(768, branches, "average", 192)


def _d() -> Block:
    branches = [
        _line("branch3x3", (192, 1), (320, 3), stride=2),
        _line("branch7x7x3", (192, 1), (192, ROW), (192, COLUMN), (192, 3), stride=2),
    ]
    return Block(768, branches, "max", 0)


def _e(inputs: int, pool: str) -> Block:
    branches: list[Branch] = [
        [[("branch1x1", 320, 1, 1)]],
        [*_line("branch3x3", (384, 1)), _fork("branch3x3", 2)],
        [*_line("branch3x3dbl", (448, 1), (384, 3)), _fork("branch3x3dbl", 3)],
    ]
    return Block(inputs, branches, pool, 192)


class Inception(nn.Module):
    """(n, 3, height, width) in [−1, 1] → (n, 2048): the mean over places of the last block.

    ``fc`` is in the files and serves only to know them by: ImageNet's have 1000 classes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, (3, 3), 2, padded=False)
        self.Conv2d_2a_3x3 = Convolution(32, 32, (3, 3), 1, padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, (3, 3), 1, padded=True)
        self.Conv2d_3b_1x1 = Convolution(64, 80, (1, 1), 1, padded=False)
        self.Conv2d_4a_3x3 = Convolution(80, 192, (3, 3), 1, padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _a(192, 32), _a(256, 64), _a(288, 64)
        self.Mixed_6a = _b(288)
        self.Mixed_6b, self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = map(_c, (128, 160, 160, 192))
        self.Mixed_7a = _d()
        self.Mixed_7b, self.Mixed_7c = _e(1280, "average"), _e(FEATURES, "max")
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Features of pictures of any size."""
        x = resized(images, SIZE, "bilinear", antialias=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, 2)))
        x = max_pool2d(x, 3, 2)
        for name, block in self.named_children():
            if name.startswith("Mixed"):
                x = block(x)
        return x.mean(dim=(2, 3))
