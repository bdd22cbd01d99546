"""All that ``ditlaw shapes`` says of a table: the law of shapes, the other axes, the noise."""

from dataclasses import dataclass
from pathlib import Path

from ditlaw.aspect.axes import compare_axes
from ditlaw.aspect.fit import ShapeFit, fit_shapes
from ditlaw.aspect.law import law_of_shapes
from ditlaw.aspect.rows import SETTINGS, Shapes, read_shapes
from ditlaw.errors import BadInput, Refused
from ditlaw.forecasting import LAW_SUFFIX
from ditlaw.laws import load_law
from ditlaw.laws.noise import Noise
from ditlaw.observations import Observations, load_observations
from ditlaw.results import Note, Rows, ShapeAxis, ShapeLaw, ShapesResult


@dataclass(frozen=True)
class ShapeStudy:
    """What ``ditlaw shapes`` prints, the rows, and the fit behind the law where there is one."""

    result: ShapesResult
    shapes: Shapes
    fit: ShapeFit | None


def shapes_of(
    source: str,
    where: list[str] | None = None,
    *,
    metric: str | None = None,
    level: float | None = None,
    tolerance: float = 0.01,
) -> ShapeStudy:
    """The shape study of a SOURCE: a study folder, a table, or the rows of a saved law.

    Raises:
        BadInput, Refused: as reading and ``shape_study`` do.
    """
    if source.endswith(LAW_SUFFIX):
        if where:
            raise BadInput(f"--where: {source} is a saved law; choose when fitting its table")
        law = load_law(Path(source))
        observations, metric = law.observations, metric or law.metric
        level = law.level if level is None else level
    else:
        observations = load_observations(source, where or [], several=SETTINGS)
    return shape_study(
        observations,
        metric=metric or "loss",
        level=0.9 if level is None else level,
        tolerance=tolerance,
    )


def shape_study(
    observations: Observations,
    *,
    metric: str = "loss",
    level: float = 0.9,
    tolerance: float = 0.01,
) -> ShapeStudy:
    """The law in depth and width beside N, and each other axis that varies.

    Raises:
        BadInput: a level or tolerance that makes no sense, or no depth or width.
        Refused: neither a law of shapes nor any axis can be told from these rows.
    """
    if not 0.0 < level < 1.0:
        raise BadInput(f"level: {level} is not between 0 and 1; use 0.9 for 90 %")
    if not 0.0 < tolerance < 1.0:
        raise BadInput(f"tolerance: {tolerance:g} is not between 0 and 1; use 0.01 for 1 %")
    shapes = read_shapes(observations, metric)
    fit, reason = None, None
    try:
        fit = fit_shapes(shapes, tolerance)
    except Refused as error:
        reason = str(error)
    noise = shapes.replicate_noise() or (fit.noise if fit else None)
    axes, unmatched, noise = compare_axes(shapes, noise, level, tolerance)
    if reason is not None and not axes:
        raise Refused(reason)
    assert noise is not None
    law = law_of_shapes(fit, level, tolerance) if fit else None
    result = ShapesResult(
        source=observations.source,
        metric=metric,
        level=level,
        tolerance=tolerance,
        rows=Rows(used=len(shapes.table), dropped=shapes.observations.dropped),
        run_noise=noise.sd,
        noise_from="replicates" if noise.source == "replicates" else "residuals",
        law=law,
        reason=reason,
        axes=axes,
        warnings=_notes(shapes, law, unmatched, noise),
    )
    return ShapeStudy(result, shapes, fit)


def _notes(shapes: Shapes, law: ShapeLaw | None, unmatched: list[str], noise: Noise) -> list[Note]:
    found = []
    if law is not None and law.says_more is not False:
        outside = [b for b in law.budgets if not b.inside]
        if outside:
            told = (
                f"at {len(outside)} of {len(law.budgets)} budgets the best width/depth is the "
                "lowest or highest that was tried; add shapes beyond it"
            )
            found.append(Note(code="ratio-edge", text=told))
    others = int((~shapes.base).sum())
    if law is not None and others:
        told = (
            f"{others} of {len(shapes.table)} rows have other settings (heads, batch, patch, "
            "text_tokens, parametrization) than most shapes, and are in no law of shapes"
        )
        found.append(Note(code="other-settings", text=told))
    if shapes.other_rates:
        told = (
            f"{shapes.other_rates} rows were left out: another learning rate of the same design "
            "did better"
        )
        found.append(Note(code="best-rate-only", text=told))
    if noise.source != "replicates":
        told = (
            "too few designs were run with several seeds, so run noise is taken from the residuals "
            "of the fits"
        )
        found.append(Note(code="no-replicates", text=told))
    for axis in unmatched:
        told = f"{axis} varies, but no two runs near the best size differ in {axis} alone"
        found.append(Note(code="unmatched-axis", text=told))
    return found


__all__ = ["ShapeAxis", "ShapeStudy", "shape_study", "shapes_of"]
