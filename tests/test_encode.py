"""Encoding with the real classes of diffusers and transformers, made small on the spot."""

import json
import shutil

import encoder_cases as cases
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from transformers import AutoTokenizer, CLIPTextModel, T5EncoderModel

from ditlaw.data.encoders.text import TextEncoderSide
from ditlaw.data.encoders.vae import VaeSide
from ditlaw.errors import BadInput

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """Folders of tiny encoders, and a tar of 40 pictures."""
    folder = tmp_path_factory.mktemp("encoders")
    cases.vae(folder / "vae", scaling_factor=0.5, shift_factor=0.1)
    cases.words_tokenizer(cases.t5(folder / "t5"))
    cases.clip(folder / "clip")
    cases.tar(folder / "squares.tar", cases.pictures(40))
    return folder


@pytest.fixture
def copied(there, tmp_path):
    """Copies a folder of an encoder, to be damaged."""
    return lambda name: shutil.copytree(there / name, tmp_path / name)


def vae_side(folder, precision="float32"):
    return VaeSide(folder, precision, CPU)


def text_side(folder, tokenizer=None, tokens=None, precision="float32"):
    return TextEncoderSide(folder, tokenizer, tokens, precision, CPU)


def test_latents_are_the_mean_of_the_real_class(there):
    side = vae_side(there / "vae")
    assert (side.facts.channels, side.facts.factor) == (4, 2)
    assert (side.facts.scale, side.facts.shift) == (0.5, 0.1)
    pixels = np.stack([p[3] for p in cases.pictures(5)])
    made = side(pixels)
    real = AutoencoderKL.from_pretrained(there / "vae")
    with torch.no_grad():
        mean = real.encode(torch.from_numpy(pixels) / 127.5 - 1).latent_dist.mean
    assert made.dtype == np.float16
    np.testing.assert_allclose(made, (mean.numpy() - 0.1) * 0.5, atol=2e-3)
    assert np.abs(made).max() > 0.05


def test_features_of_a_t5_are_those_of_the_real_class_and_end_with_the_caption(there):
    side = text_side(there / "t5", tokens=5)
    captions = ["red", "a red square on grey ground", "unheard"]
    made = side(captions)
    assert set(made) == {"text"}
    assert side.facts.pooled_dim == 0
    tokenizer = AutoTokenizer.from_pretrained(there / "t5")
    tokens = tokenizer(
        captions, padding="max_length", truncation=True, max_length=5, return_tensors="pt"
    )
    with torch.no_grad():
        real = T5EncoderModel.from_pretrained(there / "t5")(**tokens).last_hidden_state
    mask = tokens["attention_mask"].numpy()
    assert mask.tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]
    np.testing.assert_allclose(made["text"], real.numpy() * mask[:, :, None], atol=2e-3)
    assert np.all(made["text"][0, 2:] == 0)
    assert text_side(there / "t5").facts.tokens == 120


def test_features_of_a_clip_come_with_its_pooled_vector(there):
    side = text_side(there / "clip")
    assert (side.facts.tokens, side.facts.dim, side.facts.pooled_dim) == (9, 12, 12)
    captions = ["red square", "a red square on a red"]
    made = side(captions)
    tokenizer = AutoTokenizer.from_pretrained(there / "clip")
    tokens = tokenizer(
        captions, padding="max_length", truncation=True, max_length=9, return_tensors="pt"
    )
    with torch.no_grad():
        real = CLIPTextModel.from_pretrained(there / "clip")(**tokens)
    np.testing.assert_allclose(made["pooled"], real.pooler_output.numpy(), atol=2e-3)
    mask = tokens["attention_mask"].numpy()[:, :, None]
    np.testing.assert_allclose(made["text"], real.last_hidden_state.numpy() * mask, atol=2e-3)
    assert np.abs(made["pooled"][0] - made["pooled"][1]).max() > 0.1


@pytest.mark.parametrize("batch", [1, 3])
def test_how_samples_are_batched_hardly_matters(there, batch):
    """Other kernels for other batch sizes: the last bits of float16, no more."""
    samples = cases.pictures(7)
    pixels, captions = np.stack([s[3] for s in samples]), [s[2] for s in samples]
    image, text = vae_side(there / "vae"), text_side(there / "clip")
    cuts = [slice(i, i + batch) for i in range(0, 7, batch)]
    np.testing.assert_allclose(
        np.concatenate([image(pixels[cut]) for cut in cuts]), image(pixels), atol=2e-3
    )
    parts = [text(captions[cut]) for cut in cuts]
    for name, whole in text(captions).items():
        np.testing.assert_allclose(np.concatenate([p[name] for p in parts]), whole, atol=2e-3)


def test_bfloat16_is_near_and_is_told(there):
    pixels = np.stack([s[3] for s in cases.pictures(3)])
    exact, coarse = (vae_side(there / "vae", p) for p in ("float32", "bfloat16"))
    assert coarse.facts.encoder.precision == "bfloat16"
    assert coarse.facts.encoder.sha256 == exact.facts.encoder.sha256
    assert coarse.vae.dtype == torch.bfloat16
    difference = np.abs(coarse(pixels).astype(float) - exact(pixels).astype(float)).max()
    assert 0 < difference < 0.05
    text = text_side(there / "t5", tokens=5, precision="bfloat16")
    near = text_side(there / "t5", tokens=5)(["red"])["text"]
    np.testing.assert_allclose(text(["red"])["text"], near, atol=0.1)


def without_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    return folder


def rewrite(file, **changes):
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def damage(name):
    """What is done to a copied encoder's folder, by name."""

    def cut(folder):
        file = next(folder.glob("*.safetensors"))
        file.write_bytes(file.read_bytes()[:-100])

    def scramble(folder):
        next(folder.glob("*.safetensors")).write_bytes(b"not weights at all")

    def pickled(folder):
        file = next(folder.glob("*.safetensors"))
        file.rename(file.with_suffix(".bin"))

    def variant(folder):
        file = next(folder.glob("*.safetensors"))
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))

    def torn(folder):
        (folder / "config.json").write_text("{")

    def no_config(folder):
        (folder / "config.json").unlink()

    def pipeline(folder):
        (folder / "model_index.json").write_text("{}")

    def other(folder):
        rewrite(folder / "config.json", _class_name="AutoencoderDC", model_type="bart")

    def deeper(folder):
        rewrite(folder / "config.json", layers_per_block=2, num_layers=2, num_hidden_layers=2)

    def escaping(folder):
        file = next(folder.glob("*.safetensors"))
        file.rename(folder.parent / "elsewhere.safetensors")
        index = {"weight_map": {"w": "../elsewhere.safetensors"}}
        (folder / f"{file.name}.index.json").write_text(json.dumps(index))

    return locals()[name]


@pytest.mark.parametrize("folder", ["vae", "clip"])
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("cut", "cannot be loaded"),
        ("scramble", "cannot be loaded"),
        ("pickled", "pickle"),
        ("variant", ".fp16.safetensors"),
        ("torn", "config.json is damaged"),
        ("no_config", "no config.json"),
        ("pipeline", "pipeline"),
        ("deeper", "its weights lack"),
        ("escaping", "index.json is damaged"),
    ],
)
def test_a_folder_that_is_not_whole_is_one_line(copied, folder, how, says):
    path = copied(folder)
    damage(how)(path)
    with pytest.raises(BadInput) as error:
        (vae_side if folder == "vae" else text_side)(path)
    line = str(error.value)
    option = "--vae" if folder == "vae" else "--text-encoder"
    assert line.startswith(f"{option}: {path}: ")
    assert says in line
    assert "\n" not in line
    assert len(line) < 450


def test_networks_of_another_kind(there, copied, tmp_path):
    shutil.copy(there / "clip" / "config.json", copied("vae") / "config.json")
    with pytest.raises(BadInput, match=r"--vae: .*holds no diffusers class; give an Autoencoder"):
        vae_side(tmp_path / "vae")
    with pytest.raises(BadInput, match="no such folder"):
        vae_side(tmp_path / "nothing")
    with pytest.raises(BadInput, match=r"--text-encoder: .*no model.safetensors"):
        text_side(there / "vae")
    scales = cases.vae(tmp_path / "scales", latents_mean=[0.0] * 4, latents_std=[1.0] * 4)
    with pytest.raises(BadInput, match="latents_mean"):
        vae_side(scales)
    with pytest.raises(BadInput, match="reads pictures of 4 channels"):
        vae_side(cases.vae(tmp_path / "deep", in_channels=4))


def test_the_tokenizer_is_the_encoders_own(there, copied, tmp_path):
    bare = without_tokenizer(copied("t5"))
    with pytest.raises(BadInput, match=r"^--tokenizer: .*give its folder with --tokenizer DIR$"):
        text_side(bare)
    apart = cases.words_tokenizer(tmp_path / "apart")
    given, beside = text_side(bare, apart, 5), text_side(there / "t5", None, 5)
    assert given.facts.tokenizer_sha256 == beside.facts.tokenizer_sha256
    np.testing.assert_array_equal(given(["red"])["text"], beside(["red"])["text"])
    with pytest.raises(BadInput, match="has tokens to 29 and the encoder knows 16"):
        text_side(bare, there / "clip")
    with pytest.raises(BadInput, match="ends captions with token 1 and the encoder pools at 29"):
        text_side(there / "clip", apart)
    with pytest.raises(BadInput, match=r"--text-tokens: 10 .* 9 positions; give 9 or fewer"):
        text_side(there / "clip", tokens=10)
    (apart / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match="not a tokenizer that transformers reads"):
        text_side(bare, apart)
