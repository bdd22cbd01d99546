"""Comparisons: known crossings, simulations of known truth, verdicts, groups, bad usage."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws_data import ALPHA, BETA, FEW, A, B, E, frame, observed
from test_cli import answered

from ditlaw.cli import run
from ditlaw.cli.tables import show
from ditlaw.comparison import compare_groups, compare_laws, compare_sources, pairs
from ditlaw.comparison.curves import Curves
from ditlaw.errors import BadInput, Refused
from ditlaw.laws import fit
from ditlaw.published import published_law
from ditlaw.results import Quantity

DENSE, SPARSE = "published:dit-in-context", "published:dit-in-context-sparse"
GRID = np.linspace(40, 50, 101)


def runs(share=1.0, sd=0.003, seed=0):
    """Runs of a surface whose best loss takes ``share`` of the usual compute."""
    data = frame(seeds=2)
    n, d = data["params"] / share**0.5, data["tokens"] / share**0.5
    noise = np.exp(sd * np.random.default_rng(seed).standard_normal(len(data)))
    return data.assign(loss=(E + A / n**ALPHA + B / d**BETA) * noise)


def law(seed=0, **options):
    return fit(observed(runs(seed=seed, **options)), seed=seed)


def only(result):
    assert len(result.pairs) == 1
    return result.pairs[0]


def lines(a, b, spread=0.0, draws=200, level=0.9):
    """Curves ln L = k − s·ln C of (k, s) each, b's k spread evenly over ±spread in the draws."""
    shift = np.append(0.0, np.linspace(-spread, spread, draws))[:, None]
    one = np.broadcast_to(a[0] - a[1] * GRID, (draws + 1, len(GRID)))
    return Curves(GRID, one, b[0] - b[1] * GRID + shift, level)


def test_dense_and_sparse_captions_cross_inside_the_fitted_range():
    result = compare_sources({DENSE: DENSE, SPARSE: SPARSE}, [1e17, 6e18, 1.5e21], metric="frechet")
    pair = only(result)
    assert pair.crossing.value == pytest.approx(1.8e18, rel=0.02)
    below, above, far = pair.at
    assert (below.a, below.b) == pytest.approx((237, 225), abs=0.6)
    assert (above.a, above.b) == pytest.approx((91.1, 93.1), abs=0.06)
    assert (far.a, far.b) == pytest.approx((25.0, 28.2), abs=0.06)
    assert [at.verdict for at in pair.at] == ["b", "undecided", "a"]
    said = {note.code: note.text for note in result.warnings}
    assert "inside the fitted range" in said["crossing-inside-range"]
    # Two exponents of three digits leave two decades open, and the tool says so.
    assert pair.crossing.low == pytest.approx(2e17, rel=0.1)
    assert pair.crossing.high == pytest.approx(2e19, rel=0.15)
    assert "rounding" in said["crossing-inside-range"]
    assert "1e17" in said["exponent-misleads"]
    assert {"different-quantities", "very-far-beyond", "rounding-only"} <= set(said)
    assert pair.exponent_difference.value == pytest.approx(-0.018)


def test_without_noise_the_ratio_of_compute_is_recovered():
    result = compare_laws([("a", law(sd=0)), ("b", law(sd=0, share=0.8))], [3e19, 1e20])
    for at in only(result).at:
        assert at.compute_ratio.value == pytest.approx(0.8, abs=0.02)
        assert at.difference.value == pytest.approx(at.b - at.a)


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_the_interval_holds_the_true_ratio_of_compute(seed):
    pair = only(compare_laws([("a", law(seed)), ("b", law(seed + 1, share=0.8))], [3e19]))
    ratio = pair.at[0].compute_ratio
    assert ratio.low < 0.8 < ratio.high
    assert ratio.high / ratio.low < 4


def test_laws_of_one_truth_are_undecided_and_a_law_is_not_better_than_itself():
    one, other = law(1), law(2)
    for a, b in ((one, other), (one, one)):
        pair = only(compare_laws([("a", a), ("b", b)], [1e18, 1e20]))
        assert [at.verdict for at in pair.at] == ["undecided", "undecided"]
        assert pair.at[0].compute_ratio.low < 1 < pair.at[0].compute_ratio.high


def test_a_law_that_needs_a_fifth_of_the_compute_is_better_and_values_are_the_forecasts():
    a, b = law(1), law(2, share=0.2)
    at = only(compare_laws([("a", a), ("b", b)], [3e19])).at[0]
    assert at.verdict == "b"
    assert at.difference.high < 0
    assert at.compute_ratio.high < 1
    assert at.a == pytest.approx(a.optimum(3e19).loss.value, rel=1e-12)
    assert at.b == pytest.approx(b.optimum(3e19).loss.value, rel=1e-12)


@given(
    shift=st.floats(-0.05, 0.05),
    slope=st.floats(0.05, 0.3),
    gap=st.floats(0.01, 0.04),
    log_c=st.floats(44, 46),
)
@FEW
def test_straight_lines_are_compared_by_arithmetic_and_swapping_them_inverts(
    shift, slope, gap, log_c
):
    a, b = (0.0, slope), (gap * 45 + shift * gap, slope + gap)  # equal at 45 + shift
    curves, swapped = lines(a, b), lines(b, a)
    assert np.log(curves.crossing().value) == pytest.approx(45 + shift)
    assert np.log(swapped.crossing().value) == pytest.approx(45 + shift)
    # b has a's loss where b[0] − b[1]·x = −slope·ln C.
    expected = (b[0] + slope * log_c) / b[1] - log_c
    assert np.log(curves.compute_ratio(log_c).value) == pytest.approx(expected, abs=1e-6)
    assert curves.exponent_difference(log_c).value == pytest.approx(gap, rel=1e-6)
    assert curves.difference(log_c).value == pytest.approx(-swapped.difference(log_c).value)


def test_a_crossing_beyond_the_grid_in_many_draws_has_no_bound_there():
    # Equal at 49 of a grid that ends at 50, ±2 in the draws: the upper tail lies beyond it.
    crossing = lines((0, 0.1), (0.02 * 49, 0.12), spread=0.04).crossing()
    assert np.log(crossing.value) == pytest.approx(49)
    assert np.log(crossing.low) == pytest.approx(47.2, abs=0.05)
    assert crossing.high is None
    # Equal beyond the grid in the estimate, or in more than half of the draws: nothing is said.
    assert lines((0, 0.1), (0.02 * 51, 0.12), spread=0.04).crossing() is None
    assert lines((0, 0.1), (1.0, 0.1)).crossing() is None


def test_no_ratio_where_b_never_reaches_the_loss_of_a():
    flat = lines((0, 0.2), (-1.0, 0.0), spread=0.1)
    assert flat.compute_ratio(45) is None
    # Some draws never do: no upper bound.
    slow = lines((0, 0.1), (0.01 * 45, 0.11), spread=0.8)
    ratio = slow.compute_ratio(45)
    assert ratio.high is None
    assert slow.difference(45).low < 0 < slow.difference(45).high


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Two recipes that can be fitted, and one of a single budget."""
    parts = [runs(seed=1).assign(recipe="old"), runs(0.2, seed=2).assign(recipe="new")]
    poor = runs(seed=3).assign(recipe="poor")
    parts.append(poor[poor["budget"] == poor["budget"].min()])
    path = tmp_path_factory.mktemp("compare") / "runs.csv"
    pd.concat(parts).to_csv(path, index=False)
    return path


def test_every_pair_of_a_column_and_the_group_that_cannot_be_fitted(table):
    found = answered("compare", table, "--by", "recipe", "--at", 3e19, 1e19, 3e19)
    (pair,) = found["pairs"]
    assert (pair["a_name"], pair["b_name"]) == ("new", "old")
    assert [at["flops"] for at in pair["at"]] == [1e19, 3e19]
    assert pair["at"][0]["verdict"] == "a"
    (refused,) = found["refused"]
    assert refused["name"] == "poor"
    assert "several budgets" in refused["reason"]
    assert any(n["code"] == "group-refused" and "poor" in n["text"] for n in found["warnings"])


def test_two_selections_of_a_table_are_compared_as_sources(table):
    pair = answered("compare", f"{table}@recipe=new", f"{table}@recipe=old", "--at", 1e19)["pairs"]
    assert pair[0]["at"][0]["verdict"] == "a"


def test_text_output_fits_80_columns(capsys):
    named = [(f"a_rather_long_recipe_{k}", law(k)) for k in range(3)]
    for laws, told in ((named, "\na: "), (named[:2], "exponent at the largest")):
        show(compare_laws(laws, [1e19, 1e20]))
        printed = capsys.readouterr().out
        assert told in printed
        for line in printed.splitlines():
            assert len(line) <= 80 or ": " in line, line


def test_a_crossing_outside_both_ranges_says_on_which_side():
    def ranged(low, high):
        return SimpleNamespace(observations=SimpleNamespace(flops_range=lambda: (low, high)))

    def side(value, *laws):
        return pairs._side(Quantity(value=value, low=None, high=None, level=0.9), list(laws))

    one, two = ranged(1e18, 1e20), ranged(1e19, 1e21)
    assert side(5e17, one, two) == "below"
    assert side(2e21, one, two) == "above"
    assert side(5e18, one, two) is None  # inside one of them
    unknown = SimpleNamespace(observations=SimpleNamespace(flops_range=lambda: None))
    assert side(5e17, one, unknown) is None


def test_a_ratio_that_is_open_says_why(tmp_path):
    named = [("far", law(share=1e4)), ("ahead", law(seed=1))]
    found = compare_laws(named, [1e19])
    ratio = only(found).at[0].compute_ratio
    assert ratio is None or ratio.low is None
    said = {note.code: note.text for note in found.warnings}
    assert "ahead against far at 1e19" in said["open-bound"]
    close = compare_laws([("x", law()), ("y", law(seed=1))], [1e19])
    assert "open-bound" not in {note.code for note in close.warnings}


def test_a_thing_to_beware_of_is_said_once_however_many_pairs_it_is_in():
    steep = (DENSE, SPARSE, "published:dit-in-context")
    laws = [(f"{name}-{k}", published_law(name, "frechet")) for k, name in enumerate(steep)]
    codes = [note.code for note in compare_laws(laws, [1e18]).warnings]
    assert codes.count("crossing-inside-range") == 1
    assert codes.count("different-quantities") == 1


def test_whose_features_a_distance_compares_says_nothing_of_the_loss(tmp_path):
    sources = []
    for seed, extractor in enumerate(("clip", "inception")):
        path = tmp_path / f"{extractor}.csv"
        data = runs(seed=seed).assign(extractor=extractor, frechet=lambda rows: 10 * rows["loss"])
        data.to_csv(path, index=False)
        sources.append(str(path))
    of_loss = compare_sources({s: s for s in sources}, [1e19])
    assert "different-quantities" not in {note.code for note in of_loss.warnings}
    of_frechet = compare_sources({s: s for s in sources}, [1e19], metric="frechet")
    assert (
        "differ in extractor (clip; inception)"
        in {note.code: note.text for note in of_frechet.warnings}["different-quantities"]
    )


def test_targets_beyond_the_data_and_other_data_sets_are_said(tmp_path):
    both = [runs(seed=1).assign(dataset="x"), runs(seed=2).assign(dataset="y")]
    path = tmp_path / "runs.csv"
    pd.concat(both).to_csv(path, index=False)
    found = compare_groups(str(path), "dataset", [1e17, 1e21])
    said = {note.code: note.text for note in found.warnings}
    assert said["far-beyond"].startswith("x, y: 33.3 times")
    assert said["below-range"].startswith("x, y: below")
    assert "differ in dataset (x; y)" in said["different-quantities"]


def test_one_line_for_every_wrong_usage(table, capsys):
    for arguments, code, said in (
        ((table, "--at", 1e20), 2, "two sources, or one with --by"),
        ((table, table, "--by", "recipe", "--at", 1e20), 2, "two sources, or one with --by"),
        ((table, "--by", "recipe"), 2, "--at 1e20 1e21"),
        ((table, "--by", "recipe", "--at", -1e20), 2, "not a budget"),
        ((table, "--by", "recipy", "--at", 1e20), 2, "did you mean 'recipe'?"),
        ((table, "--by", "run", "--at", 1e20), 2, "a comparison takes 2 to 20"),
        ((table, "--by", "recipe", "--where", "recipe=old", "--at", 1e20), 2, "only 'old'"),
        ((DENSE, SPARSE, "--at", 1e20, "--level", 0.5), 2, "has no rows"),
        ((table, "--by", "recipe", "--at", 1e307), 2, "not a budget"),
        ((table, "--by", "recipe", "--at", 1e20, "x"), 2, "two sources, or one with --by"),
        ((DENSE, SPARSE, "--at", 1e20), 3, "no law of loss is known; it has frechet"),
        ((f"{table}@recipe=new", f"{table}@recipe=old", "--at", 1e39), 3, "flops: 1e+39 is more"),
    ):
        assert run(["compare", *map(str, arguments)]) == code, arguments
        told = capsys.readouterr().err
        assert said in told
        assert told.count("\n") == 1


def test_too_few_groups_that_can_be_fitted_is_refused_by_name(tmp_path):
    poor = runs()
    poor = poor[poor["budget"] == poor["budget"].min()]
    path = tmp_path / "runs.csv"
    pd.concat([poor.assign(recipe="p"), runs(seed=1).assign(recipe="q")]).to_csv(path, index=False)
    with pytest.raises(Refused, match="column 'recipe' has 1; recipe 'p'"):
        compare_groups(str(path), "recipe", [1e20])


def test_laws_of_different_metrics_are_not_compared():
    data = observed(runs())
    data.frame["nll"] = data.frame["loss"] * 2
    with pytest.raises(BadInput, match="loss and the other of nll"):
        compare_laws([("a", fit(data)), ("b", fit(data, metric="nll"))], [1e20])
