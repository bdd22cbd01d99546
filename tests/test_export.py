"""``ditlaw export``: what it writes is loaded by diffusers' own classes and computes the same."""

import hashlib
import json
import subprocess
import sys

import diffusers
import pytest
import safetensors.torch
import theirs
import torch
from conftest import checkpoints_of, ditlaw, tiny_text

from ditlaw.cli import run as run_command
from ditlaw.errors import BadInput
from ditlaw.export import export_run
from ditlaw.families import Geometry, Shape, get_family
from ditlaw.files import write_folder
from ditlaw.flow import sample
from ditlaw.models import Condition, build
from ditlaw.models.tokens import patchify, unpatchify
from ditlaw.results import ExportResult
from ditlaw.study import parse_study, study_runs
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk, build_run

CPU = torch.device("cpu")
SHAPES = {
    "in-context": {"depth": 1, "width": 24, "heads": 2},
    "cross-attention": {"depth": 2, "width": 24, "heads": 3},
    "adaln": {"depth": 1, "width": 24, "heads": 2},
    "mmdit": {"depth": 2, "width": 24, "heads": 3},
    "flux": {"depth": 1, "width": 32, "heads": 2, "single_depth": 2},
    "masked": {"depth": 2, "width": 24, "heads": 2},
}
EXCHANGED = {
    "cross-attention": "PixArtTransformer2DModel",
    "mmdit": "SD3Transformer2DModel",
    "flux": "FluxTransformer2DModel",
}
FEATURES = {
    "square": Geometry(8, 8, 4, 2, 5, text_dim=20, pooled_dim=12),
    "mean": Geometry(8, 8, 4, 2, 5, text_dim=20),
    "label": Geometry(8, 8, 4, 2, 1, vocabulary=7),
    "wide": Geometry(4, 8, 4, 2, 5, text_dim=20),
    "video": Geometry(8, 8, 4, 2, 5, text_dim=20, frames=2),
}


def run_of(name, geometry=None, steps=3):
    """A run of a family, three steps long."""
    study = parse_study(tiny_text(family=name, shapes=[SHAPES[name]]), "s")
    (spec,) = study_runs(study)
    budget = (steps + 0.5) * spec.flops(1)
    stops = [stop.model_copy(update={"budget": budget, "step": steps}) for stop in spec.stops[:1]]
    section = spec.geometry.model_copy(update=vars(geometry)) if geometry else spec.geometry
    evaluation = spec.evaluation.model_copy(update={"samples": 4, "pictures": 0})
    return spec.model_copy(
        update={"stops": stops, "geometry": section, "evaluation": evaluation, "id": f"{name}-run"}
    )


def folder_of(path, spec):
    made = RunFolder(path / "runs" / spec.id)
    made.create(spec)
    return made


def drawn(path, name, geometry):
    """A run folder whose checkpoint holds random averages: for samples that scenes do not have."""
    spec = run_of(name, geometry)
    folder = folder_of(path, spec)
    generator = torch.Generator().manual_seed(3)
    weights = {
        f"ema.{key}": 0.2 * torch.randn(value.shape, generator=generator)
        for key, value in build_run(spec).named_parameters()
    }
    checkpoints_of(folder).save(3, weights | {"step": torch.tensor(3)})
    return folder, spec


def averaged(folder, spec):
    """Our model with the averages of the newest checkpoint."""
    tensors = checkpoints_of(folder).load()
    model = build_run(spec).eval().requires_grad_(False)
    for name, value in model.named_parameters():
        value.copy_(tensors[f"ema.{name}"])
    return model


def batch(geometry, n=4):
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(n, geometry.channels, geometry.height, geometry.width, generator=generator)
    t, pooled = torch.rand(n, generator=generator), None
    if geometry.vocabulary:
        size = (n, geometry.text_tokens)
        text = torch.randint(geometry.vocabulary, size, generator=generator)
    else:
        text = torch.randn(n, geometry.text_tokens, geometry.text_dim, generator=generator)
    if geometry.pooled_dim:
        pooled = torch.randn(n, geometry.pooled_dim, generator=generator)
    return x, t, Condition(text, pooled)


def same_as_ours(out, folder, spec, class_name):
    """The largest entry of our velocity, after checking that the class's is the same."""
    geometry = spec.geometry.geometry()
    model, there = averaged(folder, spec), theirs.loaded(out, class_name)
    words = out / "words.safetensors"
    tables = safetensors.torch.load_file(words) if words.exists() else None
    x, t, condition = batch(geometry)
    with torch.no_grad():
        ours = model(x, t, condition)
        given = theirs.arguments(geometry, there, condition, tables)
        made = theirs.velocity(there, geometry, x, t, **given)
    torch.testing.assert_close(made, ours, atol=1e-5, rtol=0)
    return float(ours.abs().max())


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", EXCHANGED)
def test_a_trained_run_is_what_its_class_loads(name, tmp_path):
    spec = run_of(name)
    folder = folder_of(tmp_path, spec)
    assert train(folder, CPU) == "done"
    out = tmp_path / "exports" / name
    done = ditlaw("export", folder.path, "--to", "diffusers", "--out", out, "--json")
    assert done.code == 0, done.err
    assert not done.err
    answer = ExportResult.model_validate(done.json)
    assert (answer.path, answer.class_name, answer.step) == (str(out), EXCHANGED[name], 3)
    assert [note.code for note in answer.notes] == ["words-beside"]
    assert same_as_ours(out, folder, spec, EXCHANGED[name]) > 1e-3  # three steps from zero

    card = json.loads((out / "ditlaw.json").read_text())
    assert (card["run"], card["family"], card["step"], card["params"]) == (
        spec.id,
        name,
        3,
        spec.counts().params,
    )
    assert len(card["data"]["words"]) == spec.geometry.vocabulary
    assert card["data"]["words"][1] == "teal"
    assert {p.name for p in out.iterdir()} == {*card["sha256"], "config.json", "ditlaw.json"}
    for file, digest in card["sha256"].items():
        assert hashlib.sha256((out / file).read_bytes()).hexdigest() == digest
    shown = ditlaw("export", folder.path, "--out", tmp_path / "again").out
    assert f"diffusers.{EXCHANGED[name]} loads it" in shown
    assert "words-beside: " in shown


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("SD3Transformer2DModel", SHAPES["mmdit"]),
        ("FluxTransformer2DModel", SHAPES["flux"]),
        ("PixArtTransformer2DModel", SHAPES["cross-attention"]),
    ],
)
def test_a_study_of_a_class_of_diffusers_is_written_as_that_class(name, shape, tmp_path):
    study = parse_study(tiny_text(family=f"diffusers:{name}", shapes=[shape]), "s")
    spec = study_runs(study)[0]
    folder, trunk = folder_of(tmp_path, spec), Trunk(spec, CPU)
    for _ in trunk.run(2):
        pass
    checkpoints_of(folder).save(2, trunk.state())
    answer = export_run(folder.path, "diffusers", tmp_path / "out")
    assert answer.class_name == name
    assert [note.code for note in answer.notes] == ["unfinished-run", "words-beside"]

    loaded = getattr(diffusers, name).from_pretrained(tmp_path / "out").eval()
    ours = trunk.averaged_model()
    words = safetensors.torch.load_file(tmp_path / "out" / "words.safetensors")
    said = torch.randint(17, (2, 16), generator=torch.Generator().manual_seed(0))
    x, t = torch.randn(2, 3, 16, 16), torch.tensor([0.3, 0.8])
    asked = {
        "hidden_states": x,
        "timestep": 1000 * t,
        "encoder_hidden_states": words["model.words.table.weight"][said]
        + words["model.words.positions"],
    }
    if name.startswith("Flux"):
        places = torch.cartesian_prod(torch.arange(1), torch.arange(8), torch.arange(8)).float()
        asked |= {"hidden_states": patchify(x, 2), "timestep": t, "img_ids": places}
        asked["txt_ids"] = torch.zeros(16, 3)
    if not name.startswith("PixArt"):
        slots = 17 * torch.arange(16) + said
        asked["pooled_projections"] = words["model.pooled.table.weight"][slots].sum(1)
    with torch.no_grad():
        made = loaded(**asked, return_dict=False)[0]
        wanted = ours(x, t, Condition(said))
    made = unpatchify(made, spec.geometry.geometry()) if name.startswith("Flux") else made
    torch.testing.assert_close(made, wanted, atol=1e-5, rtol=1e-5)
    card = json.loads((tmp_path / "out" / "ditlaw.json").read_text())
    assert "model.words.table.weight[words]" in card["call"]["encoder_hidden_states"]


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in EXCHANGED])
def test_a_run_without_a_class_is_written_by_our_own_names(name, tmp_path):
    spec = run_of(name)
    folder = folder_of(tmp_path, spec)
    assert train(folder, CPU) == "done"
    out = tmp_path / "out"
    done = ditlaw("export", folder.path, "--to", "diffusers", "--out", out)
    assert done.code == 0, done.err
    assert "no-diffusers-class: " in done.out
    assert {p.name for p in out.iterdir()} == {"config.json", "model.safetensors"}

    card = json.loads((out / "config.json").read_text())
    family = get_family(card["family"], card["options"])
    loaded = build(family, Shape(**card["shape"]), Geometry(**card["geometry"])).eval()
    loaded.load_state_dict(safetensors.torch.load_file(out / "model.safetensors"))
    x, t, condition = batch(spec.geometry.geometry())
    with torch.no_grad():
        made = loaded(x, t, condition)
        assert torch.equal(made, averaged(folder, spec)(x, t, condition))
        assert made.any()


@pytest.mark.parametrize(
    ("name", "geometry", "class_name", "codes"),
    [
        ("cross-attention", "square", "PixArtTransformer2DModel", []),
        ("mmdit", "square", "SD3Transformer2DModel", []),
        ("mmdit", "wide", "SD3Transformer2DModel", ["pooled-mean"]),
        ("flux", "mean", "FluxTransformer2DModel", ["pooled-mean"]),
        ("flux", "wide", "FluxTransformer2DModel", ["pooled-mean"]),
        ("adaln", "label", "DiTTransformer2DModel", []),
        ("cross-attention", "wide", None, ["no-diffusers-class"]),
        ("mmdit", "video", None, ["no-diffusers-class"]),
    ],
)
def test_samples_of_every_kind(name, geometry, class_name, codes, tmp_path):
    folder, spec = drawn(tmp_path, name, FEATURES[geometry])
    answer = export_run(folder.path, "diffusers", tmp_path / "out")
    assert (answer.class_name, [note.code for note in answer.notes]) == (class_name, codes)
    assert not (tmp_path / "out" / "words.safetensors").exists()
    if class_name:
        assert same_as_ours(tmp_path / "out", folder, spec, class_name) > 0.1
    else:
        assert (tmp_path / "out" / "model.safetensors").exists()


def test_the_flow_scheduler_of_diffusers_draws_what_our_sampler_draws(tmp_path):
    """The velocity has the sign and the time of their flow matching."""
    folder, spec = drawn(tmp_path, "mmdit", FEATURES["square"])
    export_run(folder.path, "diffusers", tmp_path / "out")
    geometry, steps = spec.geometry.geometry(), 5
    there = theirs.loaded(tmp_path / "out", "SD3Transformer2DModel")
    noise, _, condition = batch(geometry)
    scheduler = theirs.diffusers.FlowMatchEulerDiscreteScheduler()
    scheduler.set_timesteps(sigmas=[1 - i / steps for i in range(steps)])
    x, given = noise, theirs.arguments(geometry, there, condition)
    with torch.no_grad():
        for timestep in scheduler.timesteps:
            t = timestep.expand(len(x)) / 1000
            x = scheduler.step(theirs.velocity(there, geometry, x, t, **given), timestep, x)[0]
        ours = sample(averaged(folder, spec), noise, condition, steps=steps, guidance=1.0)
    torch.testing.assert_close(x, ours, atol=1e-4, rtol=0)


def test_an_unfinished_run_says_how_far_it_is(tmp_path):
    spec = run_of("mmdit", steps=5)
    folder = folder_of(tmp_path, spec)
    trunk = Trunk(spec, CPU)
    for _ in trunk.run(2):
        pass
    checkpoints_of(folder).save(trunk.step, trunk.state())
    answer = export_run(folder.path, "diffusers", tmp_path / "out")
    assert answer.step == 2
    assert answer.notes[0].text == "the weights are of step 2 of the run's 5"
    assert same_as_ours(tmp_path / "out", folder, spec, "SD3Transformer2DModel") > 0


# --- what is refused --------------------------------------------------------------------------


@pytest.fixture
def refused(capsys):
    """The command, in this process: its one line."""

    def one_line(*arguments):
        assert run_command(["export", *map(str, arguments)]) == 2
        said = capsys.readouterr()
        assert not said.out
        assert len(said.err.splitlines()) == 1
        return said.err

    return one_line


def test_each_mistake_is_one_line(tmp_path, refused):
    folder, _ = drawn(tmp_path, "mmdit", FEATURES["square"])
    run, out = folder.path, tmp_path / "out"
    assert "'onnx' is unknown; known: diffusers" in refused(run, "--to", "onnx", "--out", out)
    assert "--out" in refused(run)
    assert "not a run folder (no spec.json); use STUDY/runs/ID" in refused(
        tmp_path / "missing", "--out", out
    )
    assert f"it is a study; use {run}" in refused(tmp_path, "--out", out)
    assert not out.exists()

    out.mkdir()
    (out / "mine.txt").write_text("precious")
    assert f"{out}: exists already and is left alone" in refused(run, "--out", out)
    assert [p.name for p in out.iterdir()] == ["mine.txt"]
    assert "exists already" in refused(run, "--out", out / "mine.txt")
    assert "cannot be written" in refused(run, "--out", out / "mine.txt" / "deeper")

    for file in folder.checkpoints.iterdir():
        file.unlink()
    assert f"{run}: no checkpoint to export" in refused(run, "--out", tmp_path / "new")
    (run / "spec.json").write_text("{")
    assert "spec.json: missing or damaged" in refused(run, "--out", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_newest_checkpoint_gives_the_one_before(tmp_path):
    folder, spec = drawn(tmp_path, "mmdit", FEATURES["square"])
    state = checkpoints_of(folder).load()
    checkpoints_of(folder).save(9, state | {"step": torch.tensor(9)})
    newest = folder.checkpoints / "step-0000000009.safetensors"
    newest.write_bytes(newest.read_bytes()[:-7])
    assert export_run(folder.path, "diffusers", tmp_path / "out").step == 3
    assert same_as_ours(tmp_path / "out", folder, spec, "SD3Transformer2DModel") > 0.1


def test_an_empty_folder_is_taken_and_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", {"a": b"1"})
    assert (tmp_path / "empty" / "a").read_bytes() == b"1"
    with pytest.raises(BadInput, match="cannot be written"):
        write_folder(tmp_path / "new", {"a": b"1", "missing/" + "b" * 300: b"2"})
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


def test_export_needs_no_diffusers(tmp_path):
    """The package itself never imports it."""
    folder, _ = drawn(tmp_path, "flux", FEATURES["square"])
    program = (
        "import sys; from ditlaw.cli import run\n"
        f"assert run(['export', {str(folder.path)!r}, '--out', {str(tmp_path / 'out')!r}]) == 0\n"
        "assert 'diffusers' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
