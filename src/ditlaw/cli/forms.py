"""``ditlaw fit --form``: one equation of a SOURCE."""

from pathlib import Path

from ditlaw.equations import fit_form, form_named
from ditlaw.errors import BadInput
from ditlaw.forecasting import LAW_SUFFIX
from ditlaw.laws import load_law
from ditlaw.observations import load_observations
from ditlaw.results import FormResult


def fit_one_form(
    source: str,
    where: list[str] | None,
    form: str | None,
    x: str | None,
    metric: str | None,
    flops_as: str | None,
    level: float | None,
) -> FormResult:
    """The equation of a study folder, a table, or the rows of a saved law.

    Raises:
        BadInput, Refused: as reading and fitting do.
    """
    if form is None:
        raise BadInput("--x: belongs to --form, as --form floor --x params")
    form_named(form, x)  # a misspelt name is told before a large table is read
    if source.endswith(LAW_SUFFIX):
        for option, given in (("--where", where), ("--flops-as", flops_as)):
            if given:
                raise BadInput(f"{option}: {source} is a saved law; choose when fitting its table")
        rows = load_law(Path(source)).observations
    else:
        rows = load_observations(source, where or [], flops_as=flops_as or "exact")
    return fit_form(rows, form, x=x, metric=metric or "loss", level=level or 0.9).result()
