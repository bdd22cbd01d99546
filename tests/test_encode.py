"""Encoding with the real classes of diffusers and transformers, made small on the spot."""

import hashlib
import importlib.util
import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import encoder_cases as cases
import jsonschema
import numpy as np
import pytest
import safetensors.torch
import torch
import yaml
from conftest import Finished
from diffusers import AutoencoderKL
from PIL import Image
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartModel,
    BertConfig,
    BertModel,
    CLIPTextModel,
    T5EncoderModel,
    ViTConfig,
    ViTModel,
)

from ditlaw.cli import run as run_command
from ditlaw.cli.encoding import wish
from ditlaw.data import open_held_out
from ditlaw.data.cache import Cache
from ditlaw.data.encoders.text import TextEncoderSide
from ditlaw.data.encoders.vae import VaeSide
from ditlaw.data.places import prepare_study
from ditlaw.data.prepare import prepare
from ditlaw.errors import BadInput
from ditlaw.results import json_schema
from ditlaw.study import load_study, parse_study, study_runs
from ditlaw.training.evaluate import Grid
from ditlaw.training.folder import RunFolder
from ditlaw.training.pictures import strip
from ditlaw.training.trunk import Trunk

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


def test_encoders_of_other_kinds(there, tmp_path):
    """What AutoModel makes of tokens will do; what also decodes, or reads none, will not."""
    small = {"vocab_size": 16, "hidden_size": 12, "num_hidden_layers": 1, "intermediate_size": 8}
    bert = BertModel(BertConfig(**small, num_attention_heads=2, max_position_embeddings=20))
    bert.save_pretrained(tmp_path / "bert")
    side = text_side(cases.words_tokenizer(tmp_path / "bert"))
    assert (side.facts.encoder.class_name, side.facts.pooled_dim) == ("BertModel", 0)
    assert side.facts.tokens == 20
    made = side(["red square"])
    tokens = AutoTokenizer.from_pretrained(tmp_path / "bert")(["red square"], return_tensors="pt")
    with torch.no_grad():
        real = bert.eval()(**tokens).last_hidden_state
    np.testing.assert_allclose(made["text"][:, :3], real, atol=2e-3)
    assert np.all(made["text"][:, 3:] == 0)
    sizes = {"d_model": 12, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 16}
    BartModel(
        BartConfig(**sizes, encoder_attention_heads=2, decoder_attention_heads=2)
    ).save_pretrained(tmp_path / "bart")
    with pytest.raises(BadInput, match="bart also decodes; give a T5, a CLIP"):
        text_side(tmp_path / "bart", there / "t5")
    looks = ViTModel(
        ViTConfig(
            hidden_size=12,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=8,
            image_size=16,
            patch_size=8,
        )
    )
    looks.save_pretrained(tmp_path / "vit")
    with pytest.raises(BadInput, match=r"--text-encoder: .* gives no last_hidden_state for tokens"):
        text_side(tmp_path / "vit", there / "t5")


def test_weights_in_parts_are_all_read_and_hashed(there, tmp_path):
    whole = text_side(there / "t5", tokens=5)
    model = T5EncoderModel.from_pretrained(there / "t5")
    model.save_pretrained(tmp_path / "parts", max_shard_size="2KB")
    parts = sorted((tmp_path / "parts").glob("model-*.safetensors"))
    assert len(parts) > 1
    side = text_side(tmp_path / "parts", there / "t5", 5)
    np.testing.assert_array_equal(side(["a red"])["text"], whole(["a red"])["text"])
    before = side.facts.encoder.sha256
    tensors = safetensors.torch.load_file(parts[-1])
    tensors[next(iter(tensors))] += 1
    safetensors.torch.save_file(tensors, parts[-1], metadata={"format": "pt"})
    assert text_side(tmp_path / "parts", there / "t5", 5).facts.encoder.sha256 != before
    parts[0].unlink()
    with pytest.raises(BadInput, match=f"{parts[0].name} is missing"):
        text_side(tmp_path / "parts", there / "t5", 5)


def test_the_first_clips_pool_at_the_highest_token(there, copied):
    """Their configs name another end token, which transformers passes over."""
    old = copied("clip")
    rewrite(old / "config.json", eos_token_id=2)
    captions = ["red", "a red square"]
    made, real = text_side(old)(captions), text_side(there / "clip")(captions)
    np.testing.assert_array_equal(made["pooled"], real["pooled"])


def test_memory_that_is_too_small_is_one_line(there, monkeypatch):
    side = vae_side(there / "vae")

    def full(*_, **__):
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(side.vae, "encode", full)
    with pytest.raises(BadInput, match=r"^--batch: .* give --batch 1$"):
        side(np.zeros((1, 3, 8, 8), np.uint8))


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


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def command(capsys):
    """Runs a command line in this process, where the libraries are loaded: code, out, err."""

    def run(*arguments):
        code = run_command([str(a) for a in arguments])
        said = capsys.readouterr()
        return Finished(code, said.out, said.err)

    return run


def encode_line(there, out, *more):
    return ("encode", there / "squares.tar", "--size", "16", "--out", out, *more)


def networks(there, text="clip"):
    return ("--vae", there / "vae", "--text-encoder", there / text)


def arrays(folder):
    """Every array of a cache, by file."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.npy"))}


def test_the_command_keeps_what_the_sides_give(there, tmp_path, command):
    line = encode_line(there, tmp_path / "cache", *networks(there), "--batch", "8", "--json")
    done = command(*line)
    assert done.code == 0, done.err
    jsonschema.validate(done.json, json_schema("encode"))
    assert (done.json["samples"], done.json["shards"], done.json["skipped"]) == (40, 1, [])
    geometry = {"height": 8, "width": 8, "channels": 4}
    assert done.json["geometry"] == geometry | {"text_tokens": 9, "text_dim": 12, "pooled_dim": 12}
    assert "40 of 40 samples" in done.err
    cache = Cache(tmp_path / "cache")
    samples = cases.pictures(40)
    assert list(cache.captions()) == [(s[0], s[2]) for s in samples]
    batch = cache.read(np.arange(40))
    image, text = vae_side(there / "vae"), text_side(there / "clip")
    np.testing.assert_array_equal(batch.images[:8], image(np.stack([s[3] for s in samples[:8]])))
    told = text([s[2] for s in samples[:8]])
    np.testing.assert_array_equal(batch.text[:8], told["text"])
    np.testing.assert_array_equal(batch.pooled[:8], told["pooled"])
    facts = cache.manifest
    weights = (there / "vae" / "diffusion_pytorch_model.safetensors").read_bytes()
    assert facts.image.encoder.sha256 == hashlib.sha256(weights).hexdigest()
    assert (facts.text.field, facts.text.encoder.class_name) == ("txt", "CLIPTextModel")
    again = command(*line)
    assert again.json == done.json


def test_an_encoding_that_was_stopped_ends_as_one_that_was_not(there, tmp_path):
    wanted = wish([str(there / "squares.tar")], ["16"], features=True)
    image, text = vae_side(there / "vae"), text_side(there / "t5", tokens=6)
    wanted = replace(wanted, text_tokens=6)
    ways = {"image": image, "text": text, "batch": 4, "most_samples": 16}
    whole = prepare(wanted, tmp_path / "whole", **ways)
    assert len(whole.shards) == 3

    class Stopping:
        facts, left = image.facts, 6

        def __call__(self, pixels):
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return image(pixels)

    with pytest.raises(KeyboardInterrupt):
        prepare(wanted, tmp_path / "cut", **ways | {"image": Stopping()})
    assert not (tmp_path / "cut" / "manifest.json").exists()
    assert prepare(wanted, tmp_path / "cut", **ways) == whole
    assert arrays(tmp_path / "cut") == arrays(tmp_path / "whole")


def test_two_at_once_make_one_cache(there, tmp_path):
    wanted = replace(wish([str(there / "squares.tar")], ["16"]), text="none", text_tokens=0)
    image = vae_side(there / "vae")
    ways = {"image": image, "batch": 4, "most_samples": 8}
    whole = prepare(wanted, tmp_path / "whole", **ways)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(prepare, wanted, tmp_path / "two", **ways) for _ in range(2)]
    assert [each.result() for each in both] == [whole, whole]
    assert arrays(tmp_path / "two") == arrays(tmp_path / "whole")


def test_what_cannot_be_used_is_listed_up_to_a_share(there, tmp_path, command):
    samples = cases.pictures(40)
    samples[7] = ("s007", samples[7][1][:60], *samples[7][2:])
    cases.tar(tmp_path / "squares.tar", samples)
    line = encode_line(tmp_path, tmp_path / "cache", "--vae", there / "vae", "--json")
    refused = command(*line)
    assert refused.code == 3
    assert "--most-skipped: 1 of 40" in refused.err
    done = command(*line, "--most-skipped", "0.05")
    assert done.code == 0, done.err
    assert [line["key"] for line in done.json["skipped"]] == ["s007"]
    assert done.json["samples"] == 39
    table = command(*line[:-1], "--most-skipped", "0.05").out
    assert "39 samples in 1 shard, 1 skipped" in table
    assert "s007: the picture" in table


def test_without_networks_pixels_and_words_are_kept(there, tmp_path, command):
    line = encode_line(there, tmp_path / "cache", "--text-tokens", "4", "--vocabulary", "9")
    done = command(*line, "--json")
    geometry = {"height": 16, "width": 16, "channels": 3}
    assert done.json["geometry"] == geometry | {"text_tokens": 4, "vocabulary": 9}
    batch = Cache(tmp_path / "cache").read(np.arange(3))
    pixels = np.stack([s[3] for s in cases.pictures(3)])
    np.testing.assert_allclose(batch.images, pixels / 127.5 - 1, atol=1e-6)
    labelled = encode_line(there, tmp_path / "labels", "--label", "--json")
    assert command(*labelled).json["geometry"] == geometry | {"text_tokens": 1, "vocabulary": 7}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--size", "15", "--vae", "vae"), "--size: 15x15 is not a multiple of the VAE's 2; "),
        (("--size", "1x2x3"), "--size: 1x2x3 is no size in pixels; give 256, or 192x320"),
        (("--label", "--text-encoder", "t5"), "--label: an encoder reads words"),
        (("--label", "--text-tokens", "3"), "--text-tokens: a label is one token"),
        (("--text-encoder", "t5", "--text-tokens", "0"), "--text-tokens: 0 leaves nothing"),
        (("--tokenizer", "t5"), "--tokenizer: is of a text encoder; give --text-encoder"),
        (("--text-encoder", "t5", "--tokenizer", "vae"), "--tokenizer: "),
        (("--caption", "dense"), "--caption: "),
        (("--image", "webp"), "--image: "),
        (("--vocabulary", "2"), "Invalid value for '--vocabulary'"),
        (("--label", "--vocabulary", "6"), "--vocabulary: 6 is too small for 6 labels"),
        (("--vae", "nowhere"), "--vae: nowhere: no such folder"),
    ],
)
def test_options_that_cannot_be_are_one_line(there, tmp_path, command, monkeypatch, options, says):
    monkeypatch.chdir(there)
    done = command("encode", "squares.tar", "--out", tmp_path / "cache", *options)
    assert done.code == 2
    assert done.err.startswith(f"ditlaw: {says}")
    assert done.err.count("\n") == 1
    assert not done.out


def test_a_command_that_could_not_begin_is_mended_in_place(there, tmp_path, command):
    assert command(*encode_line(there, tmp_path / "cache", "--caption", "dense")).code == 2
    assert command(*encode_line(there, tmp_path / "cache", "--caption", "txt")).code == 0
    other = command(*encode_line(there, tmp_path / "cache", "--vae", there / "vae"))
    assert other.code == 2
    assert "was begun with another --caption and --vae; undo the change" in other.err


def test_a_library_that_is_missing_is_named(there, tmp_path, command, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "diffusers" else found(n)
    )
    line = encode_line(there, tmp_path / "cache", "--vae", there / "vae")
    done = command(*line)
    assert done.code == 2
    assert "(diffusers is missing); pip install 'ditlaw[encode]'" in done.err
    assert command(*encode_line(there, tmp_path / "cache")).code == 0


def test_numbers_that_are_none_are_an_error_that_names_the_sample(there, copied, tmp_path, command):
    file = copied("vae") / "diffusion_pytorch_model.safetensors"
    tensors = safetensors.torch.load_file(file)
    tensors["quant_conv.bias"] += 1e6
    safetensors.torch.save_file(tensors, file, metadata={"format": "pt"})
    done = command(*encode_line(there, tmp_path / "cache", "--vae", tmp_path / "vae"))
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("ditlaw: --vae: gives s000 numbers that are")
    assert not (tmp_path / "cache" / "manifest.json").exists()


# --- training on it -----------------------------------------------------------------------------


def study_of(path, cache, family="mmdit", **geometry):
    """A study of one run of 3 steps on a cache."""
    content = {
        "name": "encoded",
        "family": family,
        "data": {"source": "encoded", "path": str(cache), "held_out": 0.2, "name": "squares"},
        "geometry": {"height": 8, "width": 8, "channels": 4, "patch": 2} | geometry,
        "shapes": [{"depth": 1, "width": 24, "heads": 2}],
        "recipe": {"batch": 2, "learning_rate": {"value": 1e-3}},
        "evaluation": {"samples": 8, "pictures": 2, "sampler_steps": 2},
    }
    one = study_runs(parse_study(yaml.safe_dump(content | {"budgets": [1e12]}), "s"))[0]
    path.write_text(yaml.safe_dump(content | {"budgets": [3.5 * one.flops(1)]}))
    return path


@pytest.fixture
def cache(there, tmp_path, command):
    """A cache of latents and CLIP's features."""
    assert command(*encode_line(there, tmp_path / "cache", *networks(there))).code == 0
    return tmp_path / "cache"


POOLED = {"text_tokens": 9, "text_dim": 12, "pooled_dim": 12}


def test_a_study_trains_on_latents_and_features(there, tmp_path, command, cache):
    study = study_of(tmp_path / "s.yaml", cache, **POOLED)
    line = ("run", study, "--out", tmp_path / "study", "--workers", "1")
    done = command(*line)
    assert done.code == 0, done.err
    (run,) = (tmp_path / "study" / "runs").iterdir()
    (row,) = RunFolder(run).observations()
    assert row["dataset"] == "squares"
    assert row["loss"] != row["loss_unconditional"]
    assert not (run / "pictures").exists()
    assert command("export", run, "--out", tmp_path / "out").code == 0
    card = json.loads((tmp_path / "out" / "ditlaw.json").read_text())["data"]
    facts = Cache(cache).manifest
    assert card["encoder"]["sha256"] == facts.image.encoder.sha256
    assert card["latents"]["scale"] == 0.5
    assert card["latents"]["shift"] == 0.1
    assert card["text_encoder"]["class_name"] == "CLIPTextModel"
    assert "words" not in card

    shutil.rmtree(cache)
    cases.vae(tmp_path / "other", seed=1)
    line_again = encode_line(there, cache, "--vae", tmp_path / "other")
    assert command(*line_again, "--text-encoder", there / "clip").code == 0
    refused = command(*line)
    assert refused.code == 2
    assert "the samples of squares differ from those of the first run" in refused.err
    gone = command("export", run, "--out", tmp_path / "later")
    assert "data-missing" in gone.out


@pytest.mark.parametrize(
    ("geometry", "says"),
    [
        (
            {"height": 16},
            "geometry.height: is 16, and the samples of squares have 8 (latents, of 2",
        ),
        ({"channels": 3}, "geometry.channels: is 3, and the samples of squares have 4"),
        ({"text_tokens": 8}, "geometry.text_tokens: is 8, and the samples of squares have 9; set"),
        ({"text_dim": 16}, "geometry.text_dim: is 16, and the samples of squares have 12; set"),
        ({"pooled_dim": 4}, "geometry.pooled_dim: is 4, and the samples of squares have 12; set"),
        (
            {"text_dim": 0, "pooled_dim": 0, "vocabulary": 7},
            "geometry.vocabulary: is 7, and the samples of squares have features; set text_dim: 12",
        ),
    ],
)
def test_a_geometry_that_the_cache_has_not(there, tmp_path, command, cache, geometry, says):
    study = study_of(tmp_path / "s.yaml", cache, **POOLED | geometry)
    done = command("run", study, "--out", tmp_path / "study")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith(f"ditlaw: {says}")


@pytest.mark.parametrize(
    ("family", "text", "geometry"),
    [
        ("cross-attention", "t5", {"text_tokens": 6, "text_dim": 12}),
        ("mmdit", "clip", {"text_tokens": 6, "text_dim": 12, "pooled_dim": 0}),
        ("in-context", "t5", {"text_tokens": 6, "text_dim": 12}),
    ],
)
def test_other_families_and_encoders(there, tmp_path, command, family, text, geometry):
    """Text of either encoder; a pooled vector that is there need not be read."""
    line = encode_line(there, tmp_path / "cache", *networks(there, text), "--text-tokens", "6")
    assert command(*line).code == 0
    study = study_of(tmp_path / "s.yaml", tmp_path / "cache", family, **geometry)
    trunk, grid = begun(study, tmp_path)
    assert all(np.isfinite(trunk.train_loss) for _ in trunk.run(2))
    assert grid.pictures(trunk.averaged_model()) is None  # latents are none


def begun(study, root):
    """The one run of a study whose data have been prepared in ``root``, and its grid."""
    parsed = load_study(study)
    prepare_study(parsed, root)
    (spec,) = study_runs(parsed)
    return Trunk(spec, CPU, root), Grid(spec, CPU, root)


def test_pixels_are_drawn_as_pictures(there, tmp_path, command):
    assert command(*encode_line(there, tmp_path / "cache", "--label")).code == 0
    geometry = {"height": 16, "width": 16, "channels": 3, "text_tokens": 1, "vocabulary": 7}
    study = study_of(tmp_path / "s.yaml", tmp_path / "cache", "adaln", **geometry)
    trunk, grid = begun(study, tmp_path)
    drawn = grid.pictures(trunk.averaged_model())
    assert drawn.shape == (2, 16, 16, 3)
    assert drawn.dtype == np.uint8
    held_out = open_held_out(trunk.spec.data, tmp_path)
    said, true = held_out.captions(0, 2), held_out.read(0, 2).images
    there_is = {(caption, pixels.tobytes()) for _, _, caption, pixels in cases.pictures(40)}
    for caption, image in zip(said, np.round((true + 1) * 127.5).astype(np.uint8), strict=True):
        assert (caption, image.tobytes()) in there_is
    np.testing.assert_array_equal(true, grid.points.images[:2].numpy())
    grey = strip(drawn[:, :, :, :1])
    shown = Image.open(io.BytesIO(grey))
    assert (shown.mode, shown.size) == ("L", (32, 16))
    np.testing.assert_array_equal(np.asarray(shown)[:, :16], drawn[0, :, :, 0])
