"""Parts that several families share, counted; ``ditlaw.models`` has a module for each."""

from ditlaw.families.base import MLP_RATIO
from ditlaw.families.geometry import Geometry
from ditlaw.families.ledger import Ledger

TIME_CODE = 256  # sinusoids of t that the time embedding reads, as in DiT, PixArt, SD3, FLUX


def count_patches(
    ledger: Ledger, geometry: Geometry, width: int, trained: int | None = None
) -> None:
    """The patch embedding; patches need no gradient."""
    ledger.dense(
        "patch_embedding",
        geometry.patch_dim,
        width,
        geometry.image_tokens,
        input_needs_grad=False,
        trained=trained,
    )


def count_time(ledger: Ledger, width: int, code: int = TIME_CODE) -> None:
    """Two layers from sinusoids of t, once a sample."""
    ledger.dense("time_embedding", code, width, 1, input_needs_grad=False)
    ledger.dense("time_embedding", width, width, 1)


def count_pooled(ledger: Ledger, geometry: Geometry, width: int) -> None:
    """The pooled text vector through two layers, once a sample, as in SD3 and FLUX.

    Words are pooled by a look-up table of (slot, word), whose entries need a gradient.
    """
    inputs = geometry.pooled_inputs(width)
    if not inputs:
        return
    if geometry.words:
        ledger.table(geometry.text_tokens * geometry.vocabulary * inputs)
    ledger.dense("pooled_embedding", inputs, width, 1, input_needs_grad=geometry.words)
    ledger.dense("pooled_embedding", width, width, 1)


def count_words(ledger: Ledger, geometry: Geometry, width: int) -> None:
    """The look-up table of words and the learned codes of their places; none for features."""
    if geometry.words:
        ledger.table(geometry.vocabulary * width)
        ledger.weights("text_embedding", geometry.text_tokens * width)


def count_stream(
    ledger: Ledger, width: int, tokens: int, *, times: int = 1, trained: int | None = None
) -> None:
    """One stream's projections to queries, keys, values and back, and its MLP."""
    ledger.dense("attention", width, 3 * width, tokens, times=times, trained=trained)
    ledger.dense("attention", width, width, tokens, times=times, trained=trained)
    count_mlp(ledger, width, tokens, times=times, trained=trained)


def count_mlp(
    ledger: Ledger, width: int, tokens: int, *, times: int = 1, trained: int | None = None
) -> None:
    """Up by 4, GELU, down."""
    hidden = MLP_RATIO * width
    ledger.dense("mlp", width, hidden, tokens, times=times, trained=trained)
    ledger.dense("mlp", hidden, width, tokens, times=times, trained=trained)
