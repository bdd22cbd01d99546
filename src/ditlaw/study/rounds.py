"""Rounds: the runs that an adaptive study added to its own grid, kept with the study.

DIR/rounds/0001.json      what was known, asked and chosen; written before its runs, never changed
DIR/rounds/outcome.json   why the study last stopped by itself
"""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from ditlaw.digests import digest
from ditlaw.errors import BadInput
from ditlaw.files import write_json
from ditlaw.results import AdaptiveStudy, AddedRun, Stopped, StudyRound
from ditlaw.study.runs import RunSpec

ROUNDS = "rounds"
OUTCOME_FILE = "outcome.json"
GOES_ON = "round {} is the last so far; 'ditlaw run --until-interval' or '--spend' goes on"


class Added(BaseModel):
    """A run that a round added; where it ``had`` some of its budgets before, it is trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    had: int
    spec: RunSpec

    @property
    def budgets(self) -> list[float]:
        """Those that the round added."""
        return [stop.budget for stop in self.spec.stops[self.had :]]

    @property
    def flops(self) -> int:
        """Exact training FLOPs that the round adds."""
        before = self.spec.stops[self.had - 1].step if self.had else 0
        return self.spec.trained_flops - self.spec.flops(before)


class Round(BaseModel):
    """One choice of runs. FLOPs are training FLOPs; intervals are relative half-widths.

    ``until`` and ``spend`` are what was asked of the study, ``spent`` what its runs had taken,
    ``allowed`` what this round may take. ``interval`` is that of one run at the target by the rows
    of ``data_digest``, ``expected`` what it is to be after the round.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    number: int
    target: float
    until: float | None
    spend: float
    spent: float
    allowed: float
    data_digest: str
    interval: float
    expected: float
    reason: str
    runs: list[Added]

    @property
    def flops(self) -> int:
        """Exact training FLOPs of all that it added."""
        return sum(run.flops for run in self.runs)


class Outcome(BaseModel):
    """Why a study stopped after so many ``rounds``, and what it had come to; as ``Round``."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rounds: int
    target: float
    until: float | None
    spend: float
    spent: float
    data_digest: str
    interval: float
    verdict: Stopped
    reason: str


def write_round(folder: Path, made: Round) -> None:
    """Keep a round; its number must be free.

    Raises:
        BadInput: it is taken, or the folder cannot be written to.
    """
    path = folder / ROUNDS / f"{made.number:04d}.json"
    content = made.model_dump(mode="json")
    write_json(path, {"digest": digest(content)} | content, overwrite=False)


def read_rounds(folder: Path) -> list[Round]:
    """The rounds of a study folder, in order; none of a study that was never adaptive.

    Raises:
        BadInput: one was changed, or is missing.
    """
    paths = sorted((folder / ROUNDS).glob("[0-9]*.json"))
    found = [_read(path) for path in paths]
    for number, (path, made) in enumerate(zip(paths, found, strict=True), 1):
        if made.number != number:
            raise BadInput(f"{path}: round {number} is missing before it; restore it")
    return found


def _read(path: Path) -> Round:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("digest") == digest(content):
            return Round.model_validate(content)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, ValidationError):
        pass
    raise BadInput(f"{path}: damaged, or changed after it was written; restore it")


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Keep why a study stopped, in place of an earlier time."""
    write_json(folder / ROUNDS / OUTCOME_FILE, outcome.model_dump(mode="json"))


def read_outcome(folder: Path) -> Outcome | None:
    """Why a study last stopped by itself; None where it goes on, or was never adaptive.

    Raises:
        BadInput: its file is damaged.
    """
    path = folder / ROUNDS / OUTCOME_FILE
    if not path.exists():
        return None
    try:
        found = Outcome.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        raise BadInput(f"{path}: damaged; remove it and repeat 'ditlaw run'") from None
    return found if found.rounds == len(read_rounds(folder)) else None


def with_added(runs: list[RunSpec], rounds: list[Round]) -> list[RunSpec]:
    """A study's own runs and those that rounds added; a run that was trained on is its newest self.

    Raises:
        BadInput: a round trains another run on than the one that the study has.
    """
    found = {run.id: run for run in runs}
    for made in rounds:
        for spec in (run.spec for run in made.runs):
            before = found.get(spec.id)
            if before is not None and not (spec.extends(before) or before.extends(spec)):
                raise BadInput(
                    f"{ROUNDS}/{made.number:04d}.json: {spec.id} is not the study's run of that "
                    "name; undo the change to its module"
                )
            if before is None or spec.extends(before):
                found[spec.id] = spec
    return list(found.values())


def round_numbers(rounds: list[Round]) -> dict[tuple[str, float], int]:
    """The round that added each (run, budget) which is not of the study's own grid."""
    return {
        (run.spec.id, budget): made.number
        for made in rounds
        for run in made.runs
        for budget in run.budgets
    }


def adaptive_study(folder: Path) -> AdaptiveStudy | None:
    """What a study folder's rounds come to; None of a study that was never adaptive.

    Raises:
        BadInput: a round is damaged.
    """
    rounds, outcome = read_rounds(folder), read_outcome(folder)
    if not rounds and outcome is None:
        return None
    last = outcome or rounds[-1]
    after = [*(made.interval for made in rounds[1:]), outcome.interval if outcome else None]
    return AdaptiveStudy(
        target=last.target,
        until=last.until,
        spend=last.spend,
        spent=last.spent,
        interval=last.interval,
        verdict=outcome.verdict if outcome else None,
        reason=outcome.reason if outcome else GOES_ON.format(len(rounds)),
        rounds=[_told(made, interval) for made, interval in zip(rounds, after, strict=False)],
    )


def _told(made: Round, after: float | None) -> StudyRound:
    return StudyRound(
        number=made.number,
        interval=made.interval,
        expected=made.expected,
        after=after,
        flops=float(made.flops),
        reason=made.reason,
        runs=[
            AddedRun(
                id=run.spec.id,
                params=run.spec.counts().params,
                budgets=run.budgets,
                flops=float(run.flops),
                trained_on=run.had > 0,
            )
            for run in made.runs
        ],
    )
