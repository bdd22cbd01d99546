"""ditlaw: what your compute will buy when you train a diffusion transformer."""

__version__ = "0.1.0"
