"""The law of a SOURCE: fitted, loaded or published."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import BadInput
from ditlaw.laws import Law, fit, load_law
from ditlaw.laws.candidates import Method
from ditlaw.observations import IN_MEMORY, Observations, Tabular, load_observations
from ditlaw.published import PREFIX, published_law

LAW_SUFFIX = ".law.json"
Source = Tabular | Law  # what a law is of, or is: a path or ``published:NAME``, rows, a law


def law_of(
    source: Source,
    where: list[str] | None = None,
    *,
    method: Method | None = None,
    metric: str | None = None,
    level: float | None = None,
    flops_as: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> Law:
    """The law of a SOURCE: a study folder or a table is fitted, a saved law is loaded.

    What is left out is ``auto``, ``loss`` and 0.9, or what the saved law was fitted with; a saved
    law, and one that was fitted before, is fitted again, to its own rows, where something else is
    asked for. ``columns`` are as ``load_observations`` takes them.

    Raises:
        BadInput, Refused: as reading and fitting do; BadInput too for a published law, which has
            no rows.
    """
    asked = {"method": method, "metric": metric, "level": level}
    settings: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    law = _law_at_hand(source)
    if law is None:
        assert not isinstance(source, Law)
        if isinstance(source, Observations) and flops_as not in (None, source.flops_as):
            raise BadInput(
                f"--flops-as: {source.source} was read with {source.flops_as} FLOPs; choose when "
                "reading it"
            )
        rows = load_observations(source, where or [], flops_as=flops_as or "exact", columns=columns)
        return fit(rows, **settings)
    for option, given in (("--where", where), ("--flops-as", flops_as), ("--columns", columns)):
        if given:
            named = f"{source} is a saved law" if isinstance(source, str) else "this is a law"
            raise BadInput(f"{option}: {named}; choose when fitting its table")
    if all(getattr(law, name) == value for name, value in settings.items()):
        return law
    kept: dict[str, Any] = {"method": law.method, "metric": law.metric, "level": law.level}
    return fit(law.observations, **(kept | settings))


def _law_at_hand(source: Source) -> Law | None:
    """A law that need not be fitted; None of rows."""
    if isinstance(source, Law):
        return source
    if not isinstance(source, str | os.PathLike):
        return None
    name = os.fspath(source)
    if name.startswith(PREFIX):
        printed = published_law(name).observations.source
        raise BadInput(
            f"{printed}: a published law has no rows to fit or report; "
            f"'ditlaw forecast {printed} --flops X' and 'ditlaw compare' answer"
        )
    return load_law(Path(name)) if name.endswith(LAW_SUFFIX) else None


def name_of(source: Source) -> str:
    """What answers call a SOURCE."""
    if isinstance(source, Law):
        return source.observations.source
    if isinstance(source, Observations):
        return source.source
    return os.fspath(source) if isinstance(source, str | os.PathLike) else IN_MEMORY


def is_published(source: Source) -> bool:
    """Whether a SOURCE is ``published:NAME``."""
    return isinstance(source, str) and source.startswith(PREFIX)


def answering_law(
    source: Source,
    where: list[str] | None = None,
    *,
    metric: str | None = None,
    level: float | None = None,
) -> AnsweringLaw:
    """The law of any SOURCE, published ones too (``published:NAME``).

    Raises:
        BadInput, Refused: as ``law_of``; BadInput too where a published law is asked for rows or a
            level.
    """
    if not (isinstance(source, str) and is_published(source)):
        return law_of(source, where, metric=metric, level=level)
    for option, given in (("--where", where), ("--level", level)):
        if given:
            raise BadInput(
                f"{option}: {source} has no rows; its intervals are what the printed digits allow"
            )
    return published_law(source, metric or "loss")
