"""Frozen networks of others, as the two sides of a cache: a VAE for pictures, one for captions."""
