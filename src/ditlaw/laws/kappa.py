"""κ(N): training FLOPs per token per parameter as a function of model size, so D = C/(κ(N)·N).

6 is the usual stand-in; attention, embeddings and skipped gradients move it, most in small models.
"""

from dataclasses import dataclass

import numpy as np

from ditlaw.errors import BadInput
from ditlaw.families import Shape
from ditlaw.laws.table import FloatArray, Table
from ditlaw.study import Study, study_mix

REACH = np.log(1e4)  # a study's size path is followed this far beyond its largest model
NODES = 160


@dataclass(frozen=True)
class Kappa:
    """ln κ at nodes in ln N; linear between them and constant outside."""

    log_n: FloatArray
    log_k: FloatArray

    def log(self, log_n: FloatArray) -> FloatArray:
        """Ln κ at ln N, any shape."""
        return np.interp(log_n, self.log_n, self.log_k)

    def slope(self, log_n: FloatArray) -> FloatArray:
        """d ln κ / d ln N, smooth inside the nodes and 0 outside."""
        if len(self.log_n) < 2:
            return np.zeros_like(log_n)
        slopes = np.gradient(self.log_k, self.log_n)
        return np.interp(log_n, self.log_n, slopes, left=0.0, right=0.0)

    def log_tokens(self, log_n: FloatArray, log_c: FloatArray) -> FloatArray:
        """Ln D of a model of that size that is trained with those FLOPs."""
        return log_c - log_n - self.log(log_n)


def kappa_of(table: Table, study: Study | None) -> Kappa:
    """κ along the study's own size path in closed form, else smoothed from the table."""
    path = _study_path(study) if study is not None else None
    return path if path is not None else smooth(table)


def smooth(table: Table) -> Kappa:
    """A quadratic of ln κ in ln N through the table's flops/(params·tokens); held at its ends."""
    ratio = table.log_c - table.log_n - table.log_d
    sizes = np.unique(table.log_n)
    centre, span = sizes.mean(), max(float(np.ptp(sizes)), 1e-9)
    degree = 0 if np.ptp(ratio) < 1e-12 else min(2, len(sizes) - 1)
    powers = np.arange(degree + 1)
    design = ((table.log_n - centre) / span)[:, None] ** powers
    coefficients = np.linalg.lstsq(design, ratio, rcond=None)[0]
    nodes = np.linspace(sizes[0], sizes[-1], NODES) if degree else np.array([centre])
    return Kappa(nodes, (((nodes - centre) / span)[:, None] ** powers) @ coefficients)


def _study_path(study: Study) -> Kappa | None:
    family = study.design()
    if not family.closed_form:
        return None
    geometry = study.geometry.geometry()  # params are the same in every bucket
    shapes = [study.shape(entry) for entry in study.shapes]
    largest = max(family.counts(shape, geometry).params for shape in shapes)
    points: dict[float, float] = {}
    for shape in shapes_along(study):
        mix = study_mix(study, shape)
        # Floats before products: 6·params·tokens overflows 64-bit integers.
        log_n = float(np.log(float(mix.each[0].params)))
        points[log_n] = float(np.log(mix.flops_per_sample / mix.tokens_per_sample) - log_n)
        if log_n > np.log(float(largest)) + REACH:
            break
    if len(points) < 2:
        return None
    sizes = sorted(points)
    return Kappa(np.array(sizes), np.array([points[size] for size in sizes]))


def shapes_along(study: Study) -> list[Shape]:
    """Rising sizes: widths at one depth and head count (in muP head size), else depths.

    Depths go with the width and heads of the study's own proportion, where its sizes have one, else
    with the family's dial. The smallest are all there; larger ones are about 1 % apart in width or
    depth.
    """
    family = study.design()
    shapes = [study.shape(entry) for entry in study.shapes]
    rule = study.recipe.parametrization
    size = rule.head_size  # that a parametrization keeps, in place of a number of heads
    depth, heads, single = shapes[0].depth, shapes[0].heads, shapes[0].single_depth
    same = all(
        (s.depth, s.single_depth) == (depth, single) and (size or s.heads == heads) for s in shapes
    )
    unit = int(np.lcm(4, size or heads))  # widths that any family can split into such heads
    ratio = None if size or single else _proportion(shapes)
    found: list[Shape] = []
    for step in sorted({round(x) for x in np.geomspace(1, 4000, 800)}):
        try:
            if same:
                shape = rule.shape(family, depth, unit * step, None if size else heads, single)
            elif ratio:
                shape = rule.shape(family, step, ratio[0] * step, ratio[0] * step // ratio[1])
            else:
                shape = rule.shape(family, step)
        except BadInput:
            continue
        found.append(shape)
    return found


def _proportion(shapes: list[Shape]) -> tuple[int, int] | None:
    """Width a layer and size of a head, where all shapes have the same; None where they do not."""
    found = {(s.width / s.depth, s.width / s.heads) for s in shapes}
    a_layer, a_head = found.pop()
    if found or not (a_layer.is_integer() and a_head.is_integer()):
        return None
    return int(a_layer), int(a_head)
