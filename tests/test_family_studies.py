"""Every family through a study: planned, trained, resumed to the bit, fitted like any other."""

from io import StringIO

import pandas as pd
import pytest
import torch
import yaml
from conftest import ditlaw, tiny_text
from family_cases import each_family
from rich.console import Console

from ditlaw.cli.tables import show
from ditlaw.errors import BadInput
from ditlaw.families import get_family
from ditlaw.forecasting import forecast, law_of
from ditlaw.study import frozen_content, open_study, parse_study, plan_study, study_runs
from ditlaw.sweep import run_study
from ditlaw.text import count
from ditlaw.training.folder import RunFolder
from ditlaw.training.run import train
from ditlaw.training.trunk import Trunk

CPU = torch.device("cpu")
SIZES = [{"depth": 2, "width": w, "heads": 2} for w in (12, 16, 24, 32)]


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def spec_of(family, steps=(6, 12), **recipe):
    """One run of a family that ends after so many steps."""
    common = dict(
        family=family.name,
        options={k: v for k, v in family.options().items() if v != getattr(type(family)(), k)},
        shapes=[{"depth": 2, "width": 16, "heads": 2}],
        recipe={"batch": 4, "learning_rate": {"value": 4e-3}, **recipe},
        evaluation={"samples": 8, "pictures": 2, "sampler_steps": 2},
    )
    run = study_runs(parse_study(tiny_text(budgets=[1e9, 2e9], **common), "s"))[0]
    each = 4 * run.counts().flops_train
    budgets = [float(n * each) for n in steps]
    return study_runs(parse_study(tiny_text(budgets=budgets, **common), "s"))[0]


@each_family()
def test_a_run_of_each_family_is_counted_evaluated_and_drawn(family, tmp_path):
    spec = spec_of(family)
    folder = RunFolder(tmp_path / spec.id)
    folder.create(spec)
    assert train(folder, CPU) == "done"
    rows = folder.observations()
    assert [row["steps"] for row in rows] == [6, 12]
    counts = family.counts(spec.shape, spec.geometry.geometry())
    for row in rows:
        assert row["family"] == family.label
        assert row["params"] == counts.params
        assert row["flops"] == row["images"] * counts.flops_train == row["budget"]
        assert row["flops_6nd"] == row["images"] * 6 * counts.params * 80
        assert folder.picture(row["budget"]).exists()
    assert rows[1]["loss"] < rows[0]["loss"] < 2


@each_family()
@pytest.mark.parametrize("how", [{}, {"precision": "bfloat16", "checkpointing": True}], ids=str)
def test_a_run_of_each_family_resumes_to_the_bit(family, how):
    spec = spec_of(family, **how)

    def to_step(trunk, step):
        for _ in trunk.run(step):
            pass
        return trunk.state()

    whole = to_step(Trunk(spec, CPU), 8)
    half = to_step(Trunk(spec, CPU), 3)
    resumed = Trunk(spec, CPU)
    resumed.restore({name: value.clone() for name, value in half.items()})
    again = to_step(resumed, 8)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_all_families_see_the_same_noise_and_captions():
    """Runs of one seed differ by the model alone, whatever a family draws beside."""
    first = []
    for name in ("adaln", "masked", "flux"):
        trunk = Trunk(spec_of(get_family(name)), CPU)
        seen = []
        trunk.model.register_forward_pre_hook(
            lambda _, inputs, seen=seen: seen.append(inputs[:2]), prepend=True
        )
        for _ in trunk.run(2):
            pass
        first.append(seen)
    for other in first[1:]:
        for a, b in zip(first[0], other, strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.slow
def test_a_study_of_flux_goes_from_file_to_forecast(tmp_path):
    """A family with a shape field of its own, through the real pieces, workers included."""
    text = tiny_text(
        family="flux",
        shapes=[s | {"depth": 1, "single_depth": 1} for s in SIZES],
        budgets=[4e9, 6e9, 9e9],
        forecast={"flops": 2e10},
    )
    (tmp_path / "study.yaml").write_text(text)
    summary = run_study(tmp_path / "study.yaml", tmp_path / "out")
    assert summary.failures == {}
    table = pd.read_csv(tmp_path / "out" / "observations.csv")
    assert set(table["family"]) == {"flux"}
    assert all(run.startswith("flux-d1s1w") for run in table["run"])
    law = law_of(str(tmp_path / "out"))
    answer = forecast(law, 2e10)
    assert answer.recipe.family == "flux"
    assert answer.recipe.single_depth == 1
    status = ditlaw("status", tmp_path / "out", "--json")
    assert {run["state"] for run in status.json["runs"]} == {"done"}


def test_options_are_part_of_a_runs_name_and_of_what_is_frozen():
    studies = [
        parse_study(tiny_text(family="masked", options=options), "s")
        for options in ({}, {"masking": "drop", "ratio": 0.5})
    ]
    names = [study_runs(study)[0].id for study in studies]
    assert names == ["masked-d1w12h2-s0", "masked-masking-drop-ratio-0.5-d1w12h2-s0"]
    plans = [plan_study(study).runs[0] for study in studies]
    assert plans[1].flops_6nd / plans[1].flops > 3 * plans[0].flops_6nd / plans[0].flops
    assert frozen_content(studies[0]) != frozen_content(studies[1])


def test_a_long_name_goes_on_in_a_second_line_and_numbers_stay_whole():
    study = parse_study(tiny_text(family="masked", options={"masking": "drop", "ratio": 0.5}), "s")
    plan, page = plan_study(study), StringIO()
    show(plan, Console(file=page, width=80))
    lines = page.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    run = plan.runs[0]
    assert lines[1].split()[1:4] == [
        count(run.params),
        f"{run.steps:,}",
        count(run.images),
    ]
    assert lines[1].split()[0] + lines[2].split()[0] == run.id


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"family": "mmdits"}, "family: 'mmdits' is unknown; did you mean 'mmdit'?"),
        ({"options": {"ratio": 0.5}}, "options.ratio: in-context has no options; leave it out"),
        (
            {"family": "flux", "shapes": [{"depth": 1, "width": 16, "heads": 4}]},
            "shapes.0.heads: 4 makes heads of 4, which rotary positions cannot share out; use 2",
        ),
        (
            {"shapes": [{"depth": 1, "width": 16, "heads": 2, "single_depth": 2}]},
            "shapes.0.single_depth: in-context has no single-stream blocks; "
            "leave it out, or use flux",
        ),
        (
            {"recipe": {"learning_rate": {"value": 1e-3}, "precision": "bf16"}},
            "recipe.precision: 'bf16' is unknown; did you mean 'bfloat16'?",
        ),
    ],
)
def test_wrong_models_are_said_in_one_line(changes, said):
    with pytest.raises(BadInput) as error:
        parse_study(tiny_text(**changes), "study.yaml")
    assert str(error.value) == f"study.yaml: {said}"


def test_a_study_frozen_before_a_field_existed_is_still_the_same_study(tmp_path):
    """Fields that came later stand at the defaults that the old runs were made by."""
    import json

    from ditlaw.digests import digest
    from ditlaw.study import freeze_study

    text = tiny_text()
    study = parse_study(text, "s")
    freeze_study(tmp_path, study, text)
    record = json.loads((tmp_path / "study.json").read_text())["study"]
    for gone in ("options",):
        del record[gone]
    del record["recipe"]["precision"], record["recipe"]["checkpointing"]
    del record["geometry"]["frames"], record["geometry"]["pooled_dim"]
    content = {"digest": digest(record), "study": record}
    (tmp_path / "study.json").write_text(json.dumps(content))
    assert open_study(tmp_path) == study
    changed = yaml.safe_load(text) | {"family": "adaln"}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(changed))
    with pytest.raises(BadInput, match=r'family: "in-context" → "adaln"'):
        open_study(tmp_path)
