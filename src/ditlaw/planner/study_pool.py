"""A study's pool: sizes that its family builds, its budgets and on beyond, and its trunks."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ditlaw.errors import Refused
from ditlaw.families import Shape
from ditlaw.laws import Law
from ditlaw.laws.kappa import shapes_along
from ditlaw.observations.checking import MIN_STEPS
from ditlaw.planner.pool import Pool, Trunk
from ditlaw.planner.sizes import around, distinct, nearest, onward
from ditlaw.study import (
    STUDY_FILE,
    RunSpec,
    Study,
    Variant,
    make_run,
    open_study,
    study_mix,
    variants,
    verification_seeds,
)
from ditlaw.sweep import own_status
from ditlaw.training.folder import folder_runs


@dataclass(frozen=True)
class StudyPool:
    """The pool, and what makes runs of it: the shape of each size, each budget, the runs there.

    ``spent`` is the FLOPs of all runs; None of a study that compares, which cannot be adaptive.
    """

    pool: Pool
    variant: Variant
    shapes: list[Shape]
    budgets: list[float]
    runs: dict[tuple[int, int], RunSpec]
    spent: float | None

    def command(self, folder: Path, target: float, spend: float) -> str | None:
        """What spends so much more on the study, in rounds."""
        if self.spent is None:
            return None
        path = shlex.quote(str(folder / STUDY_FILE))
        asked = f"--target {target:.6g} --spend {self.spent + spend:.6g}".replace("e+", "e")
        return f"ditlaw run {path} {asked}"

    def spec(self, trunk: Trunk) -> RunSpec:
        """The run that a trunk is; of one that was there, trained on."""
        before = self.runs.get((trunk.size, trunk.seed))
        there = [stop.budget for stop in before.stops] if before else []
        mix = study_mix(self.variant.study, self.shapes[trunk.size])
        least = _least_steps(self.variant.study)
        new = [
            budget
            for budget in self.budgets[: trunk.reached + 1]
            if mix.last_step(budget) >= max(least, before.steps + 1 if before else 0)
        ]
        return make_run(self.variant, self.shapes[trunk.size], trunk.seed, [*there, *new])


def study_pool(folder: Path, law: Law, spend: float, target: float) -> StudyPool:
    """What could be run next in a study folder for at most ``spend`` FLOPs.

    Raises:
        Refused: the law is of several variants, or some runs have not ended.
    """
    study = open_study(folder)
    variant = _variant_of(study, law, folder)
    plain = variant.study
    own = {run.id: run for run in folder_runs(folder, study)}
    states = {status.id: status.state for status in own_status(folder, study)}
    left = sum(state not in ("done", "diverged") for state in states.values())
    if left:
        raise Refused(
            f"{folder}: {left} of {len(states)} runs are not done; "
            f"'ditlaw run {folder / STUDY_FILE} --out {folder}' completes them"
        )
    there = [run for run in own.values() if _is_of(run, variant)]
    budgets = _budgets(there, spend, target)
    log_c = np.log(budgets)
    shapes = _shapes(plain, there, law, log_c)
    size_of = {shape: i for i, shape in enumerate(shapes)}
    runs = {(size_of[run.shape], run.seed): run for run in there}
    trunks = {
        key: Trunk(
            *key,
            reached=nearest(log_c, np.log(run.stops[-1].budget)),
            stuck=states[run.id] == "diverged",
            spent=float(run.trained_flops),
        )
        for key, run in runs.items()
    }
    least, mixes = _least_steps(plain), [study_mix(plain, shape) for shape in shapes]
    own_size = plain.geometry.geometries().index(plain.geometry.geometry())
    pool = Pool(
        np.log([float(mix.each[own_size].params) for mix in mixes]),
        log_c,
        trunks,
        extends=plain.recipe.cooldown == 0,
        taken=frozenset(verification_seeds(folder)),
        counts=np.array([[m.last_step(b) >= least for b in budgets] for m in mixes]),
        cooldown=plain.recipe.cooldown,
    )
    compares = len(variants(study)) > 1
    spent = None if compares else float(sum(run.trained_flops for run in own.values()))
    return StudyPool(pool, variant, shapes, budgets, runs, spent)


def _budgets(there: list[RunSpec], spend: float, target: float) -> list[float]:
    """Those that runs have, as they are called, and further ones that can be paid for."""
    known = [stop.budget for run in there for stop in run.stops]
    most = min(spend + max(run.stops[-1].budget for run in there), target)
    log_c = onward(np.log(known), np.log(most))
    budgets = [float(f"{np.exp(c):.4g}") for c in log_c]
    for budget in known:
        budgets[nearest(log_c, np.log(budget))] = budget
    return budgets


def _shapes(study: Study, there: list[RunSpec], law: Law, log_c: np.ndarray) -> list[Shape]:
    """The shapes that were run, and between and beyond them as far as the best size goes."""
    geometry, design = study.geometry.geometry(), study.design()
    known = {run.shape: float(np.log(float(run.counts().params))) for run in there}
    best = np.log(law.curve(np.exp(log_c)).params.value)
    wanted = around(np.array(list(known.values())), (float(best.min()), float(best.max())))
    path = {
        shape: float(np.log(float(design.counts(shape, geometry).params)))
        for shape in (shapes_along(study) if design.closed_form else [])
    }
    shapes = dict(known)
    for log_n in wanted:
        if path and np.abs(np.array(list(known.values())) - log_n).min() > 1e-9:
            shape = min(path, key=lambda s: abs(path[s] - log_n))
            if shape not in shapes:
                shapes[shape] = path[shape]
    rising = sorted(shapes, key=lambda s: shapes[s])
    apart = distinct(np.array([shapes[s] for s in rising]))
    return [s for s in rising if s in known or shapes[s] in apart]


def _least_steps(study: Study) -> int:
    """Steps before which a row is not fitted."""
    return max(MIN_STEPS, study.recipe.warmup_steps + 1)


def _variant_of(study: Study, law: Law, folder: Path) -> Variant:
    """The plain study that the law's rows are of.

    Raises:
        Refused: there are several.
    """
    frame = law.observations.frame
    found = [
        variant
        for variant in variants(study)
        if all(
            column not in frame
            or any(variant.matches([(column, str(seen))]) for seen in frame[column].unique())
            for column in variant.columns
        )
    ]
    if len(found) != 1:
        raise Refused(
            f"{folder}: the study tries several settings, so its next runs cannot be told; write a "
            "study of the best of them"
        )
    return found[0]


def _is_of(run: RunSpec, variant: Variant) -> bool:
    plain = variant.study
    return (
        run.design().label == plain.design().label
        and run.data == plain.data[0]
        and run.geometry == plain.geometry
        and run.recipe == plain.recipe
    )
