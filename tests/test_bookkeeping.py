"""Hundreds of runs: what is done once a run, and what must not be. No clocks here."""

from collections import Counter
from pathlib import Path

import pytest

import bookkeeping
from ditlaw import study
from ditlaw.families import InContext
from ditlaw.laws import fit
from ditlaw.observations import load_observations
from ditlaw.study import load_study, plan_study
from ditlaw.sweep import study_status

SIZES, SEEDS = 12, 25


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("many") / "study"
    assert bookkeeping.make_study(place, SIZES, SEEDS) == SIZES * SEEDS
    return place


@pytest.fixture
def opened(monkeypatch) -> Counter:
    """How often files of each name are opened from here on."""
    seen: Counter = Counter()
    real = Path.open

    def counted(path, *how, **more):
        seen[path.name] += 1
        return real(path, *how, **more)

    monkeypatch.setattr(Path, "open", counted)
    return seen


@pytest.fixture
def validated(monkeypatch) -> list:
    """Specs that are read and checked from here on."""
    seen, real = [], study.RunSpec.model_validate_json

    def counted(text, **how):
        seen.append(text)
        return real(text, **how)

    monkeypatch.setattr(study.RunSpec, "model_validate_json", counted)
    return seen


def test_a_plan_counts_each_size_once(folder, monkeypatch):
    from ditlaw.study import mix

    mix._closed_counts.cache_clear()
    counted, real = Counter(), InContext.counts

    def counts(self, shape, geometry):
        counted[shape] += 1
        return real(self, shape, geometry)

    monkeypatch.setattr(InContext, "counts", counts)
    plan = plan_study(load_study(folder / "study.yaml"))
    assert plan.total.runs == SIZES * SEEDS
    assert len(counted) == SIZES
    assert set(counted.values()) == {1}


def test_status_opens_two_files_a_run_and_checks_no_spec(folder, opened, validated):
    """The log twice: for how far the run is, and for the MFU that hours are counted on."""
    statuses = study_status(folder)
    assert [run.state for run in statuses] == ["done"] * SIZES * SEEDS
    assert opened["observations.jsonl"] == SIZES * SEEDS
    assert opened["log.jsonl"] == 2 * SIZES * SEEDS
    assert not validated
    assert opened["spec.json"] == 0


def test_a_fit_opens_two_files_a_run_and_checks_no_spec(folder, opened, validated):
    rows = load_observations(str(folder))
    assert len(rows.frame) == SIZES * SEEDS * len(bookkeeping.BUDGETS)
    assert opened["log.jsonl"] == opened["observations.jsonl"] == SIZES * SEEDS
    assert not validated
    law = fit(rows)
    assert law.method == "auto"
    best = law.optimum(max(bookkeeping.BUDGETS))
    assert best.loss.low < best.loss.value < best.loss.high
