"""What a Python caller passes, checked against the annotations: one line instead of a traceback.

The command line checks its options itself; a prompt has nobody else to say which argument is wrong.
"""

from __future__ import annotations

import ast
import functools
import inspect
import os
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple, ParamSpec, TypeVar

from ditlaw.errors import BadInput
from ditlaw.text import plain, unknown

P = ParamSpec("P")
R = TypeVar("R")


class Kind(NamedTuple):
    """What an annotation stands for, in words and as a test."""

    words: str
    holds: Callable[[Any], bool]


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which says in one line what a caller passed that it cannot take.

    Annotations must be text (``from __future__ import annotations``); see ``KINDS``. One that is
    not there is not checked.

    Raises:
        BadInput: (when called) an argument is unknown, missing or of another kind.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in signature.parameters:
                raise unknown(f"{function.__name__}: argument", name, signature.parameters)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise BadInput(f"{function.__name__}: {error}") from None
        for name, value in bound.arguments.items():
            parameter = signature.parameters[name]
            several = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            for one in value if several else [value]:
                _check(f"{function.__name__}: {name}", one, parameter.annotation)
        return function(*args, **kwargs)

    return call


def _check(what: str, value: Any, annotation: str) -> None:
    words = []
    for part in annotation.split(" | "):
        if part.startswith("Literal"):
            choices = ast.literal_eval(part.removeprefix("Literal"))
            if isinstance(value, str) and value not in choices:
                raise unknown(what, value, choices)
            kind = Kind(" or ".join(map(repr, choices)), lambda v: isinstance(v, str))
        elif part in KINDS:
            kind = KINDS[part]
        else:
            return
        if kind.holds(value):
            return
        words += [kind.words] if kind.words else []
    raise BadInput(f"{what} must be {' or '.join(words)}, not {_shown(value)}")


def _shown(value: Any) -> str:
    """A short value as it is, of others the class."""
    if isinstance(value, str | bytes | bool | None) or _is_number(value):
        return plain(repr(value))
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        float(value)
    except OverflowError:  # an int with more than 308 digits
        return False
    return True


def _is_source(value: Any) -> bool:
    from pandas import DataFrame

    from ditlaw.laws import Law
    from ditlaw.observations import Observations

    return isinstance(value, str | os.PathLike | DataFrame | Observations | Law)


def _all(value: Any, holds: Callable[[Any], bool]) -> bool:
    """Whether it is a list, a tuple, an array, whose items all hold."""
    plural = hasattr(value, "__len__") and not isinstance(value, str | bytes | Mapping)
    return plural and hasattr(value, "__iter__") and all(map(holds, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


KINDS = {
    "None": Kind("", lambda v: v is None),
    "bool": Kind("True or False", lambda v: isinstance(v, bool)),
    "int": Kind("a whole number", lambda v: isinstance(v, Integral) and not isinstance(v, bool)),
    "float": Kind("a number", _is_number),
    "str": Kind("text", _is_text),
    "Method": Kind("text", _is_text),
    "File": Kind("a path", lambda v: isinstance(v, str | os.PathLike)),
    "Source": Kind("a path, a DataFrame, loaded rows or a law", _is_source),
    "Mapping[str, Source]": Kind(
        "a dict of such by name",
        lambda v: (
            isinstance(v, Mapping) and all(map(_is_text, v)) and _all([*v.values()], _is_source)
        ),
    ),
    "Sequence[float]": Kind("a list of numbers", lambda v: _all(v, _is_number)),
    "Sequence[str]": Kind("a list of text", lambda v: _all(v, _is_text)),
    "Where": Kind(
        "'COL=VALUE' or a list of such", lambda v: v is None or _is_text(v) or _all(v, _is_text)
    ),
    "Columns": Kind(
        "'NAME=COLUMN,...' or a dict of text",
        lambda v: (
            v is None
            or _is_text(v)
            or (isinstance(v, Mapping) and all(map(_is_text, [*v, *v.values()])))
        ),
    ),
    "Executor": Kind("an executor of ditlaw.executors", lambda v: hasattr(v, "run")),
}
