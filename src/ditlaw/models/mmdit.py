"""SD3's MMDiT as a module; what it costs is ``ditlaw.families.mmdit``."""

from torch import Tensor, nn

from ditlaw.families import Family, Geometry, Shape
from ditlaw.models.base import Dense, Model
from ditlaw.models.condition import Condition
from ditlaw.models.dual_stream import DualBlock
from ditlaw.models.embed import Text, Vector
from ditlaw.models.layers import Head, Modulation, residual_start
from ditlaw.models.tokens import grid_code, patchify


class Mmdit(Model):
    """Noisy latent, t and text → velocity; two streams, one joint attention a block."""

    def __init__(self, family: Family, shape: Shape, geometry: Geometry) -> None:
        super().__init__(geometry)
        width, start = shape.width, residual_start(shape.blocks)
        self.patches = Dense(geometry.patch_dim, width)
        self.register_buffer("positions", grid_code(width, geometry), persistent=False)
        self.vector = Vector(geometry, width)
        self.text = Text(geometry, width)
        blocks = [
            DualBlock(width, shape.heads, start, last=i == shape.depth - 1)
            for i in range(shape.depth)
        ]
        self.modulation = Modulation(width, sum(block.modulations for block in blocks) + 2)
        self.blocks = nn.ModuleList(blocks)
        self.head = Head(geometry, width)

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See ``Model.forward``."""
        entered = self.enter(x)
        image = self.patches(patchify(entered, self.geometry.patch))
        image = image + self.positions.to(image.dtype)
        text = self.text(condition.told("text"), image.dtype)
        made = self.modulation(self.vector(t, condition), image.dtype)
        for block in self.blocks:
            assert isinstance(block, DualBlock)
            own, made = made[: block.modulations], made[block.modulations :]
            image, text = self.call(block, image, text, None, *own)
        velocity: Tensor = self.head(image, *made)
        return velocity.to(x.dtype)
