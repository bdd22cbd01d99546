"""muP: what each parameter trains at, exactly standard at the base width, as large moves at all."""

import json
from importlib import resources
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
import yaml
from conftest import ditlaw, tiny_text
from family_cases import FEATURES, WORDS, each_family

from ditlaw import coordinates
from ditlaw.coordinates import TOLERANCE, check_run, check_study
from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.families import Geometry, get_family
from ditlaw.laws.kappa import shapes_along
from ditlaw.models import build
from ditlaw.models.parametrization import rate_scales
from ditlaw.results import CoordinatesResult
from ditlaw.study import RunSpec, freeze_study, frozen_content, open_study, parse_study, study_runs
from ditlaw.study.parametrization import Parametrization
from ditlaw.training import optimiser as optimiser_module
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.coordinates import MadeUp, parts_of
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
MUP = {"kind": "mup", "base_width": 16, "base_heads": 2}
SMALL = {"height": 16, "width": 16, "channels": 3, "patch": 4, "text_tokens": 16, "vocabulary": 17}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def recipe(parametrization=None, **more):
    rule = {} if parametrization is None else {"parametrization": parametrization}
    return {"batch": 4, "learning_rate": {"value": 1e-3}} | rule | more


def study(parametrization=MUP, shapes=({"depth": 2, "width": 32},), **changes):
    more = {"geometry": SMALL, "budgets": [1e12], "recipe": recipe(parametrization)}
    return parse_study(tiny_text(**(more | {"shapes": list(shapes)} | changes)), "s.yaml")


def run_of(family=None, parametrization=MUP, width=32, heads=None, depth=2, **changes):
    size = {"depth": depth, "width": width} | ({"heads": heads} if heads else {})
    if family and family.name == "flux":
        size["single_depth"] = 1
    if family:
        changes |= {"family": family.name, "options": _options(family)}
    return study_runs(study(parametrization, [size], **changes))[0]


def _options(family):
    return {} if family == get_family(family.name) else family.options()


def after(run, steps):
    trunk = Trunk(run, CPU)
    for _ in trunk.run(steps):
        pass
    return trunk


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


# --- the study file --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"kind": "mup"}, "recipe.parametrization.base_width: is missing"),
        ("mup", "recipe.parametrization.base_width: is missing"),
        ({"kind": "mup", "base_width": 16}, "recipe.parametrization.base_heads: is missing"),
        ({"base_width": 16}, "base_width: is of mup alone; set kind: mup"),
        (
            {"kind": "mup", "base_width": 16, "base_heads": 3},
            "does not divide the base width 16; use 2",
        ),
        (
            {"kind": "mup", "base_width": 18, "base_heads": 2},
            "parametrization.base_width: 18 is not",
        ),
        ({"kind": "mupp"}, "recipe.parametrization.kind: 'mupp' is unknown; did you mean 'mup'?"),
        ({"knid": "mup"}, "recipe.parametrization.knid: unknown field; did you mean 'kind'?"),
    ],
)
def test_a_wrong_parametrization_is_one_line(rule, said):
    with pytest.raises(BadInput) as error:
        study(rule)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"depth": 1, "width": 32, "heads": 2}, "shapes.1.heads: 2 at width 32 .* size 8 .* use 4"),
        ({"depth": 1, "width": 36}, "shapes.1.width: 36 is not a multiple of the head size 8"),
        ({"depth": 1, "width": 4}, "shapes.1.width: 4 .* use 8"),
    ],
)
def test_all_heads_have_the_base_size(shape, said):
    with pytest.raises(BadInput, match=said):
        study(shapes=[{"depth": 1, "width": 16}, shape])


def test_heads_that_are_left_out_follow():
    shapes = [{"depth": 1, "width": 24}, {"depth": 1, "width": 32, "heads": 4}, {"depth": 1}]
    made = study(shapes=shapes)
    assert [made.shape(entry).heads for entry in made.shapes] == [3, 4, 8]
    flux = get_family("flux")
    rule = Parametrization(kind="mup", base_width=64, base_heads=4)
    assert rule.shape(flux, 2, 128).heads == 8
    assert rule.base(flux, 2, 4) == flux.shape(2, 64, 4)


def test_a_law_goes_on_along_heads_of_that_size():
    path = shapes_along(study(shapes=[{"depth": 2, "width": w} for w in (16, 32)]))
    assert len(path) > 100
    assert {shape.width / shape.heads for shape in path} == {8}
    assert {shape.depth for shape in path} == {2}


def test_a_rate_is_not_scaled_twice():
    twice = recipe(MUP, learning_rate={"value": 1e-3, "exponent": 0.5})
    with pytest.raises(
        BadInput, match=r"learning_rate\.exponent: 0\.5 scales rates that mup scales"
    ):
        study(recipe=twice)


def test_studies_and_runs_from_before_are_still_what_they_were(tmp_path):
    """What was frozen and written before there was the field."""
    old = frozen_content(study(None))
    assert old["recipe"].pop("parametrization")["kind"] == "standard"
    record = {"digest": digest(old), "study": old}
    (tmp_path / "study.json").write_text(json.dumps(record))
    text = tiny_text(
        geometry=SMALL,
        budgets=[1e12],
        recipe=recipe("standard"),
        shapes=[{"depth": 2, "width": 32}],
    )
    freeze_study(tmp_path, parse_study(text, "s"), text)
    assert open_study(tmp_path).recipe.parametrization == Parametrization()
    assert json.loads((tmp_path / "study.json").read_text()) == record
    with pytest.raises(BadInput, match=r"recipe\.parametrization\.kind"):
        freeze_study(tmp_path, study(), text)
    spec = run_of(parametrization=None, heads=4)
    written = spec.model_dump(mode="json")
    del written["recipe"]["parametrization"]
    assert RunSpec.model_validate(written) == spec


def test_a_parametrization_has_a_name():
    assert str(Parametrization()) == "standard"
    assert str(Parametrization(**MUP)) == "mup:16"


# --- what each parameter gets ----------------------------------------------------------------


def scales_of(family, geometry=WORDS, width=64, base=16):
    def shape(w):
        return family.shape(2, w, w // 8, 1 if family.name == "flux" else None)

    return rate_scales(family, shape(width), shape(base), geometry)


def test_matrices_whose_fan_in_grows_train_at_a_share():
    found = scales_of(get_family("in-context"))
    grows = {name for name, scale in found.items() if scale == 1 / 4}
    assert grows == {
        *(f"time.{i}.weight" for i in (0, 2)),  # its code of t is as wide as the model
        *(
            f"blocks.{i}.{part}.weight"
            for i in range(2)
            for part in ("qkv", "out", "mlp.0", "mlp.2")
        ),
        "head.weight",
    }
    assert {scale for name, scale in found.items() if name not in grows} == {1.0}


@pytest.mark.parametrize("geometry", [WORDS, FEATURES], ids=["words", "features"])
@each_family()
def test_what_reads_a_fixed_number_of_values_trains_at_the_whole_rate(family, geometry):
    found = scales_of(family, geometry)
    assert set(found.values()) == {1.0, 1 / 4}
    small, model = (
        dict(
            build(
                family, family.shape(2, w, w // 8, 1 if family.name == "flux" else None), geometry
            ).named_parameters()
        )
        for w in (16, 64)
    )
    for name, scale in found.items():
        matrix = model[name].ndim == 2 and name.endswith("weight") and "table" not in name
        fan_in_grows = matrix and model[name].shape[1] != small[name].shape[1]
        embeds = isinstance(name, str) and name == "text.weight"  # in-context's table of words
        assert (scale == 1 / 4) == (fan_in_grows and not (embeds and geometry is WORDS)), name


OTHERS = """
class Others(nn.Module):
    def __init__(self, depth, width, heads, geometry):
        super().__init__()
        self.reads = nn.Conv2d(geometry.channels, width, 1)
        self.mixes = nn.Conv2d(width, width, 3, padding=1, groups=heads)
        self.back = nn.ConvTranspose2d(width, geometry.channels, 1)
        self.attends = nn.MultiheadAttention(width, heads, batch_first=True)
        self.square = nn.Parameter(torch.randn(width, width) / width)
        self.table = nn.Parameter(torch.zeros(6, width))
        self.bag = nn.EmbeddingBag(geometry.vocabulary, width)

    def forward(self, x, t, condition):
        return x * self.table.sum()

class Odd(nn.Module):
    def __init__(self, depth, width, heads, geometry):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(width))

    def forward(self, x, t, condition):
        for layer in self.layers:
            x = layer(x.transpose(1, 3)).transpose(1, 3)
        return x
"""


def test_a_users_own_module_is_told_by_its_layers(written):
    family = written(more=OTHERS, attribute="Others")
    found = scales_of(family, Geometry(8, 8, 3, 2, 4, vocabulary=17))
    assert {name.removeprefix("model."): s for name, s in found.items() if s != 1} == {
        "back.weight": 1 / 4,
        "attends.in_proj_weight": 1 / 4,
        "attends.out_proj.weight": 1 / 4,
        "square": 1 / 4,
    }  # a group of `mixes` has as many inputs at every width: a head's


def test_a_module_that_differs_in_more_than_sizes_is_refused_when_it_is_planned(written):
    family = written(more=OTHERS, attribute="Odd")
    with pytest.raises(BadInput, match=r"other parameters at the base width \(layers.16.bias\)"):
        study_runs(study(family=family.path))


def test_decay_is_as_fast_for_all_and_what_is_added_to_gradients_shrinks():
    run = run_of(width=64, recipe=recipe(MUP, weight_decay=0.1, warmup_steps=0))
    trunk = after(run, 1)
    groups = trunk.optimiser.param_groups
    assert sorted(group["scale"] for group in groups) == [1 / 4, 1.0]
    for group in groups:
        assert group["fused"]
        assert group["lr"] == 1e-3 * group["scale"]
        assert group["lr"] * group["weight_decay"] == pytest.approx(1e-4)
        assert group["eps"] == 1e-8 / 4
    assert trunk.learning_rate(1) == run.learning_rate == 1e-3
    plain = Trunk(run_of(parametrization=None, width=64, heads=8), CPU).optimiser.param_groups
    assert [(group["eps"], group["scale"], group["weight_decay"]) for group in plain] == [
        (1e-8, 1, 0)
    ]


def test_what_a_family_draws_by_its_width_is_drawn_by_the_base():
    family = get_family("cross-attention")
    model, base = (
        dict(build(family, family.shape(2, w, w // 8), WORDS, 0, base_width=32).named_parameters())
        for w in (512, 32)
    )

    def spread(weight):
        return float(weight.detach().std())

    assert spread(model["table"]) == pytest.approx(32**-0.5, rel=0.1)
    assert spread(model["blocks.0.table"]) == pytest.approx(32**-0.5, rel=0.1)
    assert spread(model["modulation.weight"]) == pytest.approx(0.02 / 4, rel=0.02)
    assert spread(base["modulation.weight"]) == pytest.approx(0.02, rel=0.05)


@each_family()
def test_first_weights_spread_as_mup_asks(family):
    """Matrices of growing fan-in: variance ∝ 1/fan-in, or zero; all else: alike at every width."""

    def drawn(width):
        shape = family.shape(2, width, width // 8, 1 if family.name == "flux" else None)
        return dict(build(family, shape, WORDS, 0, base_width=64).named_parameters())

    scales, small, large = scales_of(family, width=256, base=64), drawn(64), drawn(256)
    for name, scale in scales.items():
        sizes = [float(w[name].detach().square().mean().sqrt()) for w in (small, large)]
        if name.endswith("hidden") or not sizes[0]:
            assert sizes[1] == pytest.approx(sizes[0], abs=5e-3), name
            continue
        assert sizes[1] / sizes[0] == pytest.approx(scale**0.5, rel=0.1), name


# --- runs ------------------------------------------------------------------------------------


@each_family()
def test_at_the_base_width_it_is_the_standard_parametrization_to_the_bit(family):
    plain = run_of(family, None, width=16, heads=2)
    scaled = run_of(family, MUP, width=16)
    assert plain.shape == scaled.shape
    assert same(after(plain, 3).state(), after(scaled, 3).state())
    wider = run_of(family, None, width=32, heads=4), run_of(family, MUP, width=32)
    assert not same(*(after(run, 3).state() for run in wider))


def test_a_restored_run_goes_on_to_the_bit(tmp_path):
    """As a killed one does: its groups are made anew, its state is by parameter."""
    run = run_of(get_family("cross-attention"), width=64)
    whole, half = after(run, 9), after(run, 4)
    checkpoints = Checkpoints(tmp_path, run.trains_as())
    checkpoints.save(4, half.state())
    resumed = Trunk(run, CPU)
    assert len(resumed.optimiser.param_groups) == 2
    resumed.restore(checkpoints.load())
    for _ in resumed.run(9):
        pass
    assert same(whole.state(), resumed.state())


def test_several_resolutions_have_the_groups_of_one():
    sizes = [{"height": 16, "width": 16}, {"height": 16, "width": 32}]
    run = run_of(width=64, geometry=SMALL | {"buckets": sizes})
    assert [len(g["params"]) for g in after(run, 2).optimiser.param_groups] == [
        len(g["params"]) for g in Trunk(run_of(width=64), CPU).optimiser.param_groups
    ]


# --- the coordinate check --------------------------------------------------------------------

WIDTHS = (32, 64, 128, 256)


def checked(family, seeds=(0,), steps=4):
    rule = {"kind": "mup", "base_width": 32, "base_heads": 4}
    return check_run(run_of(family, rule, depth=1), WIDTHS, steps, seeds)


@each_family()
def test_moves_grow_with_the_width_in_the_standard_parametrization_and_not_in_mup(family):
    standard, mup = checked(family, seeds=(0, 1))
    assert (standard.parametrization, mup.parametrization) == ("standard", "mup:32")
    assert standard.trend == "grows"
    assert mup.trend == "flat"
    trends = {part.part: part.trend for part in mup.parts}
    assert set(trends.values()) == {"flat"}  # every part has begun to move, and none drifts
    named = {part.part: part for part in standard.parts}
    assert named["head"].trend == "grows"
    assert named["head"].moved[0].slope > 0.7  # it alone moves in the first step: zero lies before
    assert [p for p in standard.parts if p.moved[0].slope is not None] == [named["head"]]
    # Each block's own updates: their last step, in the exponent that separates the two.
    blocks = [name for name in named if "blocks" in name]
    assert blocks
    for name in blocks:
        slopes = [p.own[-1].slope for c in (standard, mup) for p in c.parts if p.part == name]
        assert slopes[0] > 0.5 - TOLERANCE + 0.1
        assert abs(slopes[1]) < TOLERANCE


def test_updates_that_vanish_are_found(monkeypatch):
    """Matrices at (base/width)²: all outputs still move, by the vectors that lie before them."""
    monkeypatch.setattr(
        optimiser_module,
        "rate_scales",
        lambda *given: {name: scale**2 for name, scale in rate_scales(*given).items()},
    )
    _, mup = checked(get_family("in-context"))
    trends = {part.part: part.trend for part in mup.parts}
    assert mup.trend == "shrinks"
    shrinks = {name for name, trend in trends.items() if trend == "shrinks"}
    assert shrinks == {"time", "blocks.0", "norm", "head"}
    assert trends["patches"] == trends["text"] == "flat"


def test_what_is_added_to_gradients_must_shrink_with_them(monkeypatch):
    """With torch's constant 1e-8 the relative positions of mdt-v1 hardly train when wide."""
    monkeypatch.setattr(Parametrization, "gradient_scale", lambda self, width: 1.0)
    _, mup = checked(get_family("masked"), steps=3)
    assert {part.part: part.trend for part in mup.parts}["relative"] == "shrinks"


def test_vectors_must_keep_their_rate(monkeypatch):
    monkeypatch.setattr(
        optimiser_module,
        "rate_scales",
        lambda *given: dict.fromkeys(rate_scales(*given), given[2].width / given[1].width),
    )
    _, mup = checked(get_family("adaln"))
    assert {part.part: part.trend for part in mup.parts}["patches"] == "shrinks"


def test_a_trend_is_of_what_has_moved():
    widths, slope = (16, 32, 64), np.array([[1.0, 2.0, 4.0]])

    def trend(*seeds):
        values = np.array(seeds)
        return coordinates._trend(values, coordinates._move(1, values, widths))

    assert trend([0, 0, 0], [0, 0, 0]) == "still"
    assert trend([0, 0, 0], [3, 3, 3]) == "flat"  # a seed whose batch said nothing to the part
    assert trend([3, 3, 0], [3, 3, 3]) == "shrinks"
    assert trend([3, 3, np.inf], [3, 3, 3]) == trend(*slope) == "grows"
    assert trend(*1 / slope) == "shrinks"
    assert trend(*slope ** (TOLERANCE - 0.01)) == "flat"
    move = coordinates._move(2, np.array([[1.0, 2, 4], [1, 4, 16], [0, 0, 0]]), widths)
    assert (move.slope, move.spread) == (pytest.approx(1.5), pytest.approx(0.5))
    assert move.values == pytest.approx([1, 8**0.5, 8])
    lost = coordinates._move(1, np.array([[1.0, 2, np.nan]]), widths)
    assert lost.values == [1, 2, None]


def test_a_users_own_module_is_checked(written):
    family = written()
    made = study(MUP, [{"depth": 2, "width": 16}], family=family.path)
    result = check_study(made, Path("none"), (16, 32, 64), steps=2, seeds=1)
    assert [check.parametrization for check in result.checks] == ["standard", "mup:16"]
    mup = {part.part: part.trend for part in result.checks[1].parts}
    assert mup.pop("unread") == "still"
    assert mup.keys() == {"gain", "reads", "words", "mix.0", "mix.1", "head"}  # not `frozen`
    assert result.checks[0].trend == "grows"


def test_the_parts_of_a_class_of_diffusers_are_its_own():
    pytest.importorskip("diffusers")
    family = get_family("diffusers:PixArtTransformer2DModel", {"attention_bias": False})
    found = parts_of(build(family, family.shape(2, 16, 2), WORDS, 0))
    assert {"words", "model.pos_embed", "model.transformer_blocks.1", "model.proj_out"} <= set(
        found
    )


def test_data_that_are_not_at_hand_are_made_up():
    geometry = {"height": 8, "width": 8, "channels": 2, "patch": 4, "frames": 2}
    geometry |= {"text_tokens": 3, "text_dim": 5, "pooled_dim": 4}
    made = study(
        None,
        [{"depth": 1, "width": 16, "heads": 2}],
        geometry=geometry,
        data={"source": "described"},
        family="mmdit",
    )
    result = check_study(made, Path("none"), (16, 32, 48), steps=1, seeds=2)
    assert result.inputs == "random numbers"
    assert result.checks[1].parametrization == "mup:16"  # the smallest of the widths
    source = MadeUp(made.geometry.geometry(), 3)
    assert np.array_equal(source.read(4, 2).images, source.read(4, 2).images)
    assert not np.array_equal(source.read(4, 2).images, source.read(6, 2).images)
    assert source.read(0, 2).images.shape == (2, 2, 2, 8, 8)


@pytest.mark.parametrize(
    ("widths", "said"),
    [
        ((64, 128), "--widths: 2 say nothing of a slope"),
        ((64, 64, 64), "--widths: 1 say nothing"),
        ((64, 100, 128), "--widths: 100 is not a multiple of the head size 8; use 96"),
        ((4, 16, 32), "--widths: 4 .* use 8"),
    ],
)
def test_widths_that_cannot_be_checked(widths, said):
    with pytest.raises(BadInput, match=said):
        check_study(study(), Path("none"), widths)


def test_the_command_answers(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(yaml.safe_dump(json.loads(study().model_dump_json())))
    asked = ("coordinates", file, "--widths", 16, 32, 64, "--steps", 2, "--seeds", 1)
    done = ditlaw(*asked, "--json")
    assert done.code == 0, done.err
    schema = resources.files("ditlaw.schemas") / "coordinates.schema.json"
    jsonschema.validate(done.json, json.loads(schema.read_text()))
    assert done.json["widths"] == [16, 32, 64]
    assert done.json["inputs"] == "scenes-dense"
    assert len(done.json["checks"][0]["parts"][0]["moved"][1]["values"]) == 3
    told = str(CoordinatesResult.model_validate(done.json)).splitlines()
    assert any(line.endswith("standard grows, mup:16 flat") for line in told)
    assert max(map(len, told[1:])) <= 80


def test_the_example_is_a_study_of_equal_steps():
    path = Path(__file__).parent.parent / "examples" / "mup.yaml"
    content = yaml.safe_load(path.read_text())
    rates = content.pop("sweep")["learning_rate"]
    runs = study_runs(parse_study(yaml.safe_dump(content), str(path)))
    assert len(rates) == 7
    for run in runs:
        assert run.width // run.heads == 8
        steps = np.array([stop.step for stop in run.stops])
        for wanted in (500, 1000, 2000):
            assert np.abs(steps - wanted).min() <= 2
    # Minutes, not hours: all rates and seeds on two cores of 2e10 FLOP/s.
    assert 7 * sum(run.flops(run.steps) for run in runs) / (2 * 2e10) < 600
