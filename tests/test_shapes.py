"""Shape studies where the truth is known: best ratios, what shape says, other axes, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shapes_data import BUDGETS, MIDDLE, best_ratio, observed, shapes_frame
from test_cli import answered

from ditlaw.aspect import shape_study, shapes_of
from ditlaw.aspect.design import similar_ratios
from ditlaw.aspect.regression import regress
from ditlaw.aspect.rows import read_shapes
from ditlaw.cli import run
from ditlaw.cli.tables import show
from ditlaw.errors import BadInput, Refused
from ditlaw.observations import Observations, load_observations
from ditlaw.report.material import gather
from ditlaw.report.page import render
from ditlaw.report.shapes import shapes_section
from ditlaw.results import ShapesResult
from ditlaw.study import load_study, narrowed
from ditlaw.study.sweep_section import SweepSection


def studied(frame=None, level=0.9, tolerance=0.01, **options):
    table = observed(frame, **options)
    return shape_study(table, level=level, tolerance=tolerance).result


def codes(result):
    return {note.code for note in result.warnings}


def other(frame, factor, **columns):
    """The same runs with another value somewhere and a loss that many times as high."""
    made = frame.assign(**columns)
    tail = "-".join(f"{k}{v}" for k, v in columns.items())
    return made.assign(
        loss=made["loss"] * factor, run=made["run"] + tail, trunk=made["trunk"] + tail
    )


@pytest.mark.parametrize("exponent", [0.0, -0.3])
def test_the_best_ratio_and_its_exponent_are_recovered(exponent):
    result = studied(exponent=exponent)
    law = result.law
    assert law.says_more
    assert law.with_shape.residual_sd == pytest.approx(0.003, rel=0.25)
    assert law.size_only.residual_sd > 2 * law.with_shape.residual_sd
    assert law.with_shape.left_out_error < law.size_only.left_out_error
    assert law.with_shape.aicc < law.size_only.aicc
    assert law.ratio.exponent.value == pytest.approx(exponent, abs=0.06)
    for budget, flops in zip(law.budgets, BUDGETS, strict=True):
        truth = float(best_ratio(flops, exponent=exponent))
        assert budget.best_ratio.value == pytest.approx(truth, rel=0.1)
        assert budget.inside
        # 0.01·y² is 1 % where y² is about 1.
        reach = float(np.exp(np.sqrt(np.log(1.01) / 0.01)))
        assert budget.within.low.value == pytest.approx(truth / reach, rel=0.12)
        if not budget.within.high_at_edge:
            assert budget.within.high.value == pytest.approx(truth * reach, rel=0.12)
    assert result.noise_from == "replicates"
    assert codes(result) == set()


def test_depth_and_width_follow_size_and_ratio():
    law = studied(exponent=-0.3).law
    for budget in law.budgets:
        depth, width = budget.best_depth.value, budget.best_width.value
        assert width / depth == pytest.approx(budget.best_ratio.value, rel=1e-6)
        counted = 12 * depth * width**2 + 90 * width  # as the table's params are
        assert counted == pytest.approx(budget.best_params.value, rel=0.02)
    ratio = law.width.exponent.value - law.depth.exponent.value
    assert ratio == pytest.approx(law.ratio.exponent.value, abs=0.01)
    at_middle = law.ratio.coefficient.value * MIDDLE**law.ratio.exponent.value
    assert at_middle == pytest.approx(12, rel=0.05)


@pytest.mark.parametrize("seeds", [1, 2])
def test_intervals_hold_the_truth_about_as_often_as_they_say(seeds):
    held = []
    for seed in range(30):
        law = studied(seed=seed, seeds=seeds, exponent=-0.2).law
        for budget, flops in zip(law.budgets, BUDGETS, strict=True):
            truth = float(best_ratio(flops, exponent=-0.2))
            held.append(budget.best_ratio.low <= truth <= budget.best_ratio.high)
        held.append(law.ratio.exponent.low <= -0.2 <= law.ratio.exponent.high)
    assert 0.8 <= np.mean(held) <= 0.98


def test_without_an_effect_of_shape_size_alone_is_preferred():
    found = [studied(curvature=0.0, seed=seed).law for seed in range(30)]
    said = [law.says_more for law in found]
    assert said.count(True) <= 4  # one in twenty is what the test allows by chance
    assert said.count(False) >= 18
    law = found[said.index(False)]
    assert "no more than the size alone" in law.text
    for budget in law.budgets:
        low, high = budget.tried_range
        assert budget.within.low_at_edge
        assert budget.within.high_at_edge
        assert budget.within.low.value == pytest.approx(low)
        assert budget.within.high.value == pytest.approx(high)
        assert budget.within.low.low is budget.within.high.high is None
        assert {tried.standing for tried in budget.tried} == {"within"}
    assert "the edge of what was tried" in law.text


def test_a_best_ratio_beyond_those_tried_is_said_to_be_open():
    result = studied(ratio=600.0, curvature=0.005)
    law = result.law
    assert law.says_more
    for budget in law.budgets:
        assert not budget.inside
        assert budget.best_ratio.value == pytest.approx(budget.tried_range[1])
        assert budget.best_ratio.high is None
        assert budget.within.high_at_edge
        assert budget.best_depth is None
    assert codes(result) == {"ratio-edge"}


def test_a_valley_that_leans_is_seen():
    found = []
    for seed in range(10):
        frame = shapes_frame(curvature=0.0, seed=seed)
        y = np.log(frame["width"] / frame["depth"] / 12)
        frame["loss"] *= np.exp(0.01 * y**2 * np.exp(-0.4 * y))
        law = studied(frame).law
        assert law.leans
        found += [np.log(budget.best_ratio.value / 12) for budget in law.budgets]
    assert abs(np.mean(found)) < 0.12  # a parabola is off by 0.34
    assert not studied().law.leans


def test_the_regret_of_tried_ratios():
    law = studied(curvature=0.02).law
    for budget in law.budgets:
        standings = {}
        for tried in budget.tried:
            truth = np.expm1(0.02 * np.log(tried.ratio / 12) ** 2)
            assert tried.regret.value == pytest.approx(truth, abs=0.004)
            standings[round(tried.ratio)] = tried.standing
        assert standings[12] == standings[16] == "within"
        assert standings[48] == "worse"
        assert sum(tried.runs for tried in budget.tried) == budget.runs


def test_only_ratios_near_the_best_are_read_where_the_valley_is_steep():
    wide = studied(curvature=0.05, widths=(16, 24, 32, 48, 64, 96, 128)).law
    for budget in wide.budgets:
        low, high = budget.tried_range
        assert low >= 12 / 6.6
        assert high <= 12 * 6.6
        assert budget.best_ratio.value == pytest.approx(12, rel=0.05)


def test_one_budget_tells_of_ratios_and_of_no_exponent():
    law = studied(budgets=BUDGETS[2:3]).law
    assert law.ratio is law.params is law.depth is None
    assert law.budgets[0].best_ratio.low < 12 < law.budgets[0].best_ratio.high


def test_few_seeds_are_said():
    result = studied(seeds=1)
    assert result.noise_from == "residuals"
    assert result.run_noise == pytest.approx(0.003, rel=0.4)
    assert codes(result) == {"no-replicates"}


def test_runs_of_unlike_heads_are_no_replicates():
    """The same params, another design: were they taken for seeds, run noise would be 2 %."""
    frame = shapes_frame(seeds=1)
    result = studied(pd.concat([frame, other(frame, 1.04, heads=8)], ignore_index=True))
    assert result.noise_from == "residuals"
    assert result.run_noise < 0.005


@pytest.mark.parametrize(
    ("axis", "value", "basis"),
    [
        ("heads", 8, "matched"),
        ("patch", 4, "best size"),
        ("text_tokens", 8, "best size"),
        ("batch", 16, "best size"),
    ],
)
def test_other_axes_are_compared_at_fixed_flops(axis, value, basis):
    frame = shapes_frame(curvature=0.002, patch=2, text_tokens=16, batch=8)
    worse = studied(pd.concat([frame, other(frame, 1.03, **{axis: value})], ignore_index=True))
    (found,) = worse.axes
    assert found.axis == axis
    assert worse.law.says_more is not None or worse.law  # the law is of the usual value alone
    for budget in found.budgets:
        best, second = budget.values
        assert budget.basis == basis
        assert best.value == f"{frame[axis].iloc[0]:g}"
        assert best.difference.value == 0
        assert second.difference.low < 0.03 < second.difference.high
        assert second.standing == "worse"
    assert f"{value} worse" in found.text
    noisy = other(shapes_frame(curvature=0.002, seed=1), 1.0, patch=2, text_tokens=16, batch=8)
    same = studied(
        pd.concat([frame, other(noisy, 1.002, **{axis: value})], ignore_index=True), tolerance=0.02
    )
    assert {v.standing for b in same.axes[0].budgets for v in b.values} == {"within"}


def test_an_axis_of_few_shapes_is_matched_run_by_run():
    frame = shapes_frame(patch=2)
    few = frame[(frame["depth"] == 2) & frame["width"].isin([32, 48])]
    result = studied(pd.concat([frame, other(few, 0.98, patch=4)], ignore_index=True))
    (axis,) = result.axes
    for budget in axis.budgets:
        assert budget.basis == "matched"
        assert budget.shapes == 2
        assert [v.value for v in budget.values] == ["4", "2"]
        assert budget.values[1].difference.value == pytest.approx(1 / 0.98 - 1, abs=1e-9)
        assert budget.values[1].runs == 4
    assert result.law.runs <= len(frame)
    assert codes(result) == {"other-settings"}


def test_what_differs_in_more_than_the_axis_is_not_compared():
    frame = shapes_frame(patch=2, text_tokens=16)
    few = frame[(frame["depth"] == 2) & frame["width"].isin([32, 48])]
    both = other(few, 1.05, patch=4, text_tokens=8)
    result = studied(pd.concat([frame, both], ignore_index=True))
    assert result.axes == []
    assert codes(result) == {"other-settings", "unmatched-axis"}


def same_to_rounding(a, b):
    """Whether all that two answers say agrees; sums in another order differ in their last bits."""
    if isinstance(a, float):
        return a == pytest.approx(b, rel=1e-9, abs=1e-12)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_to_rounding(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_to_rounding, a, b))
    return a == b


def test_of_several_learning_rates_the_best_of_each_design_is_read():
    frame = shapes_frame(learning_rate=1e-3)
    swept = pd.concat([frame, other(frame, 1.2, learning_rate=3e-4)], ignore_index=True)
    result = studied(swept)
    assert codes(result) == {"best-rate-only"}
    assert result.rows.used == len(frame)
    assert len(result.rows.dropped) == len(frame)
    alone = studied(frame).law
    assert len(result.law.budgets) == len(alone.budgets)
    for budget, same in zip(result.law.budgets, alone.budgets, strict=True):
        assert same_to_rounding(budget.model_dump(), same.model_dump())


def test_single_blocks_count_as_depth():
    frame = shapes_frame()
    split = frame.assign(single_depth=frame["depth"] / 2, depth=frame["depth"] / 2)
    assert studied(split).law.budgets == studied(frame).law.budgets


@pytest.mark.parametrize(
    ("options", "lack"),
    [
        ({"depths": (2,)}, "3 ratios width/depth at a similar size .* the most is 1"),
        ({"depths": (1, 8), "widths": (16, 24, 32, 48, 64)}, "3 ratios .* the most is 2"),
        ({"widths": (32,), "depths": (2, 4, 8)}, "4 sizes within a factor 6"),
    ],
)
def test_a_design_that_cannot_tell_is_refused(options, lack):
    with pytest.raises(Refused, match=lack) as error:
        studied(**options)
    assert "\n" not in str(error.value)


def test_too_few_rows_are_refused():
    frame = shapes_frame(depths=(1, 2, 4), widths=(22, 32, 45), budgets=BUDGETS[:1], seeds=1)
    size = frame["depth"] * frame["width"] ** 2
    few = frame[(size < 1.3 * size.median()) & (size > size.median() / 3)]
    with pytest.raises(Refused, match=r"5 rows .* do not tell size and ratio apart"):
        studied(few)


def test_heads_of_the_most_common_rule_are_in_the_law():
    """A head size for all shapes, and one shape with other head counts."""
    frame = shapes_frame()
    ruled = frame.assign(heads=frame["width"] // 8)
    few = ruled[(ruled["depth"] == 2) & (ruled["width"] == 48)]
    swept = pd.concat([ruled, *(other(few, 1.1, heads=h) for h in (2, 4, 12))], ignore_index=True)
    read = read_shapes(observed(swept), "loss")
    assert (read.frame["heads"][read.base] == read.frame["width"][read.base] // 8).all()
    assert read.base.sum() == len(ruled)
    (axis,) = studied(swept).axes
    assert all(budget.values[0].value == "6" for budget in axis.budgets)


def test_bad_input_is_named():
    with pytest.raises(BadInput, match="column 'depth' is missing"):
        studied(shapes_frame().drop(columns="depth"))
    with pytest.raises(BadInput, match="no row has depth, width and a budget"):
        studied(shapes_frame().assign(budget=np.nan))
    with pytest.raises(BadInput, match="tolerance: 2 is not between"):
        studied(tolerance=2.0)
    with pytest.raises(BadInput, match="level: 90 is not between"):
        studied(level=90)


def test_rows_without_a_shape_are_left_out():
    frame = shapes_frame()
    frame["depth"] = frame["depth"].astype(object)
    frame.loc[[1, 5], "depth"] = ["many", None]
    result = studied(frame)
    assert [d.row for d in result.rows.dropped] == [1, 5]


def test_ratios_at_a_similar_size():
    sizes = np.log([100.0, 120, 140, 400, 420, 1000])
    ratios = np.log([1.0, 2, 4, 8, 8.1, 16])
    assert similar_ratios(sizes, ratios) == 3
    assert similar_ratios(sizes[3:], ratios[3:]) == 1


def test_errors_of_left_out_shapes_are_those_of_a_fit_without_them():
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(12), rng.standard_normal((12, 2))])
    y, sd = rng.standard_normal(12), rng.uniform(0.5, 2, 12)
    trunk = np.repeat(np.arange(6), 2)
    shape = np.repeat(np.arange(3), 4)
    whole = regress(y, design, trunk, sd, 0.4, shape)
    covariance = np.outer(sd, sd) * (0.4 * (trunk[:, None] == trunk) + 0.6 * np.eye(12))
    for left in range(3):
        kept, out = np.flatnonzero(shape != left), np.flatnonzero(shape == left)
        inverse = np.linalg.inv(covariance[np.ix_(kept, kept)])
        x = design[kept]
        beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y[kept])
        np.testing.assert_allclose(whole.left_out[out], y[out] - design[out] @ beta)
    inverse = np.linalg.inv(covariance)
    beta = np.linalg.solve(design.T @ inverse @ design, design.T @ inverse @ y)
    np.testing.assert_allclose(whole.beta, beta)
    assert whole.rss == pytest.approx(whole.residual @ inverse @ whole.residual)


def test_a_rule_of_batches_is_no_sweep():
    """A batch that grows with the budget leaves every shape in the law."""
    frame = shapes_frame()
    ruled = frame.assign(batch=(8 * np.sqrt(frame["budget"] / BUDGETS[0])).round())
    assert read_shapes(observed(ruled), "loss").base.all()
    assert studied(ruled).law.budgets == studied(frame).law.budgets


def test_the_order_of_rows_does_not_matter():
    frame = shapes_frame()
    mixed = frame.sample(frac=1, random_state=1)
    assert studied(mixed).law == studied(frame).law


def test_the_command(tmp_path, capsys):
    path = tmp_path / "shapes.csv"
    shapes_frame(exponent=-0.2).to_csv(path, index=False)
    answer = answered("shapes", str(path), "--tolerance", "0.02")
    result = ShapesResult.model_validate(answer)
    assert result.tolerance == 0.02
    assert result.law.says_more
    assert json.loads(result.model_dump_json()) == answer
    show(result)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines()[3:8])) <= 80
    assert "within 2 %" in said
    assert run(["shapes", str(path), "--where", "depth=2"]) == 3
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("axis", "usual", "tried"),
    [("patch", 2, 4), ("text_tokens", 16, 32), ("parametrization", "standard", "mup:16")],
)
def test_the_command_compares_the_settings_of_a_table(tmp_path, axis, usual, tried):
    path = tmp_path / "several.csv"
    frame = shapes_frame(**{axis: usual})
    few = frame[frame["depth"] == 2]
    pd.concat([frame, other(few, 1.05, **{axis: tried})]).to_csv(path, index=False)
    result = ShapesResult.model_validate(answered("shapes", str(path)))
    # The law is of the usual setting alone, as if the other rows were not there.
    found, alone = result.law.budgets[-1], studied(frame).law.budgets[-1]
    assert found.runs == alone.runs
    assert found.best_ratio.value == pytest.approx(alone.best_ratio.value, rel=0.02)
    assert "other-settings" in codes(result)
    named = [a.axis for a in result.axes]
    assert named == ([] if axis == "parametrization" else [axis])
    for found in result.axes:
        assert [v.value for v in found.budgets[-1].values] == [str(usual), str(tried)]
    with pytest.raises(Refused, match=axis):  # a law of compute is still of one of them
        load_observations(str(path))


def test_rows_of_several_patches_have_no_tokens_of_one_image():
    example = Path(__file__).parents[1] / "examples" / "depth_or_width.yaml"
    made = load_study(example).model_copy(update={"sweep": SweepSection(patch=[2, 4])})
    frame = shapes_frame(patch=2).assign(images=1.0)  # their tokens per image disagree
    table = Observations(frame, source="t", study=made)
    assert table.tokens_per_image() is None
    one = narrowed(made, {"patch": {"4"}})
    assert replace(table, study=one).tokens_per_image() == one.geometry.tokens_per_sample()


def test_the_report_shows_the_shapes(tmp_path):
    path = tmp_path / "shapes.csv"
    frame = shapes_frame(batch=8)
    few = frame[(frame["depth"] == 2) & frame["width"].isin([32, 48])]
    pd.concat([frame, other(few, 1.05, batch=16)], ignore_index=True).to_csv(path, index=False)
    material = gather(str(path))
    section = shapes_section(material.shape_study)
    result = material.shape_study.result
    assert result == shapes_of(str(path)).result  # rows that the law has dropped are compared too
    assert section.said[0].startswith("At 4.8e11 FLOPs a width/depth from 4.")
    assert [row[0].text for row in section.tried.rows][:3] == ["3", "4", "6"]
    assert section.budgets.rows[-1][1].text == f"{result.law.budgets[-1].best_ratio.value:.3g}"
    assert [row[-1].text for row in section.axes[0].rows] == ["best", "worse"] * len(BUDGETS)
    (figure,) = section.figures
    drawn = sum(len(trace["x"]) for trace in figure["data"] if trace["mode"] == "markers")
    assert drawn == result.law.runs
    page = render(material)
    assert 'id="shapes"' in page
    assert section.said[0].partition("'")[0] in page


def test_a_table_of_one_depth_has_no_such_section(tmp_path):
    path = tmp_path / "table.csv"
    shapes_frame(depths=(2,)).to_csv(path, index=False)
    material = gather(str(path))
    assert shapes_section(material.shape_study) is None
    assert 'id="shapes"' not in render(material)
