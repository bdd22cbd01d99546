"""The hold-out benchmark on series whose answer is known."""

import numpy as np
import pandas as pd
from laws_data import best_loss, best_params, frame

from ditlaw.laws import line
from realseries import learned, score
from realseries.series import load, tasks


def test_a_known_surface_is_forecast_and_scored(tmp_path):
    table = frame(budgets=7, sizes=9, sd=0.001)
    table["recipe"] = "one"
    other = frame(budgets=7, sizes=9, sd=0.001, seed=1).assign(recipe="two")
    both = pd.concat([table, other])
    both["run"] = [f"r{i}" for i in range(len(both))]
    both.to_csv(tmp_path / "runs.csv", index=False)
    series = load(f"{tmp_path / 'runs.csv'}:recipe")
    assert list(series) == ["runs:one", "runs:two"]
    chosen = {name: list(tasks(name, rows)) for name, rows in series.items()}
    assert [len(t.targets) for t in chosen["runs:one"]] == [1, 2, 3]
    goal = chosen["runs:one"][0].targets[0]
    assert abs(goal.log_n - np.log(best_params(goal.flops))) < 0.1
    assert abs(goal.loss / best_loss(goal.flops) - 1) < 0.003
    rows = score.forecasts(chosen["runs:one"] + chosen["runs:two"], draws=60)
    assert len(rows) == 12
    assert rows["params_error"].median() < 0.1
    assert rows["loss_error"].median() < 0.005
    assert rows["regret"].between(-1e-9, 0.01).all()
    assert "all" in score.table(rows).splitlines()[-1]
    plain = score.baseline(chosen["runs:one"])
    assert plain["loss_error"].median() < 0.005


def test_inner_holdouts_never_touch_the_largest_budgets(tmp_path):
    frame(budgets=8).to_csv(tmp_path / "runs.csv", index=False)
    (rows,) = load(str(tmp_path / "runs.csv")).values()
    largest = np.sort(rows.frame["budget"].unique())[-3:]
    inner = list(tasks("runs", rows, inner=True))
    assert inner
    for task in inner:
        assert task.rows.frame["budget"].max() < largest[0]
        assert max(t.flops for t in task.targets) < largest[0]


def test_learned_constants_come_back_to_what_they_were():
    before = line.DRIFT
    with learned.constants({"DRIFT": 0.3}):
        assert line.DRIFT == 0.3
    assert before == line.DRIFT
