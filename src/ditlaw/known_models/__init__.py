"""Public diffusion transformers, with sources, and where each stands by a law.

``models.yaml`` holds the numbers; to add a model, add it there.
"""

from ditlaw.known_models.table import known_models

__all__ = ["known_models"]
