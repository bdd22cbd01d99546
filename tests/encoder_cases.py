"""Encoders made on the spot: the real classes, a few thousand random weights, saved to folders."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

WORDS = ("red", "green", "blue", "square", "on", "a", "grey", "ground")
COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (30, 40, 210)}


def vae(folder: Path, seed: int = 0, **config) -> Path:
    """A VAE of two levels: 2 pixels a side for a latent of 4 channels."""
    torch.manual_seed(seed)
    levels = {"block_out_channels": (8, 8), "norm_num_groups": 4, "latent_channels": 4}
    kinds = {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
    }
    AutoencoderKL(**levels | kinds | config).save_pretrained(folder)
    return folder


def words_tokenizer(folder: Path) -> Path:
    """A tokenizer of whole words that ends a caption as T5's does."""
    known = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {w: i + 3 for i, w in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


def t5(folder: Path, seed: int = 0, vocabulary: int = 16) -> Path:
    """A T5 encoder of one layer, without a tokenizer."""
    torch.manual_seed(seed)
    config = T5Config(d_model=12, d_kv=6, d_ff=16, num_layers=1, num_heads=2, vocab_size=vocabulary)
    T5EncoderModel(config).save_pretrained(folder)
    return folder


def clip(folder: Path, seed: int = 0) -> Path:
    """A CLIP text encoder of one layer, with its byte-pair tokenizer's files beside it."""
    letters = "abdeglnoqrsuy"
    ends = [f"{letter}</w>" for letter in letters]
    known = ["<|startoftext|>", *letters, *ends, "re", "red</w>", "<|endoftext|>"]
    torch.manual_seed(seed)
    config = CLIPTextConfig(
        hidden_size=12,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=len(known),
        max_position_embeddings=9,
        bos_token_id=0,
        eos_token_id=len(known) - 1,
    )
    CLIPTextModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(known)}))
    (folder / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    return folder


def pictures(count: int, side: int = 16) -> list[tuple[str, bytes, str, np.ndarray]]:
    """Key, PNG, caption and pixels (3, side, side) of squares on grey."""
    random = np.random.default_rng(5)
    made = []
    for i in range(count):
        name = list(COLOURS)[i % 3]
        pixels = np.full((side, side, 3), 128, np.uint8)
        y, x = random.integers(0, side - 6, 2)
        pixels[y : y + 6, x : x + 6] = COLOURS[name]
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        caption = f"a {name} square on grey ground"[: 12 if i % 4 == 0 else None]
        made.append((f"s{i:03d}", buffer.getvalue(), caption, pixels.transpose(2, 0, 1)))
    return made


def tar(path: Path, samples: list[tuple[str, bytes, str, np.ndarray]]) -> Path:
    """The samples as one WebDataset shard."""
    with tarfile.open(path, "w") as file:
        for key, image, caption, _ in samples:
            for end, content in (("png", image), ("txt", caption.encode())):
                member = tarfile.TarInfo(f"{key}.{end}")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return path
