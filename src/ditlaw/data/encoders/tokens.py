"""Captions to tokens of one length, by the tokenizer of a text encoder."""

from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor

from ditlaw.data.encoders.folder import files_sha256
from ditlaw.data.encoders.quiet import quiet
from ditlaw.errors import BadInput

# A tokenizer is one of the first; the others say how it is used.
VOCABULARIES = ("tokenizer.json", "spiece.model", "tokenizer.model", "vocab.json", "vocab.txt")
BESIDE = ("merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
USUAL_TOKENS = 120  # of T5 in PixArt-α
OLD_CLIP_END = 2  # what the configs of the first CLIPs say


class Tokens:
    """A tokenizer whose captions are cut or padded to ``length``.

    Args:
        folder: where it lies.
        config: the encoder's.
        length: tokens of a caption; None takes all positions of a CLIP, and 120 of another.
        clip: the encoder is one.

    Raises:
        BadInput: no tokenizer there, a damaged one, or that of another encoder; too long.
    """

    def __init__(self, folder: Path, config: Any, length: int | None, *, clip: bool) -> None:
        if not any((folder / name).is_file() for name in VOCABULARIES):
            raise BadInput(
                f"--tokenizer: {folder}: no tokenizer there (tokenizer.json or spiece.model); "
                "give its folder with --tokenizer DIR"
            )
        try:
            with quiet(transformers.utils.logging):
                self.tokenizer = transformers.AutoTokenizer.from_pretrained(
                    folder, local_files_only=True, trust_remote_code=False
                )
            highest = max(self.tokenizer.get_vocab().values())
        except Exception as error:  # the Rust half raises bare Exceptions
            said = " ".join(str(error).split())[:160]
            raise BadInput(
                f"--tokenizer: {folder}: not a tokenizer that transformers reads ({said}); give "
                "another with --tokenizer DIR"
            ) from None
        text = config.get_text_config()
        self._check(folder, text, highest, clip)
        positions: int | None = getattr(text, "max_position_embeddings", None)
        most = positions or USUAL_TOKENS
        self.length: int = length or (most if clip else min(USUAL_TOKENS, most))
        if positions and self.length > positions:
            raise BadInput(
                f"--text-tokens: {self.length} is more than the encoder's {positions} positions; "
                f"give {positions} or fewer"
            )
        files = [folder / name for name in (*VOCABULARIES, *BESIDE)]
        self.sha256 = files_sha256([file for file in files if file.is_file()])

    def __call__(self, captions: list[str]) -> tuple[Tensor, Tensor]:
        """n captions → ids (n, length) and a mask that is 1 where a caption has a token."""
        found = self.tokenizer(
            captions, truncation=True, max_length=self.length, return_attention_mask=False
        )
        ids = torch.full((len(captions), self.length), self.tokenizer.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for row, known in enumerate(found["input_ids"]):
            ids[row, : len(known)] = torch.tensor(known)
            mask[row, : len(known)] = 1
        return ids, mask

    def _check(self, folder: Path, config: Any, highest: int, clip: bool) -> None:
        """Whether encoder and tokenizer are of one kind, as far as their numbers tell."""
        known = config.vocab_size
        if highest >= known:
            raise BadInput(
                f"--tokenizer: {folder}: has tokens to {highest} and the encoder knows {known}; "
                "give the encoder's own"
            )
        if not clip:
            return
        # CLIP's pooled vector is read at the end token: of the config, or as the first CLIPs had it
        # the highest of all.
        wanted = highest if config.eos_token_id == OLD_CLIP_END else config.eos_token_id
        if self.tokenizer.eos_token_id != wanted:
            raise BadInput(
                f"--tokenizer: {folder}: ends captions with token {self.tokenizer.eos_token_id} "
                f"and the encoder pools at {wanted}; give the encoder's own"
            )
