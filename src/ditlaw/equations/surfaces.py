"""Equations in params and tokens together."""

import numpy as np

from ditlaw.equations.base import Form
from ditlaw.equations.curves2d import Additive, Nested, Repeated
from ditlaw.equations.onedim import KAPLAN
from ditlaw.laws import solver
from ditlaw.laws.table import FloatArray


def chinchilla() -> Form:
    """L = E + A/N^α + B/D^β."""
    return Form(
        name="chinchilla",
        purpose="a floor, a term for the model's size and one for the data",
        template="{y} = {E} + {A}/N^{alpha} + {B}/D^{beta}",
        columns=("params", "tokens"),
        curve=Additive(),
        natural=_surface,
        source="Hoffmann et al. 2022, arXiv 2203.15556, approach 3",
    )


def repeated() -> Form:
    """The surface in effective data D′; x holds the epochs D/U, at least 1.

    Only data is discounted. The source discounts params beyond the best size for the unique data
    too (R*_N); that needs the best size itself and one more parameter, which few tables determine,
    and leaves models up to that size as they are.
    """

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        return _surface(theta, centre) | {"R": np.exp(theta[:, 5])}

    return Form(
        name="repeated",
        purpose="the surface where data are repeated: R is how many repeats count as new",
        template="{y} = {E} + {A}/N^{alpha} + {B}/D′^{beta}, "
        "D′ = U·(1 + {R}·(1 − exp((1 − D/U)/{R})))",
        columns=("params", "tokens", "epochs"),
        curve=Repeated(),
        natural=natural,
        source="Muennighoff et al. 2023, arXiv 2305.16264, repeated data (not excess params)",
        uncentred=("epochs",),
    )


def kaplan() -> Form:
    """L = ((Nc/N)^(αN/αD) + Dc/D)^αD."""

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        size, data = np.exp(theta[:, 2]), np.exp(theta[:, 3])
        return {
            "Nc": np.exp(theta[:, 0] / size + centre[0]),
            "Dc": np.exp(theta[:, 1] / data + centre[1]),
            "alphaN": size,
            "alphaD": data,
        }

    return Form(
        name="kaplan",
        purpose="size and data nested in one power, without a floor",
        template="{y} = (({Nc}/N)^({alphaN}/{alphaD}) + {Dc}/D)^{alphaD}",
        columns=("params", "tokens"),
        curve=Nested(),
        natural=natural,
        source=f"{KAPLAN}, eq. 1.5",
    )


def yin() -> Form:
    """L = (Tc/T)^αT + (Nc/N)^αN + L∞: the surface in the parameters of the video-DiT study."""

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        size, data = np.exp(theta[:, 3]), np.exp(theta[:, 4])
        return {
            "Tc": np.exp(theta[:, 2] / data + centre[1]),
            "alphaT": data,
            "Nc": np.exp(theta[:, 1] / size + centre[0]),
            "alphaN": size,
            "Linf": np.exp(theta[:, 0]),
        }

    return Form(
        name="yin",
        purpose="the surface in the parameters of the video-DiT study; T is tokens",
        template="{y} = ({Tc}/D)^{alphaT} + ({Nc}/N)^{alphaN} + {Linf}",
        columns=("params", "tokens"),
        curve=Additive(),
        natural=natural,
        source="Yin et al. 2024, arXiv 2411.17470",
    )


def _surface(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
    return solver.coefficients(theta, centre[0], centre[1])
