"""``ditlaw audit``: is a law defensible, how far, and what would mend it.

The checklist follows "(Mis)Fitting" (Li et al. 2025, arXiv 2502.18969): the form, the training, the
data, the fit. To it come what the rows themselves show: grids, residuals, refits, held-out budgets.
"""

from ditlaw.audit.answer import audit, audit_law

__all__ = ["audit", "audit_law"]
