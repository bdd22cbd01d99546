"""Equations in one column, and plain products of powers of several."""

import numpy as np

from ditlaw.equations.base import Form
from ditlaw.equations.curves import Broken, Floor, Line, Logistic, Pole
from ditlaw.laws.table import FloatArray

KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361"
HENIGHAN = "Henighan et al. 2020, arXiv 2010.14701"
LLAMA = "Llama team 2024, arXiv 2407.21783 (loss to score)"


def power(x: str) -> Form:
    """y = k·x^(−c): ``Line`` in logs; of a loss, y = k·L^p."""
    rising = x == "loss"
    name = "p" if rising else "c"

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        slope = theta[:, 1] if rising else -theta[:, 1]
        return {"k": np.exp(theta[:, 0] - theta[:, 1] * centre[0]), name: slope}

    return Form(
        name="power",
        purpose="a straight line in logs, without a floor",
        template="{y} = {k}·{x}^{p}" if rising else "{y} = {k}·{x}^(−{c})",
        columns=(x,),
        curve=Line(),
        natural=natural,
        source=KAPLAN,
    )


def kaplan_one(x: str) -> Form:
    """L(N) = (Nc/N)^α or L(D) = (Dc/D)^α."""
    scale = "Nc" if x == "params" else "Dc"

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        alpha = -theta[:, 1]
        return {scale: np.exp(theta[:, 0] / alpha + centre[0]), "alpha": alpha}

    return Form(
        name="kaplan-n" if x == "params" else "kaplan-d",
        purpose=f"loss limited by {x} alone",
        template=f"{{y}} = ({{{scale}}}/{{x}})^{{alpha}}",
        columns=(x,),
        curve=Line(),
        natural=natural,
        source=f"{KAPLAN}, eq. 1.{1 if x == 'params' else 2}",
    )


def floor(x: str) -> Form:
    """y = E + k·x^(−c)."""

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        c = np.exp(theta[:, 2])
        return {"E": np.exp(theta[:, 0]), "k": np.exp(theta[:, 1] + c * centre[0]), "c": c}

    return Form(
        name="floor",
        purpose="a power law down to a floor that nothing gets below",
        template="{y} = {E} + {k}·{x}^(−{c})",
        columns=(x,),
        curve=Floor(),
        natural=natural,
        source=HENIGHAN,
    )


def henighan(x: str) -> Form:
    """L = L∞ + (x0/x)^α: the curve of ``floor`` in its authors' parameters."""

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        alpha = np.exp(theta[:, 2])
        return {
            "Linf": np.exp(theta[:, 0]),
            "x0": np.exp(theta[:, 1] / alpha + centre[0]),
            "alpha": alpha,
        }

    return Form(
        name="henighan",
        purpose="the floor law in the parameters of its authors",
        template="{y} = {Linf} + ({x0}/{x})^{alpha}",
        columns=(x,),
        curve=Floor(),
        natural=natural,
        source=f"{HENIGHAN}, eq. 1.1",
    )


def broken(x: str) -> Form:
    """y = k·x^(−b)·(1 + (x/d)^(1/f))^(−c·f): exponent b before the break d, b + c after it.

    f is the width of the turn in e-folds.
    """

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        return {
            "k": np.exp(theta[:, 0] + theta[:, 1] * centre[0]),
            "b": theta[:, 1],
            "d": np.exp(theta[:, 3] + centre[0]),
            "f": np.exp(theta[:, 4]),
            "c": theta[:, 2],
        }

    return Form(
        name="broken",
        purpose="a power law that bends once: exponent b before d, b + c after it",
        template="{y} = {k}·{x}^(−{b})·(1 + ({x}/{d})^(1/{f}))^(−{c}·{f})",
        columns=(x,),
        curve=Broken(),
        natural=natural,
        source="Caballero et al. 2022, arXiv 2210.14891, one break and no limit",
    )


def logistic(x: str, *, ceiling: bool = True) -> Form:
    """y = t/(1 + (x/h)^(−b)): a score from 0 to t, half of it at h; t is 1 without a ceiling."""
    falling = x == "loss"

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        half = np.exp(centre[0] - theta[:, 0] / theta[:, 1])
        own = {"h": half, "b": -theta[:, 1] if falling else theta[:, 1]}
        return {"t": np.exp(-np.logaddexp(0.0, -theta[:, 2]))} | own if ceiling else own

    top = "{t}" if ceiling else "1"
    exponent = "{b}" if falling else "(−{b})"
    return Form(
        name="sigmoid" if ceiling else "sigmoid-to-1",
        purpose="a score between 0 and a ceiling t of at most 1, half of it at h",
        template="{y} = " + top + "/(1 + ({x}/{h})^" + exponent + ")",
        columns=(x,),
        curve=Logistic() if ceiling else Line(),
        natural=natural,
        source=LLAMA,
        score=True,
    )


def shifted() -> Form:
    """y = k·(L − s)^p: a distance that is gone at the loss s."""

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        p = np.exp(theta[:, 1])
        return {
            "k": np.exp(theta[:, 0] - p * centre[0]),
            "s": np.exp(theta[:, 2] + centre[0]),
            "p": p,
        }

    return Form(
        name="shifted",
        purpose="a distance that falls with the loss and is gone at the loss s",
        template="{y} = {k}·({x} − {s})^{p}",
        columns=("loss",),
        curve=Pole(),
        natural=natural,
        source="the floor law read from the loss's side (two-step forecasts, arXiv 2407.21783)",
    )


def product(name: str, columns: tuple[str, ...], purpose: str, source: str) -> Form:
    """y = k·Π column^exponent; exponents are a for params, b for tokens, a for flops alone."""
    letters = {"params": "a", "tokens": "b", "flops": "a"}
    symbols = {"params": "N", "tokens": "D", "flops": "C"}

    def natural(theta: FloatArray, centre: FloatArray) -> dict[str, FloatArray]:
        found = {"k": np.exp(theta[:, 0] - theta[:, 1:] @ centre)}
        return found | {letters[c]: theta[:, 1 + j] for j, c in enumerate(columns)}

    terms = "".join(f"·{symbols[c]}^({{{letters[c]}}})" for c in columns)
    return Form(
        name=name,
        purpose=purpose,
        template="{y} = {k}" + terms,
        columns=columns,
        curve=Line(len(columns)),
        natural=natural,
        source=source,
    )
