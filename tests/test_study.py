"""The study file: checked field by field, planned before it runs, frozen by a digest."""

import pytest
import yaml
from conftest import TINY, tiny_text

from ditlaw.digests import digest
from ditlaw.errors import BadInput, Refused
from ditlaw.families import get_family
from ditlaw.observations import MIN_STEPS
from ditlaw.study import (
    difference,
    frozen_content,
    init_study,
    load_study,
    parse_study,
    plan_study,
    preset_text,
    presets,
    study_runs,
)


def study(**changes):
    return parse_study(tiny_text(**changes), "s.yaml")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budgts": [1e9]}, "budgts: unknown field; did you mean 'budgets'?"),
        ({"recipe": {"batch": 2, "learning_rate": {"valeu": 1}}}, "recipe.learning_rate.v"),
        ({"recipe": {"batch": 2}}, "recipe.learning_rate: is missing"),
        ({"recipe": {"batch": "many", "learning_rate": {"value": 1}}}, "recipe.batch: 'many'"),
        ({"recipe": {"batch": 0, "learning_rate": {"value": 1}}}, "recipe.batch: 0"),
        ({"family": "in-contxt"}, "did you mean 'in-context'"),
        ({"data": {"source": "scene"}}, "data.source: 'scene' is unknown; did you mean 'scenes'?"),
        ({"recipie": {"batch": 2}, "recipe": None}, "recipie: unknown field; did you mean"),
        ({"recipe": {"batch": True, "learning_rate": {"value": 1}}}, "recipe.batch: True"),
        ({"recipe": {"batch": 10**400, "learning_rate": {"value": 1}}}, "recipe.batch"),
        ({"hardware": {"gpu": "h1000"}}, "hardware.gpu: 'h1000' is unknown; did you mean 'h100'?"),
        ({"objective": {"timesteps": {"mean": float("nan")}}}, "objective.timesteps.mean"),
        ({"seeds": [2**40]}, "seeds.0"),
        ({"evaluation": {"samples": 1}}, "evaluation.samples: 1"),
        ({"hardware": {"mfu": True}}, "hardware.mfu: true is not a number"),
        ({"budgets": [True]}, "budgets.0: true is not a number"),
        ({"budgets": [3e9, 1e9]}, "budgets: budgets must rise"),
        ({"budgets": [float("nan")]}, "budgets.0"),
        ({"budgets": []}, "budgets:"),
        ({"seeds": [0, 0]}, "seeds must differ"),
        (
            {"shapes": [{"depth": 1, "width": 14, "heads": 2}]},
            "shapes.0.width: 14 is not a multiple",
        ),
        ({"shapes": [{"depth": 1, "width": 12, "until": 1.0}]}, "below the smallest budget"),
        ({"shapes": [{"depth": 1, "width": 12}] * 2}, "listed twice"),
        ({"name": "../escape"}, "name: '../escape'"),
        ({"hardware": {"gpu": "h100", "mfu": 1.5}}, "hardware.mfu: 1.5"),
        (
            {"geometry": {"height": 18, "vocabulary": 17}},
            "geometry.height: scenes have multiples of 4 from 16 to 64, not 18; set height: 16",
        ),
        ({"geometry": {"frames": 4, "vocabulary": 17}}, "geometry.frames: scenes have 1, not 4"),
        ({"geometry": {"patch": 3, "vocabulary": 17}}, "geometry.patch: 3 does not divide"),
    ],
)
def test_a_wrong_field_is_one_line_with_its_path(changes, said):
    with pytest.raises(BadInput) as error:
        study(**changes)
    message = str(error.value)
    assert message.startswith("s.yaml: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        "? [a]\n: 1",
        "",
        "- a\n- b",
        "a: [",
        "name: x\n\tb: 1",
        "name: 2026-13-45",
        "[" * 3000,
        "a: 1\na: 2",
    ],
)
def test_what_is_not_a_study_is_one_line(text):
    with pytest.raises(BadInput) as error:
        parse_study(text, "s.yaml")
    assert "\n" not in str(error.value)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(BadInput, match="ditlaw init"):
        load_study(tmp_path / "none.yaml")


def test_init_writes_a_commented_study_and_never_overwrites(tmp_path):
    file = tmp_path / "new" / "study.yaml"
    init_study(file)
    assert "# " in file.read_text()
    assert load_study(file).name == "quickstart"
    file.write_text("mine")
    with pytest.raises(BadInput, match="left alone"):
        init_study(file)
    assert file.read_text() == "mine"
    assert [p.name for p in file.parent.iterdir()] == ["study.yaml"]


def test_every_preset_can_be_planned():
    assert presets() == ["paper", "paper-512", "paper-small", "quickstart"]
    for name in presets():
        plan_study(parse_study(preset_text(name), name))


def test_the_quickstart_meets_its_own_rules():
    study = parse_study(preset_text("quickstart"), "quickstart")
    assert len(study.budgets) >= 6
    assert (study.budgets[0], study.budgets[-1]) == (3e10, 2.4e11)
    assert len(study.seeds) == 2
    assert study.forecast.flops == 4 * study.budgets[-1]


def test_the_papers_study_is_planned_but_not_trained():
    plan = plan_study(parse_study(preset_text("paper"), "paper"))
    assert plan.total.gpu_hours == pytest.approx(117, rel=0.05)
    assert {note.code for note in plan.warnings} >= {"long-plan", "plan-only"}


def test_the_papers_small_twin_has_points_on_both_sides_of_each_minimum():
    """Sizes with steps enough to be fitted, and a target ten times beyond them."""
    twin = parse_study(preset_text("paper-small"), "paper-small")
    paper = parse_study(preset_text("paper"), "paper")
    assert twin.family == paper.family
    assert twin.objective == paper.objective
    assert twin.geometry.geometry().image_tokens == paper.geometry.geometry().image_tokens
    assert twin.recipe.learning_rate.exponent == paper.recipe.learning_rate.exponent == 0
    assert twin.forecast.flops == 10 * twin.budgets[-1]
    for budget in twin.budgets:
        steps = [
            stop.step for run in study_runs(twin) for stop in run.stops if stop.budget == budget
        ]
        assert sum(step >= 2 * MIN_STEPS for step in steps) >= 5
    plan = plan_study(twin)
    assert plan.assumed_hardware  # so that what its runs measure feeds the next plan
    assert plan.total.flops < 1e16


def test_a_trunk_serves_every_budget_with_whole_steps_inside_it():
    for run in study_runs(study()):
        for stop in run.stops:
            assert run.flops(stop.step) <= stop.budget < run.flops(stop.step + 1)


def test_the_plan_adds_up():
    plan = plan_study(study(seeds=[0, 1]))
    assert plan.total.runs == len(plan.runs) == 12
    assert plan.total.flops == sum(r.flops for r in plan.runs)
    each = [run.flops(stop.step) for run in study_runs(study(seeds=[0, 1])) for stop in run.stops]
    assert plan.total.flops_separate == sum(each)
    run = plan.runs[0]
    counts = get_family("in-context").counts(
        get_family("in-context").shape(run.depth, run.width, run.heads),
        study().geometry.geometry(),
    )
    assert run.flops == run.images * counts.flops_train
    assert run.tokens == run.images * 80
    assert run.flops_6nd == 6 * run.params * run.tokens
    assert run.gpu_hours == pytest.approx(run.flops / (989.4e12 * 0.4 * 3600))


def test_shapes_that_differ_in_heads_alone_are_different_runs():
    shapes = [{"depth": 1, "width": 12, "heads": h} for h in (2, 4)]
    assert len({run.id for run in study_runs(study(shapes=shapes))}) == 2


def test_a_size_can_end_early():
    shapes = [{"depth": 1, "width": 12, "heads": 2, "until": 3.0e9}]
    assert [s.budget for s in study_runs(study(shapes=shapes))[0].stops] == [2.2e9, 3.0e9]


def test_hardware_left_out_is_marked_assumed():
    content = yaml.safe_load(TINY)
    del content["hardware"]
    plan = plan_study(parse_study(yaml.safe_dump(content), "s"))
    assert plan.assumed_hardware
    assert (plan.gpu, plan.mfu) == ("h100", 0.4)


def test_a_budget_below_one_step_is_refused():
    with pytest.raises(BadInput, match=r"budgets: 10 FLOPs is below one step"):
        plan_study(study(budgets=[10.0]))


@pytest.mark.parametrize("limit", ["gpu_hours", "hours", "memory_gb"])
def test_a_stated_limit_refuses(limit):
    with pytest.raises(Refused, match=rf"limits\.{limit}"):
        plan_study(study(limits={limit: 1e-12}))


def test_an_unusually_long_or_large_plan_only_warns():
    recipe = {"batch": 2_000_000, "learning_rate": {"value": 1e-3}}
    plan = plan_study(study(budgets=[1e16], recipe=recipe))
    codes = [note.code for note in plan.warnings]
    assert "long-plan" in codes
    assert codes.count("much-memory") == 2  # one h100, and this machine
    assert plan_study(study()).warnings == []


def test_the_digest_ignores_what_only_reads_runs():
    base = digest(frozen_content(study()))
    assert digest(frozen_content(study(hardware={"gpu": "a100", "mfu": 0.3}))) == base
    assert digest(frozen_content(study(forecast={"flops": 1e11}))) == base
    assert digest(frozen_content(study(seeds=[1]))) != base


def test_the_difference_names_each_field():
    changed = study(recipe={"batch": 4, "learning_rate": {"value": 8.0e-3}})
    lines = difference(frozen_content(study()), frozen_content(changed))
    assert lines == ["recipe.batch: 2 → 4"]


@pytest.mark.parametrize(("width", "rate"), [(16, 8.5e-3), (64, 6e-3), (256, 3e-3)])
def test_the_learning_rate_rule(width, rate):
    recipe = parse_study(preset_text("quickstart"), "q").recipe
    assert recipe.learning_rate.rate(width) == pytest.approx(rate)
