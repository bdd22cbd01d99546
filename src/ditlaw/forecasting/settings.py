"""The batch and the learning rate of a recipe, and what set each of them."""

from dataclasses import dataclass

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import Refused
from ditlaw.forecasting.designs import Design
from ditlaw.forecasting.rules import RULES, YIN
from ditlaw.laws import Law
from ditlaw.laws.swept_recipe import rate_along, usual_batch
from ditlaw.published import PublishedLaw
from ditlaw.results import PublishedRule
from ditlaw.tablefile import numbers

SWEPT, STUDY, TABLE, PAPER = "swept", "study", "table", "paper"  # beside the names of rules


@dataclass(frozen=True)
class Run:
    """The run that they are for: ``per_image`` are tokens."""

    width: int
    params: float
    tokens: float
    flops: float
    per_image: float


@dataclass(frozen=True)
class Settings:
    """Both, and by what: the study's sweep or recipe, the table's runs, the paper, or a rule."""

    batch: int
    batch_from: str
    rate: float
    rate_from: str
    rules: list[PublishedRule]


def settings_of(law: AnsweringLaw, design: Design, run: Run) -> Settings:
    """What the law's own runs tell, else what its study or paper states, else Yin et al.'s rule.

    Rules come beside them unless both were swept, or rates are those of another width (muP).
    """
    place = (run.params, run.tokens, run.flops)
    rules = [r.at(*place, run.per_image) for r in RULES if r.speaks_of(*place)]
    first = YIN.at(*place, run.per_image)
    batch, batch_from = first.batch, YIN.name
    rate, rate_from = first.learning_rate, YIN.name
    study = design.study
    if design.of_study:
        batch, batch_from = study.recipe.batch, STUDY
        rate, rate_from = study.recipe.learning_rate.rate(run.width), STUDY
    elif isinstance(law, PublishedLaw) and law.entry.trained:
        (batch, rate), batch_from, rate_from = law.entry.trained, PAPER, PAPER
    if isinstance(law, Law):
        from_runs = SWEPT if design.of_study else TABLE
        if study.sweep.batch or (not design.of_study and _has(law, "batch")):
            batch, batch_from = usual_batch(law.observations), from_runs
        if study.sweep.learning_rate or (not design.of_study and _has(law, "learning_rate")):
            rate, rate_from = rate_along(law.observations, run.params, run.tokens), from_runs
    needless = batch_from == rate_from == SWEPT or study.recipe.parametrization.kind != "standard"
    if batch < 1:
        raise Refused(f"{law.observations.source}: column 'batch' holds no number of samples")
    return Settings(batch, batch_from, rate, rate_from, [] if needless else rules)


def _has(law: Law, column: str) -> bool:
    frame = law.observations.frame
    return column in frame and bool((numbers(frame[column]) > 0).all())
