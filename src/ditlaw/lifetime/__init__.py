"""The best model for a lifetime: training and K generated images counted together.

Who generates much is served by a smaller model, trained longer to the same loss (Sardana et al.
2401.00448, there for language models). Of all models that reach the loss of the compute-optimal
one of a budget X, this one minimises C + K·S·g·f(N): training FLOPs C, images K, evaluations of the
model an image S, g = 2 with guidance and 1 without, forward FLOPs f(N) of one evaluation.
"""

from ditlaw.lifetime.answer import forward_flops, lifetime

__all__ = ["forward_flops", "lifetime"]
