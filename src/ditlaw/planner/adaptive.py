"""Adaptive studies: run, fit, choose what to run next, until the forecast is narrow enough.

All that the loop goes by lies in the study folder: runs, rounds (``ditlaw.study.rounds``), and what
follows from them. So it goes on from wherever it was cut, to the same rounds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ditlaw import text
from ditlaw.errors import Refused
from ditlaw.executors import Executor
from ditlaw.laws import fit
from ditlaw.measured import hours_of
from ditlaw.observations import load_observations
from ditlaw.planner.answer import BelowOneRun, Chosen, next_runs
from ditlaw.planner.goal import Goal
from ditlaw.planner.stopping import allowances, is_reached
from ditlaw.results import RunSummary, Stopped
from ditlaw.study import (
    Outcome,
    Round,
    RunSpec,
    Study,
    plan_runs,
    read_rounds,
    write_outcome,
    write_round,
)
from ditlaw.study.rounds import Added, adaptive_study, with_added
from ditlaw.sweep import Watch, begun_study, own_status, train_study
from ditlaw.training.folder import folder_runs

Choose = Callable[..., Chosen]
NEARLY_ALL = 0.99  # of the spend: with less than the rest of it, it is used up


def run_adaptive(
    study_file: Path,
    folder: Path,
    goal: Goal,
    *,
    executor: Executor | None = None,
    watch: Watch | None = None,
    trackers: list[str] | None = None,
    tell: Callable[[str], None] = lambda line: None,
    choose: Choose | None = None,
) -> RunSummary:
    """Train a study's own grid, then round after round until the goal; safe to repeat.

    It ends before that where runs failed, which the summary names. ``tell`` hears a line for each
    round and why it stopped; ``choose`` is ``planner.next_runs``; the others are as in
    ``run_study``.

    Raises:
        BadInput: as ``run_study``, or a round was damaged.
        Refused: as ``run_study``, or the rows do not allow a fit.
    """
    with begun_study(study_file, folder, watch=watch, trackers=trackers) as study:
        while True:
            summary = train_study(folder, study, executor=executor, watch=watch)
            states = {run.state for run in own_status(folder, study)}
            # A diverged run is an answer, and the next choice goes by it; a failed one is none.
            if states <= {"done", "diverged"}:
                found = _Standing.of(folder, study, goal).next_step(choose or next_runs)
                if isinstance(found, Round):
                    write_round(folder, found)
                    tell(told(found))
                    continue
                write_outcome(folder, found)
                tell(found.reason)
            return summary.model_copy(update={"adaptive": adaptive_study(folder)})


def told(made: Round) -> str:
    """A round in a line."""
    on, noun = sum(run.had > 0 for run in made.runs), "run" if len(made.runs) == 1 else "runs"
    which = "" if on == len(made.runs) else f"{on} of them "
    return (
        f"round {made.number}: interval ±{made.interval:.1%}, ±{made.expected:.1%} expected; "
        f"{len(made.runs)} {noun} for {text.flops(made.flops)} FLOPs"
        + (f", {which}trained on" if on else "")
    )


@dataclass(frozen=True)
class _Standing:
    """Where a study stands once all its runs have ended."""

    folder: Path
    study: Study
    goal: Goal
    rounds: list[Round]
    runs: list[RunSpec]
    diverged: set[str]
    spent: float
    interval: float
    data_digest: str

    @staticmethod
    def of(folder: Path, study: Study, goal: Goal) -> "_Standing":
        statuses = own_status(folder, study)
        law = fit(load_observations(str(folder)))
        loss = law.optimum(goal.target).loss
        if loss.low is None or loss.high is None:
            raise Refused(f"{folder}: the loss at {text.flops(goal.target)} FLOPs has no interval")
        return _Standing(
            folder=folder,
            study=study,
            goal=goal,
            rounds=read_rounds(folder),
            runs=folder_runs(folder, study),
            diverged={run.id for run in statuses if run.state == "diverged"},
            spent=sum(run.flops for run in statuses),
            interval=loss.half_width(),
            data_digest=law.observations.digest(),
        )

    def next_step(self, choose: Choose) -> Round | Outcome:
        """The next round, or why there is none."""
        goal, number = self.goal, len(self.rounds) + 1
        if is_reached(self.interval, goal.until):
            return self._stop(
                "interval", f"±{self.interval:.1%} is within the ±{goal.until:.1%} asked for"
            )
        chosen = None
        for allowed in allowances(self.spent, goal.spend):
            try:
                chosen = choose(str(self.folder), goal.target, allowed, seed=number)
            except BelowOneRun:
                continue  # what is left ends the study; it is no mistake of the user's
            specs = [spec for spec in chosen.specs if spec.id not in self.diverged]
            if specs:
                return self._round(chosen, specs, allowed)
        spent = f"{text.flops(self.spent)} of {text.flops(goal.spend)} FLOPs"
        if chosen is not None and chosen.result.verdict != "run":
            return self._stop("no-help", chosen.result.reason)
        if self.spent >= NEARLY_ALL * goal.spend:
            return self._stop("spend", f"{spent} are spent")
        return self._stop(
            "unaffordable",
            f"{spent} are spent, and no run that would help can be had for the rest",
        )

    def _round(self, chosen: Chosen, specs: list[RunSpec], allowed: float) -> Round | Outcome:
        had = {run.id: len(run.stops) for run in self.runs}
        made = Round(
            **vars(self.goal),
            number=len(self.rounds) + 1,
            spent=self.spent,
            allowed=allowed,
            data_digest=self.data_digest,
            interval=self.interval,
            expected=chosen.result.interval.expected,
            reason=chosen.result.reason,
            runs=[Added(had=had.get(spec.id, 0), spec=spec) for spec in specs],
        )
        try:
            plan_runs(self.study, with_added(self.runs, [made]), hours_of(self.study, self.folder))
        except Refused as error:
            return self._stop("limit", str(error))
        return made

    def _stop(self, verdict: Stopped, reason: str) -> Outcome:
        return Outcome(
            **vars(self.goal),
            rounds=len(self.rounds),
            spent=self.spent,
            data_digest=self.data_digest,
            interval=self.interval,
            verdict=verdict,
            reason=reason,
        )
