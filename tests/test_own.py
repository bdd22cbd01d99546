"""A user's own module, and a class of diffusers, as a family: counted exactly, run like ours."""

import pytest
import torch
from conftest import checkpoints_of, tiny_text
from own_cases import FEATURES, WORDS, counted
from safetensors.torch import load_file

from ditlaw.errors import BadInput
from ditlaw.export import export_run
from ditlaw.families import Own, get_family
from ditlaw.models import Condition, build
from ditlaw.study import parse_study, study_runs
from ditlaw.training.folder import RunFolder
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")


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
    (counts,) = spec.counted
    changed = [counts.__class__(**{**vars(counts), "params": 1})]
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
    checkpoints_of(folder).save(trunk.step, trunk.state())
    export_run(folder.path, "diffusers", tmp_path / "out")
    loaded = build(family, spec.shape, spec.geometry.geometry())
    loaded.load_state_dict(load_file(tmp_path / "out" / "model.safetensors"))
    assert torch.equal(loaded.model.fixed, trunk.model.model.fixed)


def test_options_of_different_kinds_have_different_labels():
    """Else two studies would give their runs one name, and their rows one family."""
    values = [1, "1", True, "true", [1], "[1]", 1.5, "1.5", "small", "with space"]
    labels = [get_family("a:make", {"size": value}).label for value in values]
    assert len(set(labels)) == len(values)
    assert labels[0] == "a:make,size=1"
    assert labels[-2] == "a:make,size=small"


def test_a_name_without_latin_letters_still_names_runs():
    from ditlaw.study.runs import family_slug

    family = get_family("модель:сделать")
    assert family_slug(family) == "own"
