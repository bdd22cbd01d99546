"""Simulated studies whose truth is known: a seeded slice of ``benchmarks/coverage.py general``.

The bounds leave room for luck at this size; the published table is what says how good it is.
"""

import numpy as np
import pytest
from scipy.stats import binomtest

from ditlaw.laws import solver
from simulation import oracle, score, study
from simulation.designs import DESIGNS, simulate
from simulation.truths import LARGEST, TRUTHS, surface

STUDIES = 2  # of each of 12 designs under 9 truths: 216 fits, under a minute on one core
SHOWN = [truth.name for truth in TRUTHS if truth.shows]


def faults(rows):
    """What in these rows is not as it is with intervals that mean what they say."""
    rows = rows[rows["truth"].isin(SHOWN)]
    found = []
    for kind in score.KINDS:
        hit = score.hits(rows, kind)
        if hit.mean() < 0.85:
            found.append(f"{kind}: {hit.mean():.2f} of all intervals hold the truth")
        for beyond, part in hit.groupby(rows["beyond"]):
            if binomtest(int(part.sum()), len(part)).proportion_ci(method="wilson").high < 0.88:
                found.append(f"{kind}: {part.mean():.2f} at {beyond:g} times the data")
        for truth, part in hit.groupby(rows["truth"]):
            if part.mean() < 0.65:
                found.append(f"{kind}: {part.mean():.2f} under '{truth}'")
    for kind, most in (("n", 8.0), ("law", 8.0)):
        width = score.ratio(rows, kind).median()
        if width > most:
            found.append(f"{kind}: {width:.1f} times as wide as an oracle's")
    unwarned = rows[rows["warnings"] == ""]
    for kind in ("n", "law"):
        missed = 1 - score.hits(unwarned, kind).mean()
        if missed > 0.25:
            found.append(f"{kind}: {missed:.2f} of forecasts without any warning miss")
    return found


@pytest.fixture(scope="module")
def rows():
    found = study.run([truth.name for truth in TRUTHS], STUDIES, "auto", 0, 1)
    assert found["refused"].mean() < 0.1
    return found[~found["refused"].astype(bool)]


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say(rows):
    assert (rows["warnings"] == "").sum() >= 30  # else the silent ones would not be put to the test
    assert faults(rows) == []


@pytest.mark.slow
@pytest.mark.parametrize(("factor", "word"), [(0.5, "hold the truth"), (6.0, "as wide")])
def test_intervals_half_or_six_times_as_wide_are_found_out(rows, factor, word):
    assert any(word in fault for fault in faults(score.narrowed(rows, factor)))


@pytest.mark.slow
def test_the_report_holds_every_truth_and_counts_refusals(rows):
    text = score.report(rows)
    for truth in TRUTHS:
        assert text.count(f"\n{truth.name:22} ") == len(study.BEYOND)
    assert "24 studies, 0 refused" in text


def test_truths_agree_on_the_middle_budget():
    for truth in TRUTHS:
        if truth.form is surface or truth.name == "nested":
            x, log_loss = truth.optimum(np.array([0.0]))
            assert x == pytest.approx(0, abs=1e-4)
            assert np.exp(log_loss) - np.exp(truth.theta[0]) == pytest.approx(1)


def test_the_bend_beyond_does_not_show_inside():
    bent = next(truth for truth in TRUTHS if truth.name == "bend beyond")
    x, c = np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-LARGEST, LARGEST, 9))
    straight = np.log(surface(bent.theta, x, c - x))
    assert bent.log_loss(x, c - x) == pytest.approx(straight, abs=5e-4)
    far = np.full(9, LARGEST + np.log(100))
    assert np.all(bent.log_loss(x[0], far - x[0]) > np.log(surface(bent.theta, x[0], far - x[0])))


def test_the_oracle_is_as_wide_as_its_own_fits_scatter():
    truth, design, rng = TRUTHS[0], DESIGNS[1], np.random.default_rng(0)
    assert not design.trunks
    one = simulate(truth, design, rng)
    c = LARGEST + np.log(10.0)
    clean = truth.log_loss(one.x, one.z)
    redrawn = clean + design.noise * rng.standard_normal((500, len(clean)))
    start = np.broadcast_to(truth.theta, (500, 5)).copy()
    theta, _, _ = solver.refine(start, one.x, one.z, redrawn, 1.0, 200, 1e-12)
    _, a, b, log_alpha, log_beta = theta.T
    alpha, beta = np.exp(log_alpha), np.exp(log_beta)
    best = (log_alpha + a - log_beta - b + beta * c) / (alpha + beta)
    loss = np.log(sum(solver.predict(theta, best[:, None], c - best[:, None])))
    sd_n, sd_loss = oracle.sds(truth, design, one, np.array([c]))
    assert best.std() == pytest.approx(sd_n[0], rel=0.15)
    assert loss.std() == pytest.approx(sd_loss[0], rel=0.15)
