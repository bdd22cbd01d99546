"""The law of a SOURCE: fitted, loaded or published."""

from pathlib import Path
from typing import Any

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import BadInput
from ditlaw.laws import Law, fit, load_law
from ditlaw.laws.candidates import Method
from ditlaw.observations import load_observations
from ditlaw.published import PREFIX, published_law

LAW_SUFFIX = ".law.json"


def law_of(
    source: str,
    where: list[str] | None = None,
    *,
    method: Method | None = None,
    metric: str | None = None,
    level: float | None = None,
    flops_as: str | None = None,
) -> Law:
    """The law of a SOURCE: a study folder or a table is fitted, a saved law is loaded.

    What is left out is ``auto``, ``loss`` and 0.9, or what the saved law was fitted with; a saved
    law is fitted again, to its own rows, where something else is asked for.

    Raises:
        BadInput, Refused: as reading and fitting do; BadInput too for a published law, which has
            no rows.
    """
    if source.startswith(PREFIX):
        name = published_law(source).observations.source
        raise BadInput(
            f"{name}: a published law has no rows to fit or report; "
            f"'ditlaw forecast {name} --flops X' and 'ditlaw compare' answer"
        )
    asked = {"method": method, "metric": metric, "level": level}
    settings: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
    if not source.endswith(LAW_SUFFIX):
        table = load_observations(source, where or [], flops_as=flops_as or "exact")
        return fit(table, **settings)
    for option, given in (("--where", where), ("--flops-as", flops_as)):
        if given:
            raise BadInput(f"{option}: {source} is a saved law; choose when fitting its table")
    law = load_law(Path(source))
    if all(getattr(law, name) == value for name, value in settings.items()):
        return law
    kept: dict[str, Any] = {"method": law.method, "metric": law.metric, "level": law.level}
    return fit(law.observations, **(kept | settings))


def answering_law(
    source: str,
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
    if not source.startswith(PREFIX):
        return law_of(source, where, metric=metric, level=level)
    for option, given in (("--where", where), ("--level", level)):
        if given:
            raise BadInput(
                f"{option}: {source} has no rows; its intervals are what the printed digits allow"
            )
    return published_law(source, metric or "loss")
