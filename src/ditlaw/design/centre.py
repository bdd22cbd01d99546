"""Where the best sizes of budgets are expected before anything has run, and how runs scatter."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.errors import BadInput, DitlawError, Refused
from ditlaw.forecasting import answering_law, law_of
from ditlaw.laws import Law
from ditlaw.laws.noise import Noise
from ditlaw.study import RECORD_FILE, RunSpec, Study, study_runs

EXPONENT = 0.5  # of N* where nothing else is known; published ones lie between 0.41 and 0.73
# What the four studies of docs/results.md forecast for this budget: 27k to 41k params.
QUICKSTART = (9.6e11, 36e3)
PAPER = "published:dit-in-context"  # the law of the paper that the other presets follow


ASSUMED = Noise(
    0.01, 0.5, np.inf, "assumed; runs of the study's own, once there are some, replace it"
)


@dataclass(frozen=True)
class Centre:
    """``log_n`` is ln N* at ln C. ``like`` is the SOURCE that says so, where one does."""

    log_n: Callable[[float], float]
    source: str
    like: str | None
    scatter: Noise = ASSUMED

    def params(self, flops: float) -> float:
        """N* of a budget."""
        return float(np.exp(self.log_n(float(np.log(flops)))))


def preset_centre(preset: str) -> Centre:
    """Where a preset's best sizes are expected unless the user names a law."""
    if preset != "quickstart":
        return law_centre(PAPER)
    flops, params = QUICKSTART
    said = f"the quickstart's own studies: {text.count(params)} at {text.flops(flops)} FLOPs"
    return _line(params, flops, f"{said}, growing as C^{EXPONENT:g}")


def law_centre(source: str) -> Centre:
    """Where a law puts the best sizes, and the scatter of its runs.

    Raises:
        BadInput, Refused: as reading and fitting the source; Refused too where it says nothing of
            sizes.
    """
    return _of_law(answering_law(source), source)


def study_centre(study: Study, folder: Path) -> Centre:
    """Where a study's best sizes are expected: by its runs, the law that it names, or its sizes.

    Runs in its folder come first, as far as a law can be fitted to them.

    Raises:
        BadInput, Refused: the law that it names cannot be read.
    """
    if (folder / RECORD_FILE).exists():
        try:
            return _of_law(law_of(str(folder)), f"{folder}")
        except DitlawError:
            pass  # too few of its runs are done
    if study.forecast is not None and study.forecast.like is not None:
        try:
            return law_centre(study.forecast.like)
        except (BadInput, Refused) as error:
            raise type(error)(f"forecast.like: {error}") from None
    return _middle(study_runs(study))


def _middle(runs: list[RunSpec]) -> Centre:
    """The middle, in ratio, of the sizes that reach the largest budget."""
    largest = max(run.stops[-1].budget for run in runs)
    sizes = [run.counts().params for run in runs if run.stops[-1].budget == largest]
    middle = float(np.sqrt(float(min(sizes)) * max(sizes)))
    said = f"the middle of the sizes at {text.flops(largest)} FLOPs, {text.count(middle)}"
    return _line(middle, largest, f"{said}, growing as C^{EXPONENT:g}")


def _line(params: float, flops: float, source: str) -> Centre:
    def log_n(log_c: float) -> float:
        return float(np.log(params) + EXPONENT * (log_c - np.log(flops)))

    return Centre(log_n, source, None)


def _of_law(law: AnsweringLaw, source: str) -> Centre:
    @cache
    def at(efolds: int) -> float:
        band = law.curve(np.array([np.exp(efolds)])).params
        if band is None:
            raise Refused(f"{source}: it does not say which size is best; name another law")
        return float(np.log(band.value[0]))

    def log_n(log_c: float) -> float:
        # Read off at whole e-folds: a design asks for many budgets, and a fit is slow to say.
        below = int(np.floor(log_c))
        return at(below) + (log_c - below) * (at(below + 1) - at(below))

    scatter = ASSUMED
    if isinstance(law, Law):
        noise = law.fitted.ensemble.candidates.noise
        scatter = Noise(noise.sd, noise.share, noise.df, f"as in {source}")
    return Centre(log_n, source, source, scatter)
