"""Forecasts of budgets that were held out: how many came true, and up to which distance."""

from collections.abc import Callable

from scipy.special import bdtrc

from ditlaw import text
from ditlaw.audit.seen import Found, Seen
from ditlaw.results import Backtest

CHANCE = 0.05  # a number of misses less likely than this is held against the law
FEWEST = 3  # forecasts
Inside = Callable[[Backtest], bool]


def loss_inside(test: Backtest) -> bool:
    """Whether the loss came true."""
    return test.loss_covered


def params_inside(test: Backtest) -> bool:
    """Whether the best size did."""
    return test.params_covered


def reach(found: Found, inside: Inside) -> float | None:
    """The largest distance that a forecast has held at; None where none has.

    At that distance the forecast was inside its interval, and of all up to there no more were
    outside than intervals of that level leave by chance.
    """
    tests = sorted(found.result.backtest, key=lambda test: test.beyond)
    if len(tests) < FEWEST:
        return None
    held = None
    for count in range(1, len(tests) + 1):
        misses = sum(not inside(test) for test in tests[:count])
        if inside(tests[count - 1]) and _by_chance(misses, count, found.result.level):
            held = tests[count - 1].beyond
    return held


def _by_chance(misses: int, tests: int, level: float) -> bool:
    """Whether so many misses or more have a chance worth the name."""
    return misses == 0 or bool(bdtrc(misses - 1, tests, 1 - level) >= CHANCE)


def loss_tests(found: Found) -> Seen:
    """How the losses came out."""
    return _tests(found, loss_inside, [test.loss_error for test in found.result.backtest])


def params_tests(found: Found) -> Seen:
    """How the best sizes came out."""
    return _tests(found, params_inside, [test.params_error for test in found.result.backtest])


def _tests(found: Found, inside: Inside, errors: list[float]) -> Seen:
    tests = found.result.backtest
    if len(tests) < FEWEST:
        said = f"held-out forecasts: {len(tests)}; it takes {FEWEST}"
        checked = "runs of its own check it, as 'ditlaw verify' trains them"
        return Seen("not met", said, checked if found.lone else "5 usable budgets allow 3")
    good = sum(inside(test) for test in tests)
    worst = max(errors, key=abs)
    side = ""
    if all(error > 0 for error in errors) or all(error < 0 for error in errors):
        side = f", all too {'high' if worst > 0 else 'low'}"
    said = f"{good} of {len(tests)} inside{side}, errors up to {text.percent(worst)}"
    if _by_chance(len(tests) - good, len(tests), found.result.level):
        return Seen("met", said)
    return Seen("not met", said, "a larger budget: what misses its own data misses further out")
