"""Answering ``ditlaw forecast --generated``: from a law and a number of images to a result."""

from collections.abc import Mapping

import numpy as np

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import BadInput
from ditlaw.laws import Law
from ditlaw.laws.ensemble import band
from ditlaw.laws.kappa import Kappa, shapes_along
from ditlaw.laws.table import FloatArray
from ditlaw.lifetime.forms import forms_of
from ditlaw.lifetime.optimum import CENTRE, MOST_TRAINING, Cost, Optimum, optima
from ditlaw.results import Lifetime, LifetimeCost, Note, Quantity
from ditlaw.study import Study, study_mix

STEPS_UNSTATED = 50  # evaluations an image where no study states its own


def lifetime(
    law: AnsweringLaw,
    flops: float,
    generated: float,
    *,
    sampler_steps: int | None = None,
    guided: bool = False,
    each: float | None = None,
) -> Lifetime:
    """The model that reaches the loss of ``flops`` for the fewest FLOPs of a whole lifetime.

    Args:
        law: that knows the loss off the best size: a fitted one, or a published surface.
        flops: training FLOPs of the compute-optimal model whose loss is to be kept.
        generated: images that the model will make.
        sampler_steps: evaluations of the model an image; by default the study's, else 50.
        guided: whether each step evaluates the model twice, with and without the caption.
        each: tokens of one image, where the law's rows do not tell.

    Raises:
        BadInput: no number of images or steps, or the tokens of one image are not known.
        Refused: the law says nothing off the best size.
    """
    if not 0 <= generated < float("inf"):
        raise BadInput(f"--generated: {generated:g} is not a number of images; use 1e9")
    study = law.observations.study
    steps = study.evaluation.sampler_steps if study else STEPS_UNSTATED
    steps = steps if sampler_steps is None else sampler_steps
    if steps < 1:
        raise BadInput(f"--sampler-steps: {steps} is not a number of steps; use 1 or more")
    log_x = float(np.log(flops))
    forms, weights, errors = forms_of(law, log_x)
    each = law.observations.tokens_per_image() or each
    if each is None:
        raise BadInput(
            f"--generated: {law.observations.source}: the tokens of one image are not known; state "
            "--latent, or ask a study or a table with an images column"
        )
    forward, counted = forward_flops(study, each)
    evaluations = steps * (2 if guided else 1)
    with np.errstate(divide="ignore"):
        log_evaluations = np.log(generated) + np.log(evaluations)

    def cost(log_n: FloatArray) -> FloatArray:
        return np.asarray(forward(log_n) + log_evaluations)

    best, found = optima(forms, weights, errors, log_x, cost)
    kappa = law.kappa if isinstance(law, Law) else Kappa(np.zeros(1), np.full(1, np.log(6)))
    saving = {n: np.log(o.total) - np.log(best[n].total) for n, o in found.items()}

    def of(values: Mapping[str, FloatArray], unit: float = 1.0) -> Quantity:
        return _quantity(values, weights, law.level, unit)

    tokens = {n: kappa.log_tokens(o.log_n, o.log_c) for n, o in found.items()}
    return Lifetime(
        generated=generated,
        sampler_steps=steps,
        guided=guided,
        forward_flops=float(np.exp(forward(found[CENTRE].log_n[:1]))[0]),
        forward_counted=counted,
        params=of({n: o.log_n for n, o in found.items()}),
        tokens=of(tokens),
        images=of(tokens, 1 / each),
        training_flops=of({n: o.log_c for n, o in found.items()}),
        generation_flops=of({n: o.log_g for n, o in found.items()}) if generated else _nothing(law),
        total_flops=of({n: np.log(o.total) for n, o in found.items()}),
        saving=_rest(of(saving)),
        compute_optimal=LifetimeCost(
            params=float(np.exp(best[CENTRE].log_n[0])),
            training_flops=flops,
            generation_flops=float(np.exp(best[CENTRE].log_g[0])),
            total_flops=float(best[CENTRE].total[0]),
        ),
        warnings=_beware(law, kappa, found[CENTRE], log_x),
    )


def _quantity(
    values: Mapping[str, FloatArray], weights: Mapping[str, float], level: float, unit: float
) -> Quantity:
    """The estimate of all forms together, and the interval of all their draws about it."""
    spread = band({n: values[n][:, None] for n in weights}, dict(weights), level)
    value = float(np.exp(values[CENTRE][0]))
    low, high = min(float(spread.low[0]), value), max(float(spread.high[0]), value)
    return Quantity(value=value * unit, low=low * unit, high=high * unit, level=level)


def _nothing(law: AnsweringLaw) -> Quantity:
    return Quantity(value=0.0, low=0.0, high=0.0, level=law.level)


def _rest(ratio: Quantity) -> Quantity:
    """One minus a share."""
    low, high = (None if end is None else 1 - end for end in (ratio.high, ratio.low))
    return Quantity(value=1 - ratio.value, low=low, high=high, level=ratio.level)


def _beware(law: AnsweringLaw, kappa: Kappa, found: Optimum, log_x: float) -> list[Note]:
    """What the answer rests on that no run has shown."""
    notes = []
    log_c = float(found.log_c[0])
    if log_c > log_x + MOST_TRAINING - 1e-6:
        notes.append(
            Note(
                code="lifetime-edge",
                text="training is 1,000 times the budget, the most that is searched: a still "
                "smaller model may cost less.",
            )
        )
    if isinstance(law, Law):
        each = float(kappa.log_tokens(found.log_n, found.log_c)[0] - found.log_n[0])
        seen = float((law.table.log_d - law.table.log_n).max())
        if each > seen + np.log(1.05):
            notes.append(
                Note(
                    code="lifetime-extrapolates",
                    text=f"it trains on {np.exp(each):.3g} tokens a parameter, and no run of the "
                    f"law on more than {np.exp(seen):.3g}: that a model so small still improves "
                    "so far is an extrapolation.",
                )
            )
    return notes


def forward_flops(study: Study | None, each: float) -> tuple[Cost, str]:
    """Ln of the forward FLOPs of one evaluation at ln N, and how they are counted.

    Exact along the sizes of a study's own family; else 2·params·``each``, tokens of an image.
    """
    if study is not None and study.design().closed_form:
        points: dict[int, float] = {}
        for shape in shapes_along(study):
            mix = study_mix(study, shape)
            shares = np.array(mix.weights) / sum(mix.weights)
            points[mix.each[0].params] = float(shares @ [c.flops_forward for c in mix.each])
        sizes = sorted(points)
        nodes = np.log(np.array(sizes, dtype=float))
        values = np.log([points[size] for size in sizes])
        return lambda log_n: np.interp(log_n, nodes, values), "exact, of the study's family"
    return lambda log_n: log_n + np.log(2 * each), "2·params·tokens"
