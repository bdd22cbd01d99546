"""Studies that compare: several families, sweeps of settings, replicates where they tell most."""

import json

import pandas as pd
import pytest
import yaml
from conftest import TINY

from ditlaw.data.scenes import Scenes
from ditlaw.errors import BadInput, Refused
from ditlaw.observations import load_groups, load_observations, study_frame
from ditlaw.study import Study, narrowed, open_study, parse_study, study_runs, variants
from ditlaw.sweep import run_study
from ditlaw.training.folder import RunFolder
from ditlaw.verification import checked_variant, variant_name, verify_folder


def study(**changes) -> Study:
    return parse_study(yaml.safe_dump(yaml.safe_load(TINY) | changes), "s.yaml")


def test_several_families_are_trained_on_the_same_data_seeds_and_grid():
    three = ["in-context", "cross-attention", {"name": "masked", "options": {"masking": "drop"}}]
    runs = study_runs(study(family=three, seeds=[0, 1]))
    by_family = {}
    for run in runs:
        by_family.setdefault(run.design().label, []).append(run)
    assert list(by_family) == ["in-context", "cross-attention", "masked,masking=drop"]
    for own in by_family.values():
        assert [(r.shape, r.seed, r.data, r.geometry, r.evaluation, r.recipe) for r in own] == [
            (r.shape, r.seed, r.data, r.geometry, r.evaluation, r.recipe)
            for r in by_family["in-context"]
        ]
    assert len({run.id for run in runs}) == len(runs)


def test_a_family_may_have_sizes_of_its_own():
    own = [{"depth": 1, "width": 20, "heads": 2}]
    runs = study_runs(study(family=["in-context", {"name": "mmdit", "shapes": own}]))
    assert {run.width for run in runs if run.family == "mmdit"} == {20}
    assert {run.width for run in runs if run.family == "in-context"} >= {16}


def test_lists_in_a_shape_are_all_combinations():
    grid = study(shapes=[{"depth": [1, 2], "width": [16, 24], "heads": 2}, {"depth": 3}])
    assert [(s.depth, s.width, s.heads) for s in grid.shapes] == [
        (1, 16, 2),
        (1, 24, 2),
        (2, 16, 2),
        (2, 24, 2),
        (3, None, None),
    ]


def test_a_sweep_replaces_what_it_is_named_after_in_every_combination():
    swept = study(sweep={"learning_rate": [1e-3, 4e-3], "batch": [2, 8], "text_tokens": [4, 16]})
    found = [
        (v.study.recipe.learning_rate.value, v.study.recipe.batch, v.study.geometry.text_tokens)
        for v in variants(swept)
    ]
    assert len(set(found)) == 8
    assert {batch for _, batch, _ in found} == {2, 8}
    runs = study_runs(swept)
    assert len({run.id for run in runs}) == len(runs) == 8 * len(study_runs(study()))
    one = next(run for run in runs if "-t4-b8-lr0.004-" in run.id)
    assert (one.learning_rate, one.recipe.batch, one.geometry.text_tokens) == (4e-3, 8, 4)
    # A rule of the width stays a rule: the swept value is the rate at the rule's own width.
    ruled = study(
        recipe={"learning_rate": {"value": 1.0, "width": 64, "exponent": 1.0}},
        sweep={"learning_rate": [1e-3]},
        shapes=[{"depth": 1, "width": 32, "heads": 2}],
    )
    assert study_runs(ruled)[0].learning_rate == pytest.approx(2e-3)


def test_replicates_are_of_the_middle_sizes_and_end_where_those_are_no_longer_near():
    widths = [16, 20, 24, 28, 32, 40, 48]
    shapes = [{"depth": 1, "width": w, "heads": 2} for w in widths]
    for small in shapes[:3]:
        small["until"] = 3e9
    replicated = study(
        budgets=[3e9, 6e9], shapes=shapes, replicates={"seeds": [7], "sizes": 2}, seeds=[0]
    )
    more = {
        run.width: [stop.budget for stop in run.stops]
        for run in study_runs(replicated)
        if run.seed == 7
    }
    # The middles in ln params: of all seven near width 28, of the four that go on near 36.
    assert more == {28: [3e9], 32: [3e9, 6e9], 40: [3e9, 6e9]}
    assert {run.seed for run in study_runs(replicated)} == {0, 7}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family": []}, "family: "),
        ({"family": ["in-context", "in-context"]}, "family: one family is listed twice"),
        ({"family": ["in-context", "mdit"]}, "family: 'mdit' is unknown"),
        (
            {"family": ["in-context", "masked"], "options": {"ratio": 0.5}},
            "options: are of one family; write them in its entry",
        ),
        ({"family": [{"name": "mmdit", "size": 3}]}, "family.0.size: unknown field"),
        (
            {"family": [{"name": "mmdit", "shapes": [{"depth": 1, "width": 18, "heads": 4}]}]},
            r"family.0.shapes.0.\w+: .* use",
        ),
        ({"sweep": {"rate": [1]}}, "sweep.rate: unknown field"),
        ({"sweep": {"batch": [8, 8]}}, "sweep: batch: a value is listed twice"),
        ({"sweep": {"patch": [3]}}, "sweep.patch: 3 does not divide"),
        ({"sweep": {"text_tokens": [5]}}, "sweep.text_tokens: scenes have 1, 4, 16"),
        (
            {
                "sweep": {"learning_rate": [1e-3]},
                "recipe": {"learning_rate": {"value": 1e-3, "max": 2e-3}},
            },
            "sweep.learning_rate: recipe.learning_rate.max",
        ),
        ({"replicates": {"seeds": [0]}}, "replicates.seeds: 0 is in seeds too"),
        ({"shapes": []}, "shapes: is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compared_is_one_line(changes, said):
    with pytest.raises(BadInput, match=said) as error:
        study(**changes)
    assert "\n" not in str(error.value)


def test_scenes_have_layouts_of_several_lengths_of_the_same_pictures():
    coarse, fine = Scenes(3, text_tokens=4).read(0, 50), Scenes(3).read(0, 50)
    assert coarse.words.shape == (50, 4)
    assert (coarse.images == fine.images).all()
    one = Scenes(3, text_tokens=1).read(0, 50)
    assert one.words.shape == (50, 1)


def test_captions_of_a_cache_are_cut(tmp_path, monkeypatch):
    from types import SimpleNamespace

    from ditlaw.data.batch import Batch
    from ditlaw.data.source import _cut

    batch = Batch(Scenes(0).read(0, 3).images, Scenes(0).read(0, 3).text)
    source = SimpleNamespace(samples=3, pixels=True, read=lambda start, count: batch)
    assert _cut(source, 16, None) is source
    assert _cut(source, 16, 16) is source
    short = _cut(source, 16, 5).read(0, 3)
    assert (short.words == batch.words[:, :5]).all()
    assert _cut(source, 16, 0).read(0, 3).text is None


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A study of two families at two batches, trained; one rate makes some runs diverge."""
    folder = tmp_path_factory.mktemp("compared")
    text = yaml.safe_dump(
        yaml.safe_load(TINY)
        | {
            "family": ["in-context", "cross-attention"],
            "sweep": {"batch": [2, 4]},
            "shapes": [{"depth": 1, "width": 16, "heads": 2}],
        }
    )
    (folder / "s.yaml").write_text(text)
    run_study(folder / "s.yaml", folder / "out")
    return folder / "out"


def test_rows_tell_what_is_compared(compared):
    frame = study_frame(compared, open_study(compared))
    assert set(frame["family"]) == {"in-context", "cross-attention"}
    assert set(frame["batch"]) == {2, 4}
    assert set(frame["text_tokens"]) == {16}
    assert frame["loss_zero"].nunique() == 1  # of the grid alone
    assert (frame["loss_zero"] > 1).all()  # E|ε − x0|² of unit noise and pictures
    # One grid: the same pictures, whatever the family and batch.
    assert frame["evaluated_on"].nunique() == 1


def test_a_law_holds_one_family_and_knows_its_study(compared):
    with pytest.raises(Refused, match="column 'family' holds cross-attention, in-context"):
        load_observations(str(compared))
    rows = load_observations(str(compared), ["family=in-context", "batch=4"])
    assert rows.study is not None
    assert rows.study.design().name == "in-context"
    assert rows.study.recipe.batch == 4
    groups, _ = load_groups(str(compared), "family", ["batch=2"])
    assert {g.study.design().name for g in groups.values()} == {"in-context", "cross-attention"}


def test_a_diverged_run_has_a_row_for_every_budget_that_it_missed(compared, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(compared, copy)
    spec = study_runs(open_study(copy))[0]
    run = RunFolder(copy / "runs" / spec.id)
    first = run.observations_path.read_text().splitlines()[0]
    run.observations_path.write_text(first + "\n")
    run.log("diverged", step=spec.stops[0].step + 1, reason="loss nan")
    rows = study_frame(copy, open_study(copy)).query("run == @spec.id")
    assert list(rows["budget"]) == [stop.budget for stop in spec.stops]
    assert list(rows["note"].unique()) == ["run diverged"]
    assert rows["loss"].notna().tolist() == [True] + [False] * (len(spec.stops) - 1)
    kept = load_observations(str(copy), [f"family={spec.design().label}"])
    assert spec.id not in set(kept.frame["run"])


def test_a_check_is_of_one_variant(compared):
    several = open_study(compared)
    with pytest.raises(Refused, match=r"2 families .* choose one with --where family=in-context"):
        checked_variant(several, compared, [])
    with pytest.raises(Refused, match=r"2 batch .* --where batch=2"):
        checked_variant(several, compared, ["family=in-context"])
    with pytest.raises(BadInput, match="it takes family, dataset"):
        checked_variant(several, compared, ["width=16"])
    with pytest.raises(BadInput, match="--where: family"):
        checked_variant(several, compared, ["family=incontext"])
    one = checked_variant(several, compared, ["family=in-context", "batch=4"])
    name = variant_name(several, one)
    assert verify_folder(compared, 1e10, name).name == "1e+10-in-context-b4"
    rates = study(sweep={"learning_rate": [1e-3, 2e-3]})
    with pytest.raises(Refused, match="several learning rates"):
        checked_variant(rates, compared, [])


def test_a_study_is_narrowed_to_what_its_rows_hold():
    several = study(
        family=["in-context", "mmdit"], sweep={"patch": [2, 4], "learning_rate": [1e-3, 2e-3]}
    )
    one = narrowed(several, {"family": {"mmdit"}, "patch": {"4.0"}})
    assert one.design().name == "mmdit"
    assert one.geometry.patch == 4
    assert one.sweep.learning_rate == [1e-3, 2e-3]
    with pytest.raises(Refused, match="family: the study has in-context, mmdit"):
        several.design()
    assert Study.model_validate(json.loads(one.model_dump_json())) == one


def test_rates_that_runs_would_be_named_alike_by_are_refused():
    with pytest.raises(BadInput, match="sweep: learning_rate: a value is listed twice"):
        study(sweep={"learning_rate": [1e-3, 1.0000000001e-3]})


def test_one_value_need_not_be_written_as_a_list_or_mapping():
    short = study(recipe={"learning_rate": 1e-3}, sweep={"batch": 4})
    assert short.recipe.learning_rate.value == 1e-3
    assert short.sweep.batch == [4]


def test_rows_of_an_older_version_are_told_by_their_specs(compared, tmp_path):
    import shutil

    copy = tmp_path / "old"
    shutil.copytree(compared, copy)
    for path in copy.glob("runs/*/observations.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            del row["parametrization"], row["patch"], row["cooldown"]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    now, then = (study_frame(folder, open_study(folder)) for folder in (compared, copy))

    pd.testing.assert_frame_equal(then[sorted(then)], now[sorted(now)])
