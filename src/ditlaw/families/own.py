"""A user's own model as a family: an import path, its options, and counts taken from the module.

Studies, tables and laws know such a family by its label alone. The user's module and torch are
imported only to count and to build (``ditlaw.models.own``), so a finished study is read without.
"""

import contextlib
import hashlib
import importlib.util
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any, ClassVar

from ditlaw.errors import BadInput
from ditlaw.families.base import MOST_DEPTH, Family, Shape
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Counts

PATH = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)")
LONGEST_LABEL = 48  # it becomes part of a folder's name
DIFFUSERS = "diffusers"  # the module part of a path that names a class of diffusers


@dataclass(frozen=True)
class Own(Family):
    """``path`` is ``module:factory``, or ``diffusers:CLASS``; ``settings`` its options as JSON."""

    path: str = ""
    settings: str = "{}"

    name: ClassVar[str] = "own"
    closed_form: ClassVar[bool] = False
    width_unit: ClassVar[int] = 1  # the module itself says what else its width must be

    @classmethod
    def named(cls, path: str, options: Mapping[str, Any]) -> "Own":
        """The family of an import path; nothing is imported.

        Raises:
            BadInput: not of the form ``module:factory``, or an option is no plain value.
        """
        if not PATH.fullmatch(path):
            raise BadInput(
                f"family: '{path}' is not module:factory; write it as my_models:make_dit"
            )
        for option, value in options.items():
            values = value if isinstance(value, list) else [value]
            plain = (
                isinstance(v, str | int) or (isinstance(v, float) and isfinite(v)) for v in values
            )
            if not all(plain):
                raise BadInput(
                    f"options.{option}: {value!r} is no text, number or truth; use one, or a list"
                )
        return cls(path, json.dumps(dict(options), sort_keys=True))

    @property
    def label(self) -> str:
        """The path and its options, in short: SD3Transformer2DModel is diffusers:SD3.

        Where options make it long, a digest stands for them.
        """
        name = self.path.removesuffix("Transformer2DModel") if self.of_diffusers else self.path
        changed = [f"{option}={_shown(value)}" for option, value in self.options().items()]
        label = ",".join([name, *changed])
        if len(label) <= LONGEST_LABEL or not changed:
            return label
        return f"{name},{hashlib.sha256(self.settings.encode()).hexdigest()[:8]}"

    @property
    def of_diffusers(self) -> bool:
        """Whether it is a class of diffusers."""
        return self.path.startswith(f"{DIFFUSERS}:")

    def options(self) -> dict[str, Any]:
        """The options as they were given, by name."""
        options: dict[str, Any] = json.loads(self.settings)
        return options

    def _single_depth(self, depth: int, given: int | None) -> int:
        if not 0 <= (given or 0) <= MOST_DEPTH:
            raise BadInput(f"single_depth: {given} is not a number of blocks; use {depth}")
        return given or 0

    def counts(self, shape: Shape, geometry: Geometry) -> Counts:
        """Counts of the module itself, per sample; see ``ditlaw.models.own_counts``.

        Raises:
            BadInput: the module cannot be imported, built, or run where it is counted.
        """
        return _counted(self, shape, geometry)

    def require_checkpointing(self, shape: Shape, geometry: Geometry) -> None:
        """Check that the module can recompute its activations, where a recipe asks for it.

        Raises:
            BadInput: it cannot.
        """
        _need_torch(self)
        from ditlaw.models.own import build_on_meta

        with _users_prints():
            build_on_meta(self, shape, geometry, checkpointing=True)

    def require_base(self, shape: Shape, base: Shape, geometry: Geometry) -> None:
        """Check that the module can be held against its base width, where a recipe is of muP.

        Raises:
            BadInput: it cannot.
        """
        _need_torch(self)
        from ditlaw.models.parametrization import rate_scales

        with _users_prints():
            rate_scales(self, shape, base, geometry)


def _shown(value: Any) -> str:
    """An option in a label; text is quoted where it would pass for something else."""
    name = isinstance(value, str) and re.fullmatch(r"[^\W\d][\w.-]*", value)
    return str(value) if name and value not in ("true", "false") else json.dumps(value)


@lru_cache(maxsize=4096)
def _counted(family: Own, shape: Shape, geometry: Geometry) -> Counts:
    _need_torch(family)
    from ditlaw.models.own_counts import count_module

    with _users_prints():
        return count_module(family, shape, geometry)


def _users_prints() -> contextlib.AbstractContextManager[Any]:
    """What the user's code prints goes where messages go: answers alone are standard output."""
    return contextlib.redirect_stdout(sys.stderr)


def _need_torch(family: Own) -> None:
    if importlib.util.find_spec("torch") is None:
        raise BadInput(
            f"family: {family.path} is counted with torch, which is missing; "
            "pip install 'ditlaw[train]'"
        )
