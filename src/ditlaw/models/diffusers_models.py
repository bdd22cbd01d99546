"""A transformer class of diffusers as a user's own module: its config and its forward's arguments.

What a study says is translated by the names of the class's own arguments; ``options`` go over it.
Nothing is known of single classes beyond those names. diffusers is imported only here, when asked.
"""

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ditlaw import text
from ditlaw.errors import BadInput
from ditlaw.families import Geometry
from ditlaw.families.base import MLP_RATIO
from ditlaw.families.flux import rotary_axes
from ditlaw.models.condition import Condition
from ditlaw.models.embed import PooledWords, Words
from ditlaw.models.tokens import patchify, unpatchify

MASKS = ("encoder_attention_mask", "encoder_hidden_states_mask")


def factory_of(name: str) -> Callable[..., nn.Module]:
    """What makes a class of diffusers from a shape, a geometry and options.

    Raises:
        BadInput: diffusers is not installed, or has no such model.
    """
    try:
        diffusers = importlib.import_module("diffusers")
    except ImportError as error:
        raise BadInput(
            f"family: diffusers:{name} needs diffusers ({error}); pip install diffusers"
        ) from None
    try:
        kind = getattr(diffusers, name)
    except (AttributeError, ImportError, RuntimeError):
        known = [n for n in dir(diffusers) if "Transformer" in n and n.endswith("Model")]
        raise text.unknown("family: diffusers", name, known) from None
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise BadInput(f"family: diffusers:{name} is no model; name one, as SD3Transformer2DModel")
    return partial(DiffusersModel, kind)


class DiffusersModel(nn.Module):
    """Noisy latent, t, condition → velocity, by a class of diffusers.

    Words (``geometry.vocabulary``) are looked up in a learned table of the model's width with a
    code of each slot, and in a second table where the class reads a pooled vector.
    """

    def __init__(
        self,
        kind: type[nn.Module],
        depth: int,
        width: int,
        heads: int,
        geometry: Geometry,
        single_depth: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.geometry, self.name = geometry, f"diffusers:{kind.__name__}"
        self.reads = arguments(kind.forward)
        self.check()
        takes = arguments(kind)
        for option in options:
            if option not in takes:
                raise text.unknown("options", option, takes)
        implied = implied_config(kind, depth, width, heads, geometry, single_depth)
        self.model = kind(**implied | options)
        # Classes that number image tokens, or scale inside, take t itself; the rest 1000·t.
        scales = [getattr(m, "scale", 1) for m in self.modules() if type(m).__name__ == "Timesteps"]
        self.time_scale = 1.0 if self.packed or any(scale != 1 for scale in scales) else 1000.0
        reads_words = geometry.words and "encoder_hidden_states" in self.reads
        self.words = Words(geometry, width) if reads_words else None
        pools_words = geometry.words and "pooled_projections" in self.reads
        self.pooled = PooledWords(geometry, width) if pools_words else None

    @property
    def packed(self) -> bool:
        """Whether the class reads and returns patches with their places, as FLUX does."""
        return "img_ids" in self.reads

    def check(self) -> None:
        """Whether such samples give the class all that it reads.

        Raises:
            BadInput: they do not.
        """
        geometry, reads = self.geometry, self.reads
        filled = {"hidden_states", "timestep", "encoder_hidden_states", "pooled_projections"}
        filled |= {"class_labels", "img_ids", "txt_ids", "return_dict", *MASKS}
        for argument, default in reads.items():
            if default is inspect.Parameter.empty and argument not in filled:
                raise BadInput(
                    f"family: {self.name} cannot run without '{argument}', which a study does not "
                    "have; use another class, or a factory of your own that gives it"
                )
        if "encoder_hidden_states" in reads:
            if not geometry.text_tokens:
                raise BadInput(f"geometry.text_tokens: {self.name} reads text; use 1 or more")
        elif "class_labels" in reads:
            if geometry.text_tokens != 1 or not geometry.words:
                raise BadInput(
                    f"geometry.text_tokens: {self.name} reads one class a sample; use "
                    "text_tokens: 1 and vocabulary: the number of classes"
                )
        elif geometry.text_tokens:
            raise BadInput(f"geometry.text_tokens: {self.name} reads no text; use 0")

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the tables of words; the class draws its own weights when it is made."""
        for table in (self.words, self.pooled):
            if table is not None:
                table.draw(generator)

    def enable_gradient_checkpointing(self) -> None:
        """Recompute activations, where the class can."""
        self.model.enable_gradient_checkpointing()  # type: ignore[operator]

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """See ``Model.forward``."""
        values: dict[str, Any] = {
            "hidden_states": patchify(x, self.geometry.patch) if self.packed else x,
            "timestep": t * self.time_scale,
            "return_dict": False,
        }
        if condition.text is not None:
            self._read(values, condition.text, condition.pooled)
        if self.packed:
            grid = (self.geometry.frames, self.geometry.rows, self.geometry.columns)
            axes = (torch.arange(n, device=x.device, dtype=x.dtype) for n in grid)
            values["img_ids"] = torch.cartesian_prod(*axes)
            values["txt_ids"] = x.new_zeros(self.geometry.text_tokens, 3)
        made: Tensor = self.model(**{k: v for k, v in values.items() if k in self.reads})[0]
        return unpatchify(made, self.geometry) if self.packed else made

    def _read(self, values: dict[str, Any], said: Tensor, pooled: Tensor | None) -> None:
        """Put what a text says under the names that the class may read it by."""
        features = said if self.words is None else self.words(said)
        values["encoder_hidden_states"] = features
        for mask in MASKS:
            if self.reads.get(mask) is inspect.Parameter.empty:
                values[mask] = torch.ones(said.shape[:2], dtype=torch.bool, device=said.device)
        if self.pooled is not None:
            pooled = self.pooled(said)
        elif pooled is None and features.ndim == 3:
            pooled = features.mean(1)
        values["pooled_projections"] = pooled
        if self.geometry.words:
            values["class_labels"] = said[:, 0]


def arguments(function: Callable[..., Any]) -> dict[str, Any]:
    """Arguments of a function or class by name, with their defaults."""
    found = inspect.signature(function).parameters
    return {name: p.default for name, p in found.items() if name != "self"}


def implied_config(
    kind: type[nn.Module],
    depth: int,
    width: int,
    heads: int,
    geometry: Geometry,
    single_depth: int = 0,
) -> dict[str, Any]:
    """The config that a study implies, as far as the class's constructor has such arguments."""
    takes, packed = arguments(kind), "img_ids" in arguments(kind.forward)
    features, size = geometry.text_inputs(width) or None, width // heads
    channels = geometry.patch_dim if packed else geometry.channels
    patch: Any = 1 if packed else geometry.patch
    if isinstance(takes.get("patch_size"), tuple):  # frames, rows, columns
        patch = (1, geometry.patch, geometry.patch)
    implied = {
        **dict.fromkeys(("num_layers", "num_mmdit_layers"), depth),
        **dict.fromkeys(("num_single_layers", "num_single_dit_layers"), single_depth),
        **dict.fromkeys(
            ("num_attention_heads", "num_cross_attention_heads", "num_kv_heads"), heads
        ),
        **dict.fromkeys(("attention_head_dim", "cross_attention_head_dim"), size),
        **dict.fromkeys(("hidden_size", "caption_projection_dim"), width),
        "ffn_dim": MLP_RATIO * width,
        **dict.fromkeys(("in_channels", "out_channels"), channels),
        "patch_size": patch,
        "sample_size": max(geometry.height, geometry.width),
        **dict.fromkeys(("joint_attention_dim", "caption_channels", "text_embed_dim"), features),
        **dict.fromkeys(("cap_feat_dim", "text_dim"), features),
        # Where captions are first projected to the model's width, the blocks read that width.
        "cross_attention_dim": width if "caption_channels" in takes else features,
        "pooled_projection_dim": geometry.pooled_inputs(width) or None,
        "num_embeds_ada_norm": geometry.vocabulary or None,
        **dict.fromkeys(("axes_dims_rope", "axes_dim_rope", "rope_axes_dim"), rotary_axes(size)),
        # What would make the class read or return more than a velocity needs.
        **dict.fromkeys(("use_additional_conditions", "learn_sigma", "guidance_embeds"), False),
    }
    return {name: value for name, value in implied.items() if name in takes and value is not None}
