"""Sweeps of learning rates and batches: the best of each size, its law, and what it does to N*.

None of this imports torch.
"""

from ditlaw.tuning.answer import Rates, Setting, rates_of, setting_of

__all__ = ["Rates", "Setting", "rates_of", "setting_of"]
