"""Families of DiTs as torch modules behind one signature: (noisy latent, t, condition) → velocity.

Each family is one module here and one of the same name in ``ditlaw.families`` (what it costs).
"""

from ditlaw.models.base import Model
from ditlaw.models.building import MODULES, Velocity, blocks_of, build, build_sized, compile_blocks
from ditlaw.models.condition import Condition, condition_of

__all__ = [
    "MODULES",
    "Condition",
    "Model",
    "Velocity",
    "blocks_of",
    "build",
    "build_sized",
    "compile_blocks",
    "condition_of",
]
