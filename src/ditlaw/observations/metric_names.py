"""What a metric is, told by its column's name: its unit, its sense, whether it may fall below 0.

A name is ``KIND``, ``KIND_unconditional``, or either with the settings that it was drawn with:
``frechet:g2:s24``.
"""

UNCONDITIONAL = "_unconditional"
# Compared with a reference set or the captions, through pictures that a sampler drew.
DRAWN = ("frechet", "fid", "kid", "attributes", "attribute_error")
# Scores from 0 to 1 that rise as a model gets better: a law is of what they lack of 1.
ERRORS = {"attributes": "attribute_error", "geneval": "geneval_error"}
# Better models have smaller values of all others. Kinds in the order that tables show them.
KINDS = (
    "loss",
    "train_loss",
    "loss_unconditional",
    "loss_out_of_domain",
    "vlb",
    "nll",
    "frechet",
    "fid",
    "kid",
    "attribute_error",
    "geneval_error",
)
# What may be 0 or less, and why; no power of compute is.
SIGNED = {
    "kid": "its estimate is unbiased and scatters about 0 where there is little to find: draw more "
    "pictures, or use frechet",
    "nll": "a density may pass 1, most of all one of latents: compare its values",
    "vlb": "a density may pass 1, most of all one of latents: compare its values",
}
# What is in one unit, and so has an offset: column and what it is set beside.
BESIDE = {
    "train_loss": "loss",
    "loss_unconditional": "loss",
    "loss_out_of_domain": "loss",
    "nll": "vlb",
    "nll_unconditional": "vlb_unconditional",
}


def whole(name: str) -> str:
    """The name without its settings: ``frechet:g2:s24`` is ``frechet``."""
    return name.partition(":")[0]


def kind(name: str) -> str:
    """The name without settings and without ``_unconditional``; losses are kinds as they are."""
    found = whole(name)
    return found if found in KINDS else found.removesuffix(UNCONDITIONAL)


def is_drawn(name: str) -> bool:
    """Whether pictures were drawn for it."""
    return kind(name) in DRAWN


def has_settings(name: str) -> bool:
    """Whether it is of one guidance and step count."""
    return ":" in name
