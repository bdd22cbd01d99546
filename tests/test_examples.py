"""The example studies are valid, and the tables beside them are of their runs."""

from pathlib import Path

import pandas as pd
import pytest

from ditlaw.observations import load_groups, load_observations
from ditlaw.study import load_study, parse_study, preset_text, study_runs

EXAMPLES = Path(__file__).parent.parent / "examples"
STUDIES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
TABLES = sorted(path.stem for path in EXAMPLES.glob("*.csv"))


@pytest.mark.parametrize("name", STUDIES)
def test_an_example_is_a_study(name):
    study = load_study(EXAMPLES / f"{name}.yaml")
    assert study_runs(study)
    assert study.name == name.replace("_", "-") or name == "dense_or_sparse"


@pytest.mark.parametrize("name", [name for name in TABLES if name in STUDIES])
def test_a_table_holds_every_run_of_its_study(name):
    runs = {run.id: run for run in study_runs(load_study(EXAMPLES / f"{name}.yaml"))}
    table = pd.read_csv(EXAMPLES / f"{name}.csv")
    assert set(table["run"]) == set(runs)
    for row in table.itertuples():
        run = runs[row.run]
        stop = next(s for s in run.stops if s.budget == row.budget)
        assert (row.steps, row.params, row.flops) == (
            stop.step,
            run.counts().params,
            run.flops(stop.step),
        )
        assert row.learning_rate == pytest.approx(run.learning_rate)
        assert row.parametrization == str(run.recipe.parametrization)


def test_tables_without_a_file_of_their_own_are_of_known_ones():
    # The preset quickstart, and mup.yaml in the standard parametrization.
    assert set(TABLES) - set(STUDIES) == {"quickstart", "mup_standard"}
    rows = load_observations(str(EXAMPLES / "mup_standard.csv")).frame
    assert set(rows["parametrization"]) == {"standard"}


def test_the_twin_on_photographs_is_the_preset_with_other_data():
    twin = load_study(EXAMPLES / "paper_small_photos.yaml")
    preset = parse_study(preset_text("paper-small"), "paper-small")
    same = {"objective", "budgets", "shapes", "seeds", "recipe", "evaluation", "forecast"}
    assert twin.model_dump(include=same) == preset.model_dump(include=same)
    assert twin.geometry.geometry().image_tokens == 256


def test_the_three_families_can_be_compared():
    groups, refused = load_groups(str(EXAMPLES / "three_families.csv"), "family")
    assert set(groups) == {"in-context", "cross-attention", "mmdit"}
    assert not refused
    assert all(group.frame["device_seconds"].gt(0).all() for group in groups.values())
