"""Captions to features, by a transformers text encoder from a local folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

from ditlaw.data.encoders.folder import ModelFolder
from ditlaw.data.encoders.quiet import PRECISIONS, exactly, quiet
from ditlaw.data.encoders.tokens import Tokens
from ditlaw.data.manifest import TextFacts

CLIP = ("clip", "clip_text_model")
CLASSES = {
    "t5": "T5EncoderModel",
    "mt5": "MT5EncoderModel",
    "umt5": "UMT5EncoderModel",
    "clip": "CLIPTextModel",
    "clip_text_model": "CLIPTextModel",
}


class TextEncoderSide:
    """The last hidden state of an encoder, zeros where a caption has no token; kept in float16.

    T5's and CLIP's classes are known by the config's ``model_type``; any other network that
    ``AutoModel`` makes will do if it reads tokens and gives ``last_hidden_state``. CLIP gives the
    pooled vector too: its final state at the caption's end token.

    Args:
        path: the folder that it was saved to.
        tokenizer: the tokenizer's folder; None takes the encoder's.
        tokens: a caption's length, cut or padded; None: see ``Tokens``.
        precision: what it computes in, ``float32`` or ``bfloat16``.
        device: where it computes.

    Raises:
        BadInput: the folder holds no such network, or a damaged one; no tokenizer, or not its own.
    """

    def __init__(
        self,
        path: Path,
        tokenizer: Path | None,
        tokens: int | None,
        precision: str,
        device: torch.device,
    ) -> None:
        folder = ModelFolder(path, "--text-encoder", "model")
        kind = str(folder.config.get("model_type"))
        self.pools = kind in CLIP
        class_name = CLASSES.get(kind, "AutoModel")
        with folder.opening("cannot be loaded"), quiet(transformers.utils.logging):
            model, info = getattr(transformers, class_name).from_pretrained(
                path,
                dtype=PRECISIONS[precision],
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        folder.require_whole(info)
        if getattr(
            model.config, "is_encoder_decoder", False
        ):  # T5's own class leaves its decoder out
            raise folder.wrong(f"{kind} also decodes", "give a T5, a CLIP or an encoder alone")
        self.model = model.to(device, PRECISIONS[precision]).requires_grad_(False).eval()
        self.device = device
        with folder.opening(f"{type(model).__name__} gives no last_hidden_state for tokens"):
            self.tokens = Tokens(tokenizer or path, model.config, tokens, clip=self.pools)
            probe = self(["a"])
        self.facts = TextFacts(
            kind="features",
            tokens=self.tokens.length,
            dim=probe["text"].shape[-1],
            pooled_dim=probe["pooled"].shape[-1] if self.pools else 0,
            encoder=folder.facts(type(model).__name__, precision),
            tokenizer_sha256=self.tokens.sha256,
        )

    def __call__(self, captions: list[str]) -> dict[str, NDArray[Any]]:
        """n captions → ``text`` (n, tokens, dim), and CLIP's ``pooled`` (n, dim), float16."""
        ids, mask = (part.to(self.device) for part in self.tokens(captions))
        with exactly():
            out = self.model(input_ids=ids, attention_mask=mask)
        # Half after masking: what lies beyond a caption may be anything, its zeros are exact.
        kept = mask[:, :, None].bool()
        found = {"text": torch.where(kept, out.last_hidden_state, 0).half()}
        if self.pools:
            found["pooled"] = out.pooler_output.half()
        return {name: np.asarray(value.cpu()) for name, value in found.items()}
