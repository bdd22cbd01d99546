"""Extractors: every kind through its real path, and what a user is told where one does not fit."""

import json
import sys
import warnings
from importlib.resources import files

import numpy as np
import pytest
import safetensors.torch
import torch
from torch.nn.functional import avg_pool2d

from ditlaw.data import HELD_OUT_SEED
from ditlaw.data.scenes import Scenes
from ditlaw.errors import BadInput
from ditlaw.metrics.distance import frechet, statistics
from ditlaw.metrics.extractors import open_extractor
from ditlaw.metrics.extractors.inception_network import Inception
from ditlaw.metrics.extractors.scenes import WEIGHTS, read_words, scene_reader
from ditlaw.metrics.extractors.train_scenes import train, weights_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def held_out():
    batch = Scenes(HELD_OUT_SEED).read(0, 512)
    return torch.from_numpy(batch.images), torch.from_numpy(batch.words)


@pytest.fixture(scope="module")
def inception(tmp_path_factory):
    """Random weights of the FID network in a file, as the published ones lie in theirs."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(Inception().state_dict(), file)
    return file


# --- scenes


def test_scenes_are_read_and_the_weights_are_small(held_out):
    images, words = held_out
    reader, sha256 = scene_reader(CPU)
    right = (read_words(reader, images) == words).double().mean()
    assert right > 0.93
    assert files("ditlaw.metrics.extractors").joinpath(WEIGHTS).stat().st_size < 300_000
    assert open_extractor("scenes").sha256 == sha256


def test_scenes_tell_what_is_wrong_with_pictures(held_out):
    """Damage of each kind is seen far above what two true samples differ by; more of it, more."""
    extractor, (images, _) = open_extractor("scenes"), held_out
    true = statistics([extractor(images).numpy()])

    def apart(pictures):
        return frechet(true, statistics([extractor(pictures).numpy()]))

    chance = apart(torch.from_numpy(Scenes(5).read(0, 512).images))
    blurred = avg_pool2d(images, 3, 1, 1, count_include_pad=False)
    cells = images.reshape(-1, 3, 4, 4, 4, 4).permute(0, 2, 4, 1, 3, 5).flatten(1, 2)
    mixed = cells[:, torch.randperm(16, generator=torch.Generator().manual_seed(0))]
    mixed = mixed.unflatten(1, (4, 4)).permute(0, 3, 1, 4, 2, 5).reshape(images.shape)
    noise = 0.3 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    for damaged in (blurred, mixed, images + noise, images[:, [1, 0, 2]]):
        assert apart(damaged) > 4 * chance
    softened = [apart(images + share * (blurred - images)) for share in (0.25, 0.5, 1)]
    assert softened == sorted(softened)


def test_scenes_train_to_the_same_weights():
    assert weights_of(train(2, 64)) == weights_of(train(2, 64))


def test_features_are_plain_deterministic_and_of_files(held_out):
    images, _ = held_out
    extractor = open_extractor("scenes")
    features = extractor(images)
    assert features.shape == (512, 64)
    assert not features.requires_grad
    assert torch.equal(features, extractor(images))
    torch.testing.assert_close(extractor.of(images.split(100)), features, atol=1e-5, rtol=1e-5)
    in_a_file = ((images.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    assert torch.equal(extractor(in_a_file), features)
    assert torch.equal(
        extractor(torch.full((2, 3, 16, 16), 9.0)), extractor(torch.ones(2, 3, 16, 16))
    )
    assert extractor(torch.zeros(2, 1, 24, 20)).shape == (2, 64)
    assert extractor.metric == "frechet"


# --- inception


def test_inception_is_the_network_of_2015(inception):
    assert sum(p.numel() for p in Inception().parameters()) == 23_850_960
    extractor = open_extractor(f"inception:{inception}")
    assert (extractor.label, extractor.metric) == ("inception", "fid")
    pictures = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert extractor(pictures).shape == (2, 2048)
    assert len(extractor.sha256) == 64


def test_inception_weights_are_one_whatever_the_file(inception, tmp_path):
    weights = torch.load(inception, weights_only=True)
    kept = {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}
    safetensors.torch.save_file(kept, tmp_path / "weights.safetensors")
    first = open_extractor(f"inception:{inception}")
    second = open_extractor(f"inception:{tmp_path / 'weights.safetensors'}")
    assert first.sha256 == second.sha256
    kept["fc.bias"] = kept["fc.bias"] + 1
    torch.save(kept, tmp_path / "other.pth")
    assert open_extractor(f"inception:{tmp_path / 'other.pth'}").sha256 != first.sha256


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.update({"fc.weight": torch.zeros(1000, 2048)}), "1000 classes.*1008"),
        (lambda w: w.pop("Mixed_7c.branch_pool.bn.bias"), "no 'Mixed_7c.branch_pool.bn.bias'"),
        (lambda w: w.update({"extra": torch.zeros(1)}), "'extra', which FID's network has not"),
        (lambda w: w.update({"fc.bias": torch.zeros(9)}), r"'fc.bias' of shape \(9,\), not \(1008"),
    ],
)
def test_inception_refuses_other_weights(inception, tmp_path, change, said):
    weights = torch.load(inception, weights_only=True)
    change(weights)
    torch.save(weights, tmp_path / "other.pth")
    with pytest.raises(BadInput, match=said):
        open_extractor(f"inception:{tmp_path / 'other.pth'}")


class Malicious:
    def __reduce__(self):
        return (sys.exit, (1,))


def test_inception_runs_no_code(tmp_path):
    for name, content in (("code.pth", Malicious()), ("list.pth", [torch.zeros(1)])):
        torch.save(content, tmp_path / name)
        with pytest.raises(BadInput, match=r"weights|state dict"):
            open_extractor(f"inception:{tmp_path / name}")
    cut, text = b"PK\x03\x04nothing", b"a red thing\nzzz\n"  # text is pickle's opcodes to torch
    for name, content in (("cut.pth", cut), ("text.pth", text), ("cut.safetensors", cut)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=r"weights|damaged"):
            open_extractor(f"inception:{tmp_path / name}")


def test_average_pools_leave_padding_out_and_the_last_block_takes_a_maximum():
    """Of ones, a mean that counted padding would be below one at the border."""
    network, seen = Inception().eval(), {}
    for block in ("Mixed_5b", "Mixed_7b", "Mixed_7c"):
        unit = network.get_submodule(block).get_submodule("branch_pool")
        unit.register_forward_hook(lambda _, given, __, b=block: seen.update({b: given[0]}))
    with torch.no_grad():
        network.Mixed_5b(torch.ones(1, 192, 5, 5))
        network.Mixed_7b(torch.ones(1, 1280, 5, 5))
        peak = torch.zeros(1, 2048, 5, 5)
        peak[..., 2, 2] = 1
        network.Mixed_7c(peak)
    assert torch.equal(seen["Mixed_5b"], torch.ones(1, 192, 5, 5))
    assert torch.equal(seen["Mixed_7b"], torch.ones(1, 1280, 5, 5))
    assert seen["Mixed_7c"].sum() == 9 * 2048


# --- transformers


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    transformers = pytest.importorskip("transformers")
    vision = dict(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
        projection_dim=12,
    )
    text = dict(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        vocab_size=30,
        max_position_embeddings=8,
        projection_dim=12,
        eos_token_id=2,
    )
    torch.manual_seed(0)
    model = transformers.CLIPModel(
        transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    )
    folder = tmp_path_factory.mktemp("clip")
    model.save_pretrained(folder)
    return folder, model.eval()


def test_clip_gives_the_models_image_embeddings(clip):
    folder, model = clip
    extractor = open_extractor(f"clip:{folder}")
    assert (extractor.label, extractor.metric) == ("clip", "frechet")
    assert extractor.reads.startswith("32×32, bicubic, normalised by 0.481455 0.457828 0.408211; ")
    pictures = (torch.randint(0, 256, (3, 3, 32, 32)) / 127.5) - 1
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    with torch.no_grad():
        vision = model.vision_model(pixel_values=((pictures + 1) / 2 - mean) / std)
        expected = model.visual_projection(vision.pooler_output)
    torch.testing.assert_close(extractor(pictures), expected, atol=1e-5, rtol=1e-5)
    assert extractor(torch.zeros(2, 3, 16, 20)).shape == (2, 12)


def test_a_folders_own_preprocessor_is_heeded(clip, tmp_path):
    folder, model = clip
    model.save_pretrained(tmp_path)
    told = {
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    pictures = torch.zeros(1, 3, 32, 32)
    own, default = open_extractor(f"clip:{tmp_path}"), open_extractor(f"clip:{folder}")
    assert own.sha256 == default.sha256
    assert own.reads == "32×32, bicubic, normalised by 0.5 0.5 0.5; 0.5 0.5 0.5"
    assert not torch.allclose(own(pictures), default(pictures))


def test_dinov2_gives_the_class_token(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = transformers.Dinov2Model(
        transformers.Dinov2Config(
            hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14
        )
    ).eval()
    model.save_pretrained(tmp_path)
    extractor = open_extractor(f"dinov2:{tmp_path}")
    pictures = torch.randint(0, 256, (2, 3, 28, 28)) / 127.5 - 1
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        whole = model(((pictures + 1) / 2 - mean) / std).last_hidden_state
    torch.testing.assert_close(extractor(pictures), whole[:, 0], atol=1e-5, rtol=1e-5)
    with pytest.raises(BadInput, match="holds a dinov2, not clip"):
        open_extractor(f"clip:{tmp_path}")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(BadInput, match=r"model\.safetensors"):
        open_extractor(f"dinov2:{tmp_path}")


# --- a user's own


class Means(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of making the file; reading it is quiet
def test_torchscript(tmp_path):
    file = tmp_path / "means.pt"
    torch.jit.save(torch.jit.script(Means()), file)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor = open_extractor(f"torchscript:{file}")
    assert torch.equal(extractor(torch.ones(2, 3, 8, 8)), torch.ones(2, 3))
    assert extractor.label == "torchscript"
    (tmp_path / "no.pt").write_bytes(b"no")
    with pytest.raises(BadInput, match="is no TorchScript"):
        open_extractor(f"torchscript:{tmp_path / 'no.pt'}")


OWN = """
import torch
def build():
    return lambda images: images.mean(dim=(2, 3))
def random():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 5))
def flat():
    return lambda images: images.mean()
def broken():
    raise ValueError("no such luck")
def fails():
    return lambda images: images @ torch.ones(5, 7)
def number():
    return 3
"""


def test_a_users_own_extractor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_features_a.py").write_text(OWN)
    (tmp_path / "own_features_b.py").write_text(OWN + "# changed\n")
    extractor = open_extractor("own_features_a:build")
    assert extractor.label == "own_features_a:build"
    assert torch.equal(extractor(torch.ones(2, 3, 8, 8)), torch.ones(2, 3))
    assert extractor.sha256 != open_extractor("own_features_b:build").sha256
    pictures = torch.zeros(2, 3, 8, 8)
    first = open_extractor("own_features_a:random")
    torch.rand(3)
    second = open_extractor("own_features_a:random")
    assert first.sha256 == second.sha256 != extractor.sha256
    assert torch.equal(first(pictures), second(pictures))
    for name, said in (("broken", "no such luck"), ("number", "makes a int"), ("none", "none")):
        with pytest.raises(BadInput, match=f"extractor: .*{said}"):
            open_extractor(f"own_features_a:{name}")
    for name, said in (("flat", r"gives the shape \(\)"), ("fails", "fails on pictures")):
        with pytest.raises(BadInput, match=said):
            open_extractor(f"own_features_a:{name}")(pictures)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet", "scenes, inception:FILE"),
        ("clip", "clip:DIR"),
        ("inception:", "inception:FILE"),
        ("inception:/no/such.pth", "no such file"),
        ("torchscript:/", "is a folder"),
        ("clip:/no/such", "config.json"),
        ("no_such_module_here:build", "no module 'no_such_module_here'"),
        ("a path:build", "my_features:build"),
    ],
)
def test_unknown_extractors_are_one_line_with_the_mend(name, said):
    with pytest.raises(BadInput, match=said) as caught:
        open_extractor(name)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("extractor: ")


def test_latents_and_what_is_no_picture_are_refused():
    extractor = open_extractor("scenes")
    for shape in ((2, 4, 8, 8), (3, 16, 16)):
        with pytest.raises(BadInput, match="latents must be decoded"):
            extractor(torch.zeros(shape))
    assert np.isfinite(extractor(torch.zeros(1, 3, 16, 16)).numpy()).all()
