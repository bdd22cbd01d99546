"""A user's own module, and a class of diffusers, as a family: counted exactly, run like ours."""

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Finished, ditlaw, tiny_text
from safetensors.torch import load_file

from ditlaw.errors import BadInput
from ditlaw.export import export_run
from ditlaw.families import Geometry, Own, get_family
from ditlaw.models import Condition, build
from ditlaw.study import parse_study, plan_study, study_runs
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder
from ditlaw.training.trunk import Trunk

EXAMPLE = Path(__file__).parent.parent / "examples" / "own_family"
WORDS = Geometry(8, 8, 3, 2, 4, vocabulary=17)
FEATURES = Geometry(16, 16, 4, 2, 6, text_dim=48, pooled_dim=24)
CPU = torch.device("cpu")

# A module of the user's, small enough to count by hand; each test gives it its forward.
SOURCE = """
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

class Mine(nn.Module):
    def __init__(self, depth, width, heads, geometry, dropout=0.0):
        super().__init__()
        self.heads = heads
        self.reads = nn.Linear(geometry.channels, width)
        self.words = nn.Embedding(geometry.vocabulary, width)
        self.mix = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(depth))
        self.gain = nn.Parameter(torch.ones(width))
        self.unread = nn.Parameter(torch.ones(3))
        self.frozen = nn.Parameter(torch.ones(5), requires_grad=False)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(width, geometry.channels)

    def forward(self, x, t, condition):
        tokens = self.reads(x.flatten(2).transpose(1, 2)) + t[:, None, None]
        tokens = torch.cat([self.words(condition.text), tokens], dim=1)
        for layer in self.mix:
            q, k, v = (p.unflatten(-1, (self.heads, -1)).transpose(1, 2)
                       for p in layer(tokens).chunk(3, dim=-1))
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            tokens = tokens + self.gain * self.drop(mixed)
        made = self.head(tokens[:, condition.text.shape[1]:])
        HERE
        return made.transpose(1, 2).view_as(x)
"""


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the user's module where the current folder is; returns what makes a family of it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    names = []

    def write(here: str = "", more: str = "", attribute: str = "Mine", **options) -> Own:
        name = f"mine_{abs(hash((str(tmp_path), len(names))))}"
        (tmp_path / f"{name}.py").write_text(SOURCE.replace("HERE", here) + more)
        importlib.invalidate_caches()
        names.append(name)
        return get_family(f"{name}:{attribute}", options)

    yield write
    for name in names:
        sys.modules.pop(name, None)


def counted(family: Own, geometry: Geometry = WORDS, depth=2, width=12, heads=2, single=None):
    return family.counts(family.shape(depth, width, heads, single), geometry)


def by_hand(depth: int, width: int, pixels: int, text: int, channels: int) -> dict[str, int]:
    """Forward FLOPs of ``SOURCE`` by its children; attention lies outside them."""
    both = pixels + text
    return {
        "reads": 2 * channels * width * pixels,
        "mix": 2 * depth * 3 * width * width * both,
        "head": 2 * width * channels * pixels,
        "rest": 4 * depth * width * both**2,
    }


# --- counts ----------------------------------------------------------------------------------


def test_counts_are_those_made_by_hand(written):
    counts = counted(written())
    forward = by_hand(2, 12, 64, 4, 3)
    assert counts.flops_forward == sum(forward.values())
    skipped = forward["reads"]  # x needs no gradient
    assert counts.flops_train == 3 * counts.flops_forward - skipped
    assert counts.flops_breakdown == {
        part: (2 if part == "reads" else 3) * flops for part, flops in forward.items()
    }
    parts = {"reads": 4 * 12, "mix": 2 * 13 * 36, "gain": 12, "unread": 3, "head": 13 * 3}
    assert counts.params_breakdown == parts
    assert counts.params == sum(parts.values())
    assert counts.params_total == counts.params + 17 * 12  # words are looked up; 5 are frozen
    assert counts.tokens_per_sample == 16 + 4


@pytest.mark.parametrize("arguments", ["is_causal=True", "dropout_p=0.1", "enable_gqa=True"])
def test_no_kind_of_attention_goes_by_unseen(written, arguments):
    """On a CPU the counter sees none of these; on a GPU some cost 3.5 forwards."""
    here = f"""
        q = made.unflatten(1, (4, -1))
        k = q[:, :2] if {"gqa" in arguments} else q
        made = F.scaled_dot_product_attention(q, k, k, {arguments}).flatten(1, 2)"""
    base, more = counted(written()), counted(written(here))
    extra = 4 * 3 * 4 * 16**2  # 4 heads of 16 tokens, 3 values each
    assert more.flops_forward == base.flops_forward + extra
    assert more.flops_train == base.flops_train + 3 * extra


def test_a_depthwise_convolution_costs_three_forwards(written):
    """torch's own formula takes its weight gradient for a dense one's."""
    more = """
class Conv(Mine):
    def __init__(self, depth, width, heads, geometry, groups):
        super().__init__(depth, width, heads, geometry)
        self.reads = nn.Conv1d(geometry.channels, width, 1)
        self.local = nn.Conv1d(width, width, 3, padding=1, groups=groups)
    def forward(self, x, t, condition):
        read = self.local(self.reads(x.flatten(2))).transpose(1, 2)
        return self.head(read).transpose(1, 2).view_as(x)
"""
    for groups in (1, 4, 12):
        counts = counted(written(more=more, attribute="Conv", groups=groups))
        local = 2 * 3 * 12 * (12 // groups) * 64
        assert counts.flops_breakdown["local"] == 3 * local
        assert counts.flops_forward == local + 2 * 2 * 3 * 12 * 64


def test_counts_equal_those_of_a_built_in_family(written):
    """ditlaw's own module, given as a user's, is counted as its closed form."""
    more = """
from ditlaw.families import Shape, get_family
from ditlaw.models import build
def mmdit(depth, width, heads, geometry):
    return build(get_family("mmdit"), Shape(depth, width, heads), geometry)
"""
    for geometry in (WORDS, FEATURES):
        own = counted(written(more=more, attribute="mmdit"), geometry, 3, 24, 2)
        ours = counted(get_family("mmdit"), geometry, 3, 24, 2)
        for field in ("params", "params_total", "flops_forward", "flops_train"):
            assert getattr(own, field) == getattr(ours, field), field


def test_a_count_is_made_once_and_takes_no_memory(written):
    family = written()
    shape = family.shape(2, 2**17, 2)  # 100 billion weights
    counts = family.counts(shape, WORDS)
    assert counts.params > 1e11
    assert family.counts(shape, WORDS) is counts


# --- what cannot be counted is one line -------------------------------------------------------


@pytest.mark.parametrize(
    ("here", "said"),
    [
        ("made = made * float(t[0])", r"at d2w12h2 does not run .* line \d+\); mend its forward"),
        ("made = made + torch.from_numpy(np.ones(3)).float() @ self.head.weight", "meta"),
        ("torch.ones(2, 2, device='cpu') @ torch.ones(2, 2, device='cpu')", "computes outside"),
        (
            "q = torch.ones(1, 1, 4, 8, device='cpu'); F.scaled_dot_product_attention(q, q, q)",
            "computes outside",
        ),
        ("made = made + torch.mv(made[0], self.gain[:3])[:, None]", r"uses torch.ops.aten.mv"),
        ("made = made + torch.addbmm(made[0], made, made.mT @ made).sum()", r"uses .*aten\.addbmm"),
        ("made = made + torch.linalg.inv(made.mT @ made).sum()", r"uses .*aten\.linalg_inv_ex"),
        ("return made", r"returns the shape \(2, 64, 3\) for an x of \(2, 3, 8, 8\)"),
        ("return (x,)", "returns a tuple; return the velocity alone"),
        ("return x.detach()", "does not require grad"),
        ("return self.nothing(x)", r"no attribute 'nothing'.*, mine_\d+.py line \d+\)"),
    ],
)
def test_a_forward_that_cannot_be_counted_is_one_line(written, here, said):
    family = written(here)
    with pytest.raises(BadInput, match=said) as error:
        counted(family)
    assert str(error.value).startswith(f"family: {family.path} ")
    assert "\n" not in str(error.value)


def test_running_statistics_are_refused(written):
    more = """
class Norm(Mine):
    def __init__(self, depth, width, heads, geometry):
        super().__init__(depth, width, heads, geometry)
        self.norm = nn.BatchNorm2d(3)
    def forward(self, x, t, condition):
        return super().forward(self.norm(x), t, condition)

class Steps(Mine):
    def __init__(self, depth, width, heads, geometry):
        super().__init__(depth, width, heads, geometry)
        self.register_buffer("steps", torch.zeros(()))
    def forward(self, x, t, condition):
        self.steps = self.steps + self.training  # another tensor, not the same one changed
        return super().forward(x, t, condition)
"""
    for name, buffer in (("Norm", r"norm\.num_batches_tracked"), ("Steps", "steps")):
        with pytest.raises(BadInput, match=f"changes its buffer {buffer}"):
            counted(written(more=more, attribute=name))


@pytest.mark.parametrize(
    ("more", "attribute", "options", "said"),
    [
        ("", "Mien", {}, "'Mien' is unknown; did you mean 'Mine'"),
        ("number = 3", "number", {}, "is a int, not a function or class"),
        ("", "Mine", {"ratio": 2}, r"does not take \(depth, .*, ratio\): .*'ratio'"),
        ("def f(*a): return 3", "f", {}, "makes a int; it must return an nn.Module"),
        ("def f(*a): return 1 / 0", "f", {}, r"cannot be made at d2w12h2 \(ZeroDivisionError"),
        ("def f(*a): return nn.Identity()", "f", {}, "has no trainable params"),
        ("import no_such_thing", "f", {}, "importing .* fails .*No module named 'no_such_thing'"),
        ("def f(:", "f", {}, "importing .* fails .SyntaxError"),
        ("raise SystemExit(7)", "f", {}, "importing .* fails .SystemExit: 7"),
        ("raise OSError('a\\nb')", "f", {}, "fails .OSError: a b, mine_"),
        ("raise SystemExit(0)", "f", {}, "importing .* fails .SystemExit: 0, mine_"),
        ("def f(*a): raise SystemExit(0)", "f", {}, "cannot be made .* .SystemExit: 0, mine_"),
    ],
)
def test_a_factory_that_does_not_make_a_module_is_one_line(written, more, attribute, options, said):
    with pytest.raises(BadInput, match=said) as error:
        counted(written(more=more, attribute=attribute, **options))
    assert "\n" not in str(error.value)


def test_names_that_are_no_path_are_refused_and_others_name_the_nearest():
    for name in ("my:", ":make", "a:b:c", "a b:c", "../my:make"):
        with pytest.raises(BadInput, match=r"is not module:factory; write it as my_models"):
            get_family(name)
    with pytest.raises(BadInput, match="did you mean 'mmdit'"):
        get_family("mmdt")
    with pytest.raises(BadInput, match=r"'mine\.make' is unknown; .* as mine:make"):
        get_family("mine.make")
    with pytest.raises(BadInput, match=r"known: .*, … \(\d\d in all\)") as many:
        counted(get_family("diffusers:Foo"))
    assert len(str(many.value)) < 1000
    with pytest.raises(BadInput, match=r"no module 'not_there' in the current folder"):
        counted(get_family("not_there:make"))
    for value in ({"b": 1}, [None], float("nan")):
        with pytest.raises(BadInput, match=r"options\.a: .* is no text, number or truth; use one"):
            get_family("my:make", {"a": value})


def test_shapes_and_labels_need_no_module():
    family = get_family("not_there:make", {"b": [1, 2], "a": "x"})
    assert family.label == "not_there:make,a=x,b=[1, 2]"
    assert family.options() == {"a": "x", "b": [1, 2]}
    assert len(get_family("my:make", {"long": "x" * 300}).label) < 30
    shape = family.shape(3)
    assert (shape.width, shape.heads) == (192, 3)
    assert family.shape(1, 7, 7).width == 7
    with pytest.raises(BadInput, match="heads: 5 does not divide the width 12; use 4"):
        family.shape(1, 12, 5)
    family.check(WORDS)


# --- training --------------------------------------------------------------------------------


def run_of(family: Own, tmp_path, **recipe):
    text = tiny_text(
        family=family.path,
        options=family.options(),
        shapes=[{"depth": 2, "width": 8, "heads": 2}],
        budgets=[1.0e9],
        recipe={"batch": 2, "learning_rate": {"value": 1e-3}} | recipe,
    )
    return study_runs(parse_study(text, "s"))[0]


def stepped(spec, until, state=None):
    trunk = Trunk(spec, CPU)
    if state is not None:
        trunk.restore(state)
    for _ in trunk.run(until):
        pass
    return {key: value.clone() for key, value in trunk.state().items()}


def test_a_run_with_dropout_is_resumed_to_the_bit(written, tmp_path):
    """A parameter that nothing reads has no optimiser state; dropout draws from (seed, step)."""
    spec = run_of(written(dropout=0.3), tmp_path)
    whole, half = stepped(spec, 6), stepped(spec, 3)
    torch.manual_seed(123)  # whatever came before
    resumed = stepped(spec, 6, half)
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    assert not torch.equal(whole["model.model.gain"], half["model.model.gain"])


def test_weights_come_from_the_seed_and_from_initialise(written):
    more = """
class Drawn(Mine):
    def initialise(self, generator):
        with torch.no_grad():
            self.gain.normal_(generator=generator)
"""
    family = written(more=more, attribute="Drawn")
    first, again, other = (build(family, family.shape(1, 8, 2), WORDS, s) for s in (0, 0, 1))
    for name in ("head.weight", "gain"):
        a, b, c = (m.model.get_parameter(name) for m in (first, again, other))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
    state = torch.get_rng_state()
    build(family, family.shape(1, 8, 2), WORDS, 0)
    assert torch.equal(state, torch.get_rng_state())


def test_a_run_trains_in_the_mode_that_was_counted(written):
    more = """
def quiet(*a):
    return Mine(*a).eval()
"""
    family = written(more=more, attribute="quiet")
    model = build(family, family.shape(1, 8, 2), WORDS, 0)
    assert all(module.training for module in model.modules())


def test_bfloat16_computes_by_autocast_and_returns_float32(written):
    family = written("self.seen = made.dtype")
    model = build(family, family.shape(1, 8, 2), WORDS, 0, precision="bfloat16")
    x, words = torch.randn(2, 3, 8, 8), Condition(torch.zeros(2, 4, dtype=torch.long))
    velocity = model(x, torch.rand(2), words)
    assert (velocity.dtype, model.model.seen) == (torch.float32, torch.bfloat16)
    assert model.model.head.weight.dtype == torch.float32
    full = build(family, family.shape(1, 8, 2), WORDS, 0)
    assert full(x, torch.rand(2), words).dtype == full.model.seen == torch.float32


def test_checkpointing_is_passed_on_or_refused_at_the_plan(written, tmp_path):
    more = """
class Can(Mine):
    checkpointing = False
"""
    can = written(more=more, attribute="Can")
    assert run_of(can, tmp_path, checkpointing=True).recipe.checkpointing
    assert build(can, can.shape(1, 8, 2), WORDS, checkpointing=True).model.checkpointing
    with pytest.raises(BadInput, match=r"recipe\.checkpointing: .* leave it out, or give"):
        run_of(written(), tmp_path, checkpointing=True)


def test_a_run_whose_module_counts_otherwise_is_not_gone_on_with(written, tmp_path):
    spec = run_of(written(), tmp_path)
    folder = RunFolder(tmp_path / "run")
    folder.create(spec)
    folder.create(spec)
    assert folder.spec() == spec
    changed = spec.counted.__class__(**{**vars(spec.counted), "params": 1})
    with pytest.raises(BadInput, match=r"was made when mine_.* counted otherwise; undo"):
        folder.create(spec.model_copy(update={"counted": changed}))


def test_an_export_holds_the_buffers_that_a_module_was_made_with(written, tmp_path):
    """Random features of a seed are as much of the model as its weights."""
    more = """
class Features(Mine):
    def __init__(self, depth, width, heads, geometry):
        super().__init__(depth, width, heads, geometry)
        self.register_buffer("fixed", torch.randn(width))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)
"""
    family = written(more=more, attribute="Features")
    spec = run_of(family, tmp_path).model_copy(update={"seed": 7})
    folder = RunFolder(tmp_path / "run")
    folder.create(spec)
    trunk = Trunk(spec, CPU)
    for _ in trunk.run(2):
        pass
    Checkpoints(folder.checkpoints).save(trunk.step, trunk.state())
    export_run(folder.path, "diffusers", tmp_path / "out")
    loaded = build(family, spec.shape, spec.geometry.geometry())
    loaded.load_state_dict(load_file(tmp_path / "out" / "model.safetensors"))
    assert torch.equal(loaded.model.fixed, trunk.model.model.fixed)


# --- classes of diffusers ---------------------------------------------------------------------


def both(name: str, ours: str, geometry: Geometry, depth=2, width=48, heads=2, single=None):
    theirs = counted(get_family(f"diffusers:{name}"), geometry, depth, width, heads, single)
    return theirs, counted(get_family(ours), geometry, depth, width, heads, single)


def linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


@pytest.mark.parametrize("geometry", [FEATURES, WORDS], ids=["features", "words"])
@pytest.mark.parametrize(
    ("name", "ours", "single"),
    [
        ("FluxTransformer2DModel", "flux", 3),
        ("PixArtTransformer2DModel", "cross-attention", None),
    ],
)
def test_flux_and_pixart_are_counted_as_their_closed_forms(name, ours, single, geometry):
    theirs, form = both(name, ours, geometry, single=single)
    for field in ("params", "params_total", "flops_forward", "flops_train", "tokens_per_sample"):
        assert getattr(theirs, field) == getattr(form, field), field
    assert sum(theirs.flops_breakdown.values()) == theirs.flops_train
    assert sum(theirs.params_breakdown.values()) == theirs.params
    assert "transformer_blocks" in theirs.flops_breakdown


@pytest.mark.parametrize("geometry", [FEATURES, WORDS], ids=["features", "words"])
def test_sd3_has_text_queries_in_its_last_block_that_nothing_reads(geometry):
    theirs, form = both("SD3Transformer2DModel", "mmdit", geometry)
    text, tokens = geometry.text_tokens, geometry.tokens
    assert theirs.params == form.params + linear(48, 48)
    extra = 2 * 48 * 48 * text + 4 * 48 * text * tokens
    assert theirs.flops_forward == form.flops_forward + extra
    assert theirs.flops_train == form.flops_train + 3 * extra


def test_dit_embeds_time_and_class_in_every_block():
    geometry = Geometry(16, 16, 4, 2, 1, vocabulary=17)
    theirs, form = both("DiTTransformer2DModel", "adaln", geometry, depth=3)
    time, first = 2 * (256 * 48 + 48 * 48), 2 * 256 * 48
    embedder = linear(256, 48) + linear(48, 48)
    assert theirs.params == form.params + 2 * embedder
    # Its table has one more class, for dropped ones, and there is a table in every block.
    assert theirs.params_total == theirs.params + 3 * 18 * 48
    # Three blocks, and the first one's embedder again for the head; ours has one.
    assert theirs.flops_forward == form.flops_forward + 3 * time
    assert theirs.flops_train == form.flops_train + 3 * (3 * time - first)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("AuraFlowTransformer2DModel", {"pos_embed_max_size": 64}),
        ("SanaTransformer2DModel", {"mlp_ratio": 2.0, "qk_norm": "rms_norm_across_heads"}),
    ],
)
def test_classes_that_ditlaw_has_no_family_for(name, options):
    family = get_family(f"diffusers:{name}", options)
    shape = family.shape(2, 48, 2, 1 if name.startswith("Aura") else None)
    counts = family.counts(shape, WORDS)
    assert 2.9 <= counts.flops_train / counts.flops_forward <= 3
    assert sum(counts.flops_breakdown.values()) == counts.flops_train
    model = build(family, shape, WORDS, 0)
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert counts.params_total == trainable
    x = torch.randn(2, 3, 8, 8)
    words = Condition(torch.randint(17, (2, 4)))
    out = model(x, torch.rand(2), words)
    assert out.shape == x.shape
    assert out.isfinite().all()
    assert not torch.equal(out, model(x, torch.rand(2), words.silent()))


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("SD3Transformer2DModel", 1000.0),
        ("PixArtTransformer2DModel", 1000.0),
        ("FluxTransformer2DModel", 1.0),
        ("AuraFlowTransformer2DModel", 1.0),
    ],
)
def test_time_reaches_each_class_in_its_own_units(name, scale):
    """What the sinusoids are made of is 1000·t, whoever multiplies."""
    family = get_family(f"diffusers:{name}")
    model = build(family, family.shape(1, 16, 2), WORDS, 0).model
    assert model.time_scale == scale
    seen = []
    timesteps = next(m for m in model.modules() if type(m).__name__ == "Timesteps")
    timesteps.register_forward_hook(
        lambda module, inputs, output: seen.append(inputs[0] * getattr(module, "scale", 1))
    )
    t = torch.tensor([0.25, 1.0])
    model(torch.zeros(2, 3, 8, 8), t, Condition(torch.zeros(2, 4, dtype=torch.long)))
    torch.testing.assert_close(seen[0], 1000 * t)


def test_videos_are_read_by_classes_that_take_frames():
    geometry = Geometry(8, 8, 4, 2, 4, text_dim=32, frames=3)
    family = get_family("diffusers:WanTransformer3DModel")
    shape = family.shape(1, 24, 2)
    counts = family.counts(shape, geometry)
    both, width = geometry.image_tokens, 24
    assert counts.flops_breakdown["blocks"] >= 3 * 4 * width * both**2
    model = build(family, shape, geometry, 0)
    x = torch.randn(1, 4, 3, 8, 8)
    assert model(x, torch.rand(1), Condition(torch.randn(1, 4, 32))).shape == x.shape


@pytest.mark.parametrize(
    ("name", "options", "geometry", "said"),
    [
        ("SD3Transformer2DModle", {}, WORDS, "did you mean 'SD3Transformer2DModel'"),
        ("DDPMScheduler", {}, WORDS, "is no model; name one"),
        ("SD3Transformer2DModel", {"qk_nrom": "a"}, WORDS, "options: 'qk_nrom' .* 'qk_norm'"),
        ("SD3Transformer2DModel", {"qk_norm": "a"}, WORDS, r"cannot be made at d2w12h2 .Val"),
        ("SD3Transformer2DModel", {}, Geometry(8, 8, 3, 2, 0), r"text_tokens: .* use 1 or more"),
        ("DiTTransformer2DModel", {}, WORDS, r"reads one class a sample; use text_tokens: 1"),
        ("CogView3PlusTransformer2DModel", {}, WORDS, "cannot run without 'original_size'"),
        ("Lumina2Transformer2DModel", {}, WORDS, "does not run .* use another class, or a factory"),
        ("FluxTransformer2DModel", {"axes_dims_rope": [2, 2]}, WORDS, "does not run"),
    ],
)
def test_a_class_that_cannot_be_used_is_one_line(name, options, geometry, said):
    with pytest.raises(BadInput, match=said) as error:
        counted(get_family(f"diffusers:{name}", options), geometry)
    assert "\n" not in str(error.value)


# --- the worked example, through the command line ---------------------------------------------


def ran(*arguments, cwd) -> Finished:
    done = ditlaw(*arguments, cwd=cwd)
    assert done.code == 0, done.err
    return done


@pytest.mark.slow
def test_the_worked_example_runs_as_it_is_written(tmp_path):
    here = tmp_path / "own_family"
    shutil.copytree(EXAMPLE, here)
    plan = ran("plan", "study.yaml", "--json", cwd=here).json
    assert {run["family"] for run in plan["runs"]} == {"my_dit:make,mlp=2.5"}
    assert all(0 < run["flops"] <= 4.2e9 for run in plan["runs"])
    done = ran("run", "study.yaml", "--json", cwd=here).json
    assert done["runs"] == {"done": 6, "failed": 0, "pending": 0}
    status = ran("status", "my-dit", "--json", cwd=here)
    assert [r["flops"] for r in status.json["runs"]] == [r["flops"] for r in plan["runs"]]
    fitted = ran("fit", "my-dit", "--json", cwd=here)

    sized = next((here / "my-dit" / "runs").iterdir())
    exported = ran("export", sized, "--out", "weights", "--json", cwd=here).json
    assert "my_dit:make is a model of your own" in exported["notes"][0]["text"]
    weights = load_file(here / "weights" / "model.safetensors")
    assert weights["model.patches.weight"].shape[1:] == (3, 2, 2)

    # Elsewhere, where the module cannot be found: what only reads a study needs neither.
    away = tmp_path / "away"
    away.mkdir()
    (here / "my_dit.py").rename(here / "gone.py")
    folder = here / "my-dit"
    assert ran("status", folder, "--json", cwd=away).json == status.json
    again = ran("fit", folder, "--json", cwd=away).json
    assert again | {"source": None} == fitted.json | {"source": None}
    without_torch = (
        "import sys; sys.modules['torch'] = None; from ditlaw.cli import run; "
        "sys.exit(run(sys.argv[1:]))"
    )
    for command in ("status", "fit", "forecast"):
        told = [sys.executable, "-P", "-c", without_torch, command, str(folder)]
        assert subprocess.run(told, cwd=away, capture_output=True).returncode == 0, command
    assert ran("forecast", folder, "--json", cwd=away).json["recipe"] is None
    ran("report", folder, "--out", "page.html", cwd=away)
    refused = ditlaw("plan", folder / "study.yaml", cwd=away)
    assert refused.code == 2
    assert refused.err.startswith("ditlaw: family: my_dit:make: no module 'my_dit' in the current")
    assert len(refused.err.splitlines()) == 1


@pytest.mark.slow
def test_a_study_of_a_diffusers_class_runs(tmp_path):
    shutil.copy(EXAMPLE / "pixart.yaml", tmp_path)
    done = ran("run", "pixart.yaml", "--json", cwd=tmp_path).json
    assert done["runs"] == {"done": 2, "failed": 0, "pending": 0}
    rows = (tmp_path / "pixart" / "observations.csv").read_text()
    assert rows.count('"diffusers:PixArt,attention_bias=false"') == 4


def test_count_takes_own_families_and_their_options(tmp_path):
    shutil.copy(EXAMPLE / "my_dit.py", tmp_path)
    sample = ["--latent", "16x16x3", "--text-tokens", "16", "--vocabulary", "17", "--json"]
    shape = ["--depth", "2", "--width", "16", "--heads", "2"]
    one, two = (
        ran("count", "--family", "my_dit:make", "--option", o, *shape, *sample, cwd=tmp_path).json
        for o in ("mlp=2.5", "mlp=4")
    )
    assert one["family"] == "my_dit:make,mlp=2.5"
    # Up twice, gate and values, and down once, in 2 blocks.
    assert two["params_breakdown"]["blocks"] - one["params_breakdown"]["blocks"] == 2 * (
        24 * (2 * 17 + 16)
    )
    flux = ["--family", "diffusers:FluxTransformer2DModel", "--option", "axes_dims_rope=[2,2,4]"]
    assert ran("count", *flux, *shape, *sample, cwd=tmp_path).json["params"] > 0
    wrong = ditlaw("count", "--family", "my_dit:mkae", *shape, cwd=tmp_path)
    assert wrong.code == 2
    assert "did you mean 'make'" in wrong.err


def test_what_a_module_prints_is_no_part_of_an_answer(tmp_path):
    loud = (EXAMPLE / "my_dit.py").read_text().replace("def make(", "print('read')\n\ndef make(")
    (tmp_path / "loud.py").write_text(loud)
    shape = ["--depth", "2", "--width", "16", "--heads", "2", "--vocabulary", "9"]
    done = ran("count", "--family", "loud:make", *shape, "--json", cwd=tmp_path)
    assert done.json["params"] > 0
    assert done.err == "read\n"


def test_a_bad_module_is_said_at_the_plan_before_anything_is_written(tmp_path):
    (tmp_path / "broken.py").write_text("def make(depth, width, heads, geometry):\n  return 3\n")
    (tmp_path / "study.yaml").write_text(tiny_text(family="broken:make"))
    for command in ("plan", "run"):
        done = ditlaw(command, "study.yaml", cwd=tmp_path)
        assert done.code == 2
        assert done.err == (
            "ditlaw: family: broken:make makes a int; it must return an nn.Module\n"
        )
    assert not (tmp_path / "tiny").exists()


def test_a_plan_from_python_needs_only_sys_path(written, tmp_path):
    family = written()
    text = tiny_text(family=family.path, shapes=[{"depth": 1, "width": 7, "heads": 1}])
    plan = plan_study(parse_study(text, "s"))
    geometry = parse_study(text, "s").geometry.geometry()
    assert plan.runs[0].params == counted(family, geometry, 1, 7, 1).params


def test_options_of_different_kinds_have_different_labels():
    """Else two studies would give their runs one name, and their rows one family."""
    values = [1, "1", True, "true", [1], "[1]", 1.5, "1.5", "small", "with space"]
    labels = [get_family("a:make", {"size": value}).label for value in values]
    assert len(set(labels)) == len(values)
    assert labels[0] == "a:make,size=1"
    assert labels[-2] == "a:make,size=small"


def test_a_name_without_latin_letters_still_names_runs():
    from ditlaw.study.runs import run_id

    family = get_family("модель:сделать")
    assert run_id(family, family.shape(1, 8, 2), 0) == "own-d1w8h2-s0"
