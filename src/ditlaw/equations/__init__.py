"""Equations by name: fit one to a table, predict, say how sure that is, print it.

``ditlaw.laws`` answers what a budget buys by several readings weighed against each other; here is
any single equation of the literature, by itself. None of this imports torch.
"""

from ditlaw.equations.base import Form, Sample
from ditlaw.equations.catalogue import CATALOGUE, fit_form, form_named
from ditlaw.equations.fitted import FittedForm
from ditlaw.equations.fitting import fit_sample
from ditlaw.equations.perflop import in_flops_per_token

__all__ = [
    "CATALOGUE",
    "FittedForm",
    "Form",
    "Sample",
    "fit_form",
    "fit_sample",
    "form_named",
    "in_flops_per_token",
]
