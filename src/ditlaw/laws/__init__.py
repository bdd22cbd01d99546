"""The laws: fit a table of runs, forecast, and say how sure that is. None of this imports torch."""

from ditlaw.laws.answers import Curve, IsoflopCurve, Optimum
from ditlaw.laws.ensemble import Band
from ditlaw.laws.fitting import fit
from ditlaw.laws.law import Law
from ditlaw.laws.saved import from_json, load_law, save_law, to_json

__all__ = [
    "Band",
    "Curve",
    "IsoflopCurve",
    "Law",
    "Optimum",
    "fit",
    "from_json",
    "load_law",
    "save_law",
    "to_json",
]
