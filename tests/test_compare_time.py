"""Laws at equal device time: known answers, changed verdicts, and why there is none."""

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import FEW, E
from test_cli import answered
from test_compare import lines, only, runs

from ditlaw.cli.tables import show
from ditlaw.comparison import compare_groups, compare_laws
from ditlaw.comparison.equal_time import EqualTime
from ditlaw.laws import fit, load_law, save_law
from ditlaw.observations import Observations
from ditlaw.report.speed import speed_table

AT = [3e19]
SPEED = 1e14  # FLOP/s


def timed(speed=SPEED, power=0.0, scatter=0.0, device="card", seed=0, **options):
    """Rows as ``test_compare.runs`` makes them, with the time of ``speed``·(N/1e9)^``power``."""
    data = runs(seed=seed, **options)
    noise = np.exp(scatter * np.random.default_rng(seed + 50).standard_normal(len(data)))
    rate = speed * (data["params"] / 1e9) ** power * noise
    return data.assign(device_seconds=data["flops"] / rate, device=device)


@cache
def _fitted(seed, share, sd):
    return fit(Observations(runs(seed=seed, share=share, sd=sd), source="table.csv"), seed=seed)


def law_of(seed=0, share=1.0, sd=0.003, **times):
    """The law of ``timed`` rows, fitted once whatever their times: a fit does not read them."""
    law = _fitted(seed, share, sd)
    frame = law.observations.frame
    new = timed(seed=seed, share=share, sd=sd, **times).loc[frame.index]
    columns = frame.assign(device_seconds=new["device_seconds"], device=new["device"])
    return replace(law, observations=replace(law.observations, frame=columns))


def compared(a, b, at=AT):
    return compare_laws([("a", a), ("b", b)], at)


def codes(result):
    return {note.code: note.text for note in result.warnings}


@pytest.fixture(scope="module")
def plain():
    """Two laws of one truth without noise, the second twice as fast."""
    return law_of(sd=0), law_of(sd=0, speed=2 * SPEED)


def test_a_law_twice_as_fast_is_at_equal_time_where_the_other_is_at_twice_the_flops(plain):
    one, fast = plain
    pair = only(compare_laws([("one", one), ("fast", fast)], AT))
    found = pair.at[0].at_equal_time
    assert found.seconds == pytest.approx(AT[0] / SPEED)
    assert (found.a_flops, found.b_flops) == pytest.approx((AT[0], 2 * AT[0]))
    assert found.a == pair.at[0].a
    expected = one.curve([2 * AT[0]]).loss.value[0]
    assert found.b == pytest.approx(expected, rel=1e-4)
    assert found.difference.value == pytest.approx(expected - found.a, rel=1e-2)
    assert found.verdict == "b"
    assert pair.at[0].verdict == "undecided"
    assert pair.device == "card"


def test_swapping_the_two_asks_what_the_slow_one_reaches_in_half_the_time(plain):
    one, fast = plain
    found = only(compare_laws([("fast", fast), ("one", one)], AT)).at[0].at_equal_time
    assert found.b_flops == pytest.approx(AT[0] / 2)
    assert found.verdict == "a"
    assert found.b == pytest.approx(one.curve([AT[0] / 2]).loss.value[0], rel=1e-4)


@given(speed=st.floats(1e6, 1e18), share=st.sampled_from([0.2, 0.8, 1.0, 3.0]))
@FEW
def test_at_equal_speeds_the_verdict_in_time_is_that_in_flops(speed, share):
    one, other = law_of(1, speed=speed), law_of(2, share, speed=speed)
    pair = only(compared(one, other, [1e18, 3e19]))
    for target in pair.at:
        found = target.at_equal_time
        assert found.b_flops == pytest.approx(target.flops, rel=1e-9)
        assert found.verdict == target.verdict
        for end in ("low", "value", "high"):
            of_time, of_flops = getattr(found.difference, end), getattr(target.difference, end)
            assert of_time == pytest.approx(of_flops, abs=1e-6)


def test_where_speed_rises_with_size_both_spend_one_time_at_their_own_best_size():
    one, other = law_of(power=0.3), law_of(1, 0.3, power=0.3, speed=0.6 * SPEED)
    pair = only(compared(one, other))
    found = pair.at[0].at_equal_time
    for law, flops, base in ((one, found.a_flops, SPEED), (other, found.b_flops, 0.6 * SPEED)):
        size = law.optimum(flops).params.value
        assert found.seconds == pytest.approx(flops / (base * (size / 1e9) ** 0.3), rel=2e-3)


def test_slower_by_more_than_it_saves_loses_in_time_and_the_change_is_said():
    result = compared(law_of(1), law_of(2, 0.5, speed=0.1 * SPEED))
    target = only(result).at[0]
    assert (target.verdict, target.at_equal_time.verdict) == ("b", "a")
    assert codes(result)["time-changes-verdict"] == (
        "a against b at 3e19: b at equal FLOPs, a at equal time."
    )
    same = compared(law_of(1), law_of(2, 0.2))
    assert "time-changes-verdict" not in codes(same)


def test_scatter_of_the_timing_widens_the_interval_and_can_undo_a_verdict():
    def width(scatter):
        one = law_of(1, sd=0.0005, scatter=scatter)
        other = law_of(2, sd=0.0005, speed=1.3 * SPEED, scatter=scatter)
        found = only(compared(one, other)).at[0].at_equal_time
        return found.difference.high - found.difference.low, found.verdict

    sure, verdict = width(0.0)
    assert verdict == "b"
    unsure, verdict = width(1.5)
    assert unsure > 3 * sure
    assert verdict == "undecided"


def test_a_stated_error_of_the_step_time_is_taken_before_the_scatter_of_runs():
    data = timed(scatter=0.5).assign(step_seconds=2.0, step_seconds_standard_error=0.1)
    speed = Observations(data, source="x").speed
    assert speed.error == pytest.approx(np.full(len(speed.error), 0.05))
    assert speed.steps == pytest.approx(np.full(len(speed.steps), 2.0))
    of_runs = Observations(timed(scatter=0.5), source="x").speed.error
    counts = timed().groupby("params").size().to_numpy()
    assert of_runs == pytest.approx(0.5 / np.sqrt(counts), rel=0.25)


def test_speed_draws_scatter_by_the_error_and_stay_constant_beyond_the_sizes():
    speed = Observations(timed(power=0.5, scatter=0.4), source="x").speed
    where = np.array([speed.log_n[0] - 3, speed.log_n[0], speed.log_n[-1], speed.log_n[-1] + 3])
    drawn = speed.draws(where, 4000, seed=1)
    assert drawn[0, [1, 2]] == pytest.approx(speed.log_speed[[0, -1]])
    assert drawn[:, 0] == pytest.approx(drawn[:, 1])
    assert drawn[:, 3] == pytest.approx(drawn[:, 2])
    assert drawn[1:, 1].std() == pytest.approx(speed.error[0], rel=0.05)


def test_straight_lines_cross_in_time_where_arithmetic_says():
    k, slope_a, slope_b, fast = 0.46, 0.10, 0.11, np.log(1.5)
    curves = lines((0.0, slope_a), (k, slope_b))
    grid = np.broadcast_to(curves.log_c, curves.a.shape)
    crossing = EqualTime(curves, grid - 30, grid - 30 - fast).crossing()
    # slope_a·(T + 30) = −k + slope_b·(T + 30 + fast)
    expected = (k - slope_b * fast) / (slope_b - slope_a) - 30
    assert np.log(crossing.seconds.value) == pytest.approx(expected)
    assert np.log(crossing.a_flops) == pytest.approx(expected + 30)
    assert crossing.b_flops / crossing.a_flops == pytest.approx(1.5)


def test_flops_that_lie_off_the_grid_have_no_answer():
    curves = lines((0.0, 0.1), (0.0, 0.1))
    grid = np.broadcast_to(curves.log_c, curves.a.shape)
    assert EqualTime(curves, grid, grid).at(np.exp(45)) is not None
    assert EqualTime(curves, grid, grid - 7).at(np.exp(45)) is None


def test_best_sizes_that_were_not_timed_are_named():
    assert "speed-beyond-sizes" not in codes(compared(law_of(1), law_of(2)))
    result = compared(law_of(1), law_of(2), [3e19, 1e23])
    assert "a at 1e23 (" in codes(result)["speed-beyond-sizes"]
    assert "at 3e19" not in codes(result)["speed-beyond-sizes"]


def test_devices_that_differ_are_refused_and_named():
    result = compared(law_of(1), law_of(2, device="other"))
    pair = only(result)
    assert pair.at[0].at_equal_time is None
    assert (pair.crossing_at_equal_time, pair.device) == (None, None)
    assert "a: card; b: other" in codes(result)["devices-differ"]
    half = np.where(np.arange(len(timed())) % 2, "card", "other")
    assert only(compared(law_of(1), law_of(2, device=half))).at[0].at_equal_time is None
    unnamed = compared(law_of(1), law_of(2, device=None))
    assert only(unnamed).at[0].at_equal_time is not None
    assert "devices-differ" not in codes(unnamed)


def test_tables_without_times_are_not_nagged_unless_the_other_has_them():
    without = compared(_fitted(1, 1.0, 0.003), _fitted(2, 1.0, 0.003))
    assert "not-timed" not in codes(without)
    assert only(without).at[0].at_equal_time is None
    one = compared(law_of(1), _fitted(2, 1.0, 0.003))
    assert codes(one)["not-timed"].startswith("b: no row says how long")
    assert "column device_seconds" in codes(one)["not-timed"]


def test_cells_that_are_no_times_are_passed_over():
    data = timed().astype({"device_seconds": object})
    data.iloc[0, data.columns.get_loc("device_seconds")] = "soon"
    data.iloc[1, data.columns.get_loc("device_seconds")] = -3.0
    speed = Observations(data, source="x").speed
    assert np.exp(speed.log_speed) == pytest.approx(np.full(len(speed.log_speed), SPEED))
    assert Observations(data.assign(device_seconds=0.0), source="x").speed is None


def test_a_saved_law_keeps_its_times(tmp_path, plain):
    path = tmp_path / "one.law.json"
    save_law(plain[0], path)
    loaded = load_law(path)
    pair = only(compare_laws([("one", loaded), ("fast", plain[1])], AT))
    assert pair.device == "card"
    assert pair.at[0].at_equal_time.b_flops == pytest.approx(2 * AT[0])


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """A table of three: the second needs less compute than the first and is slower still."""
    parts = [
        timed(seed=1).assign(family="in-context"),
        timed(seed=2, share=0.8, speed=0.5 * SPEED).assign(family="cross-attention"),
        timed(seed=3, share=0.5, speed=1.2 * SPEED).assign(family="mmdit"),
    ]
    path = tmp_path_factory.mktemp("families") / "runs.csv"
    pd.concat(parts).to_csv(path, index=False)
    return path


def test_three_families_of_one_table_are_compared_end_to_end(families):
    found = answered("compare", families, "--by", "family", "--at", 1e19, 3e19)
    pairs = {(p["a_name"], p["b_name"]): p for p in found["pairs"]}
    assert len(pairs) == 3
    changed = pairs["cross-attention", "in-context"]
    assert changed["at"][1]["verdict"] == "a"
    assert changed["at"][1]["at_equal_time"]["verdict"] == "b"
    assert changed["at"][1]["at_equal_time"]["b_flops"] == pytest.approx(6e19, rel=0.01)
    best = pairs["in-context", "mmdit"]["at"][1]
    assert best["verdict"] == best["at_equal_time"]["verdict"] == "b"
    assert any(note["code"] == "time-changes-verdict" for note in found["warnings"])


def test_text_output_names_the_better_one_and_fits_80_columns(families, capsys):
    result = compare_groups(str(families), "family", [1e19, 3e19])
    show(result)
    printed = capsys.readouterr().out
    assert "at equal time: what a's 3e19 FLOPs take on card" in printed
    (row,) = [r for r in printed.splitlines() if "7e19" in r or "7.2e19" in r or "6e19" in r][:1]
    assert row.split()[:2] == ["cross-attention", "in-context"]
    assert row.split()[-1] == "in-context"
    long = [(f"a_rather_long_recipe_{k}", law_of(k)) for k in range(3)]
    show(compare_laws(long, [1e19, 1e20]))
    show(compare_laws(long[:2], [1e19, 1e20]))
    printed += capsys.readouterr().out
    assert "no crossing in time" in printed or "equal after" in printed
    for line in printed.splitlines():
        assert len(line) <= 80 or ": " in line, line


def test_two_laws_that_cross_in_flops_cross_elsewhere_in_time():
    def law(seed, speed, power=1.0):
        """Reducible loss to a power: steeper, with the best sizes where they were."""
        data = timed(speed, seed=seed, sd=0)
        noise = np.exp(0.001 * np.random.default_rng(seed).standard_normal(len(data)))
        loss = E + 1.4 * ((data["loss"] - E) / 1.4) ** power
        return fit(Observations(data.assign(loss=loss * noise), source="x"), seed=seed)

    pair = only(compared(law(1, SPEED, power=1.3), law(2, 1.5 * SPEED), [1e18]))
    in_time = pair.crossing_at_equal_time
    assert in_time.b_flops == pytest.approx(1.5 * in_time.a_flops)
    assert in_time.seconds.value == pytest.approx(in_time.a_flops / SPEED)
    assert in_time.seconds.low < in_time.seconds.value < in_time.seconds.high
    # The flatter one gains by time, so it is overtaken later than at equal FLOPs.
    assert in_time.a_flops > 1.2 * pair.crossing.value


def test_the_report_has_a_table_of_measured_speed(plain):
    table = speed_table(SimpleNamespace(law=plain[0]))
    assert "on card" in table.caption
    assert len(table.rows) == plain[0].observations.frame["params"].nunique()
    assert {row[1].text for row in table.rows} == {"1e14"}
    assert speed_table(SimpleNamespace(law=_fitted(1, 1.0, 0.003))) is None
