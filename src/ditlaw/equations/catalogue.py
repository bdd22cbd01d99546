"""Every equation by its name, and how each is fitted to a table."""

from collections.abc import Callable
from dataclasses import dataclass

from ditlaw import text
from ditlaw.equations import onedim, surfaces
from ditlaw.equations.base import Form, Sample
from ditlaw.equations.fitted import FittedForm
from ditlaw.equations.fitting import fit_sample
from ditlaw.equations.perflop import of_optima
from ditlaw.equations.samples import of_best_settings, of_rows
from ditlaw.errors import BadInput
from ditlaw.laws.settings import keep_best
from ditlaw.observations import Observations

AXES = ("flops", "params", "tokens")
DEEPSEEK = "DeepSeek-AI 2024, arXiv 2401.02954"
SETTINGS = "Yin et al. 2024, arXiv 2411.17470 (N and D); DeepSeek (C); Porian et al. 2024 (N)"


@dataclass(frozen=True)
class Entry:
    """``make`` takes the chosen column, or None where there is no choice."""

    make: Callable[[str | None], Form]
    axes: tuple[str, ...] = ()
    target: str | None = None  # what y is, where it is no metric


def _setting(name: str) -> Callable[[str | None], Form]:
    def make(x: str | None) -> Form:
        columns = (x,) if x else ("params", "tokens")
        return onedim.product(name, columns, f"the best {name} against size and data", SETTINGS)

    return make


def _optimum(name: str, purpose: str) -> Callable[[str | None], Form]:
    return lambda x: onedim.product(name, ("flops",), purpose, DEEPSEEK)


def _one(make: Callable[[str], Form]) -> Callable[[str | None], Form]:
    return lambda x: make(x or "flops")


CATALOGUE: dict[str, Entry] = {
    "power": Entry(_one(onedim.power), (*AXES, "loss")),
    "floor": Entry(_one(onedim.floor), AXES),
    "henighan": Entry(_one(onedim.henighan), AXES),
    "broken": Entry(_one(onedim.broken), AXES),
    "sigmoid": Entry(_one(onedim.logistic), (*AXES, "loss")),
    "shifted": Entry(lambda x: onedim.shifted(), ("loss",)),
    "kaplan-n": Entry(lambda x: onedim.kaplan_one("params")),
    "kaplan-d": Entry(lambda x: onedim.kaplan_one("tokens")),
    "kaplan": Entry(lambda x: surfaces.kaplan()),
    "chinchilla": Entry(lambda x: surfaces.chinchilla()),
    "repeated": Entry(lambda x: surfaces.repeated()),
    "yin": Entry(lambda x: surfaces.yin()),
    "deepseek-m": Entry(
        _optimum("deepseek-m", "the best FLOPs per token against compute"),
        target="flops_per_token",
    ),
    "deepseek-d": Entry(
        _optimum("deepseek-d", "the tokens that go with the best FLOPs per token"),
        target="tokens",
    ),
    "learning-rate": Entry(_setting("learning-rate"), AXES, target="learning_rate"),
    "batch": Entry(_setting("batch"), AXES, target="batch"),
}


def form_named(name: str, x: str | None = None) -> Form:
    """The equation of a name, in the column ``x`` where it has a choice.

    Raises:
        BadInput: no such equation, or no such choice.
    """
    if name not in CATALOGUE:
        raise text.unknown("form", name, CATALOGUE)
    entry = CATALOGUE[name]
    if x is not None and x not in entry.axes:
        if not entry.axes:
            raise BadInput(f"--x: '{name}' has its own columns; leave --x out")
        raise text.unknown(f"x of {name}", x, entry.axes)
    return entry.make(x)


def fit_form(
    observations: Observations,
    name: str,
    *,
    x: str | None = None,
    metric: str = "loss",
    level: float = 0.9,
    draws: int = 200,
    seed: int = 0,
) -> FittedForm:
    """Fit one equation to a table.

    Args:
        observations: rows of one family, data set and role.
        name: of the equation, one of ``CATALOGUE``.
        x: the column of an equation in one column, by default FLOPs; a law of the learning rate or
            batch is in params and tokens unless one column is chosen.
        metric: the column that takes the place of the loss.
        level: of every interval.
        draws: refits behind the intervals.
        seed: of the draws.

    Raises:
        BadInput: unknown name, column or metric, or a column that the equation needs is missing.
        Refused: the rows do not determine the equation; the line says what is missing.
    """
    form = form_named(name, x)
    sample = _sample(form, observations, CATALOGUE[name].target, metric)
    return fit_sample(form, sample, level=level, draws=draws, seed=seed)


def _sample(form: Form, observations: Observations, target: str | None, metric: str) -> Sample:
    if target is None:
        if metric == form.columns[0]:
            raise BadInput(
                f"{form.name}: {metric} cannot be an equation of itself; name another column with "
                "--metric, as frechet"
            )
        return of_rows(form, keep_best(observations), metric)
    if metric != "loss":
        raise BadInput(f"--metric: '{form.name}' is of {target}; leave --metric out")
    if target in ("flops_per_token", "tokens"):
        return of_optima(form, keep_best(observations), target)
    return of_best_settings(form, observations, target)
