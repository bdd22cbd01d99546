"""A frozen forecast can be checked by whoever is handed it, and a miss is told in words."""

import json
import shutil

import numpy as np
import pytest
from test_cli import answered
from two_sets import SETS, TARGET, Trained, simulated

from ditlaw.cli import run
from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.laws.conditioning import learn
from ditlaw.observations import load_observations
from ditlaw.report.material import gather
from ditlaw.report.page import render
from ditlaw.study import used_seeds
from ditlaw.training.folder import RunFolder
from ditlaw.verification import check_frozen, read_frozen, tally, verifications, verify
from ditlaw.verification.frozen import versions_here

ABOVE = (1.05,)  # of the forecast: some ten half-widths


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """One data set, all of its runs done and none evaluated; nothing verified."""
    folder = simulated(tmp_path_factory.mktemp("verify") / "one", SETS[:1])
    for path in folder.glob("runs/*/metrics.jsonl"):
        path.unlink()
    return folder


@pytest.fixture
def copied(study, tmp_path):
    return shutil.copytree(study, tmp_path / "one")


@pytest.fixture(scope="module")
def checked(study, tmp_path_factory):
    """The same with its target verified by runs that came out as forecast."""
    folder = shutil.copytree(study, tmp_path_factory.mktemp("checked") / "one")
    return folder, verify(folder, TARGET, executor=Trained())


@pytest.fixture
def frozen(checked, tmp_path):
    """A copy of the frozen file in its folder, to be meddled with."""
    folder = shutil.copytree(checked[0], tmp_path / "one")
    return next(folder.glob("verify/*/forecast.json"))


def states(path):
    return {check.item: check.state for check in check_frozen(path).checks}


def rewritten(path, change, forge=True):
    content = json.loads(path.read_text())
    change(content)
    if forge:
        stated = {k: v for k, v in content.items() if k != "digest"}
        content["digest"] = digest(stated)
    path.write_text(json.dumps(content))


def test_the_forecast_is_frozen_before_a_run_begins_with_all_that_made_it(copied):
    class Looking(Trained):
        def run(self, jobs, **options):
            (path,) = copied.glob("verify/*/forecast.json")
            self.seen = path.read_bytes()
            return super().run(jobs, **options)

    looking = Looking()
    before = load_observations(str(copied))
    done = verify(copied, TARGET, executor=looking)
    (path,) = copied.glob("verify/*/forecast.json")
    assert path.read_bytes() == looking.seen
    content = json.loads(looking.seen)
    assert content["versions"] == versions_here()
    assert content["data_digest"] == before.digest()
    assert len(content["law"]["rows"]) == len(before.frame)
    assert done.frozen_at == content["frozen"]
    assert done.meaning == ["All 2 runs are inside: the law held 3× beyond its data."]
    assert done.loss_with_checks is None
    assert (done.tally.inside, done.tally.runs, done.tally.level) == (2, 2, 0.9)
    # Nothing of the check is in a fit, its rows or its digest.
    after = load_observations(str(copied))
    assert after.digest() == before.digest()
    assert not set(after.frame["run"]) & {run.id for run in done.runs}


def test_a_check_has_a_seed_that_no_run_and_no_earlier_check_has(copied):
    first = Trained()
    verify(copied, TARGET, executor=first)
    second = Trained()
    verify(copied, 2 * TARGET, executor=second)
    assert (set(first.seeds), set(second.seeds)) == ({2}, {3})
    assert used_seeds(copied) == {0, 1, 2, 3}
    # A run that was added to the study's own, as an adaptive one does.
    spec = RunFolder(next((copied / "runs").iterdir())).spec()
    added = spec.model_copy(update={"seed": 8, "id": "added-s8"})
    RunFolder(copied / "runs" / added.id).create(added)
    # A forecast that is frozen and whose runs have not begun has its seed too.
    shutil.rmtree(next(copied.glob("verify/3e+11/runs")))
    assert used_seeds(copied) == {0, 1, 2, 3, 8}
    third = Trained()
    verify(copied, 4 * TARGET, executor=third)
    assert set(third.seeds) == {9}


@pytest.mark.parametrize(
    ("off", "said", "unsaid"),
    [
        ((1.05,), ["above its 90% interval", "learning rate", "half-widths out"], ["chance"]),
        ((0.95,), ["below its 90% interval", "too pessimistic"], ["learning rate"]),
        ((1.05, 1.0), ["Of 2 sizes one misses"], ["Either"]),
        ((1.05, 0.95), ["the best size is off"], ["Either"]),
        ((1.5,), ["compare spec.json"], []),
    ],
)
def test_what_a_miss_means(copied, off, said, unsaid):
    done = verify(copied, TARGET, executor=Trained(*off))
    text = " ".join(done.meaning)
    assert all(words in text for words in said)
    assert not any(words in text for words in unsaid)
    assert f"ditlaw next {copied} --target 3e+11" in text
    for each in done.runs:
        assert each.inside == (abs(each.half_widths) <= 1)
    updated, frozen = done.loss_with_checks, done.forecast.loss
    if set(off) in ({1.05}, {0.95}, {1.5}):  # all runs miss alike: the law follows them
        assert updated.value / frozen.value == pytest.approx(off[0], rel=0.25 * abs(off[0] - 1))
    assert updated.high / updated.low < frozen.high / frozen.low


def test_earlier_checks_are_listed_with_how_often_they_held(copied):
    verify(copied, TARGET, executor=Trained())
    verify(copied, 2 * TARGET, executor=Trained(*ABOVE))
    found = verifications(copied)
    assert [v.forecast.beyond for v in found] == pytest.approx([3, 6])
    counted = tally(found)
    assert (counted.inside, counted.runs) == (2, 4)
    page = render(gather(str(copied)))
    for check in found:
        assert check.frozen_at.partition("T")[0] in page
        assert f"{check.forecast.beyond:.3g}× beyond" in page
    assert "2 of 4 runs lie inside; 90% is nominal" in page
    assert "lies above its 90% interval" in page


def test_a_frozen_file_answers_for_itself_and_for_its_folder(checked, tmp_path, capsys):
    path = next(checked[0].glob("verify/*/forecast.json"))
    answer = answered("check", path)
    assert answer["sound"]
    assert {check["state"] for check in answer["checks"]} == {"met"}
    assert answer["versions"] == versions_here()
    assert [each["id"] for each in answer["runs"]] == [each.id for each in checked[1].runs]
    assert run(["check", str(path.parent)]) == 0
    assert "fitted again here, give the same" in " ".join(capsys.readouterr().out.split())
    # Handed on alone, it still gives its numbers.
    alone = shutil.copy(path, tmp_path / "theirs.json")
    assert list(states(alone).values()) == ["met", "met", *["unknown"] * 2, "met", *["unknown"] * 2]
    assert run(["check", str(alone)]) == 0


def test_an_edit_is_found_with_and_without_a_new_digest(frozen, capsys):
    def easier(content):
        content["losses"][0]["high"] *= 1.1

    rewritten(frozen, easier, forge=False)
    assert run(["check", str(frozen)]) == 2
    assert "changed after it was frozen" in capsys.readouterr().err
    rewritten(frozen, lambda content: None)  # the digest of what it now says
    assert states(frozen)["its rows give its numbers"] == "not met"
    assert run(["check", str(frozen)]) == 3
    told = capsys.readouterr().err
    assert "not a sound forecast" in told
    assert told.count("\n") == 1


def test_what_lies_beside_a_frozen_file_is_held_against_it(frozen):
    folder = frozen.parents[2]
    spec = RunFolder(next(frozen.parent.glob("runs/*"))).spec()
    checking = RunFolder(frozen.parent / "runs" / spec.id)
    log = checking.log_path.read_text()
    checking.log_path.write_text(json.dumps({"event": "start", "time": 1.0}) + "\n" + log)
    assert states(frozen)["they began after it"] == "not met"
    checking.log_path.write_text(log)
    other = spec.model_copy(update={"seed": 0})
    (checking.path / "spec.json").write_text(other.model_dump_json())
    assert states(frozen)["they are the runs it named"] == "not met"
    (checking.path / "spec.json").write_text(spec.model_dump_json())
    rows = next(folder.glob("runs/*/observations.jsonl"))
    kept = rows.read_text()
    rows.write_text("".join(kept.splitlines(keepends=True)[1:]))
    assert states(frozen)["the runs beside it gave its rows"] == "not met"
    rows.write_text(kept)
    record = json.loads((folder / "study.json").read_text())
    (folder / "study.json").write_text(json.dumps(record | {"digest": "0" * 64}))
    assert states(frozen)["the study beside it made it"] == "not met"


def test_rows_that_came_since_do_no_harm(frozen):
    def earlier(content):  # as if frozen when the last row was not yet there
        law = content["law"]
        del law["rows"][-1]
        law["digest"] = digest({k: v for k, v in law.items() if k != "digest"})
        content["data_digest"] = "0" * 64

    rewritten(frozen, earlier)
    said = {check.item: check.text for check in check_frozen(frozen).checks}
    assert said["the runs beside it gave its rows"] == "all of its rows; 1 came since"


def test_a_file_that_was_frozen_by_an_earlier_version_is_read(frozen):
    def older(content):
        content["ditlaw"] = "0.0.9"
        for name in ("law", "versions"):
            del content[name]

    rewritten(frozen, older)
    found = check_frozen(frozen)
    assert found.sound
    assert found.versions == {"ditlaw": "0.0.9"}
    assert states(frozen)["its rows give its numbers"] == "unknown"
    assert states(frozen)["the runs beside it gave its rows"] == "met"
    folder = frozen.parents[2]
    assert verify(folder, TARGET, executor=Trained()).loss_with_checks is None
    assert len(gather(str(folder)).checks) == 1


def test_a_file_frozen_elsewhere_that_differs_by_more_than_rounding_says_with_what(frozen):
    def drift(content):
        content["losses"][0]["value"] *= 1.0001
        content["versions"]["numpy"] = "1.0"

    rewritten(frozen, drift)
    (check,) = [c for c in check_frozen(frozen).checks if c.item == "its rows give its numbers"]
    assert check.state == "unknown"
    assert "it was frozen with numpy 1.0" in check.text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"digest": 1}', '"x"'])
def test_a_damaged_file_is_one_line(tmp_path, content):
    path = tmp_path / "forecast.json"
    with pytest.raises(BadInput, match="no frozen forecast"):
        read_frozen(path)
    path.write_text(content)
    with pytest.raises(BadInput, match=r"damaged|changed"):
        read_frozen(path)


@pytest.mark.parametrize("name", ["study.yaml", "study.json"])
def test_another_file_is_no_frozen_forecast(study, name):
    with pytest.raises(BadInput, match="no frozen forecast"):
        read_frozen(study / name)


def test_the_study_may_be_given_a_folder_name_with_a_sign_in_it(study, tmp_path):
    folder = shutil.copytree(study, tmp_path / "a@b=c")
    verify(folder, TARGET, executor=Trained())
    assert set(states(next(folder.glob("verify/*/forecast.json"))).values()) == {"met"}


def test_learning_from_misses_is_the_conditional_normal():
    covariance = np.array([[2.0, 1.2, 0.5], [1.2, 1.5, 0.7], [0.5, 0.7, 1.0]])
    drawn = np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, 200_000)
    shift, sd = learn(drawn[:, 2:], drawn[:, :2], np.array([0.4, -0.1]))
    inverse = np.linalg.inv(covariance[:2, :2])
    assert shift[0] == pytest.approx(covariance[2, :2] @ inverse @ [0.4, -0.1], abs=0.01)
    left = covariance[2, 2] - covariance[2, :2] @ inverse @ covariance[:2, 2]
    assert sd[0] == pytest.approx(left**0.5, rel=0.01)
    # What is known twice over, or scatters by nothing, is no division by zero.
    shift, sd = learn(drawn[:, :1], drawn[:, [0, 0]], np.array([1.0, 1.0]))
    assert (shift[0], sd[0]) == (pytest.approx(1.0), pytest.approx(0.0, abs=1e-6))
