"""What the arguments of another library's class are in our terms, in words for people."""

from ditlaw.families import Geometry

VELOCITY = "the velocity ε − x_0, of the shape of hidden_states"
WORDS_FILE = "words.safetensors"


def latent(geometry: Geometry) -> str:
    """The noisy sample as an image; codes of place are this size's alone."""
    return f"x_t, (batch, {geometry.channels}, {geometry.height}, {geometry.width})"


def thousand() -> str:
    """The timestep of classes that count to 1000."""
    return "1000·t, (batch,)"


def patches(geometry: Geometry, order: str) -> str:
    """The noisy sample as packed patches; ``order`` is that of the values within one."""
    return (
        f"x_t in patches, row by row, (batch, {geometry.image_tokens}, {geometry.patch_dim}); "
        f"a patch's values by {order}"
    )


def label() -> str:
    """The class label."""
    return "words[:, 0], (batch,); class 0 says nothing"


def places(geometry: Geometry) -> str:
    """Where the patches lie."""
    return f"(0, row, column) of every patch, ({geometry.image_tokens}, 3)"


def origin() -> str:
    """Where the text lies."""
    return "zeros, (tokens, 3)"


def text(geometry: Geometry, words: str = "text.words") -> str:
    """Where the text features come from; ``words`` is where the module of the table lies."""
    if geometry.words:
        return (
            f"of {WORDS_FILE}: {words}.table.weight[words] + "
            f"{words}.positions[:tokens], (batch, tokens, width); word 0 says nothing"
        )
    return f"features, (batch, tokens, {geometry.text_dim}); zeros say nothing"


def pooled(geometry: Geometry, words: str = "vector.words") -> str:
    """Where the pooled vector comes from; ``words`` as for ``text``."""
    if geometry.words:
        return (
            f"of {WORDS_FILE}: the sum over the slots i of a text of "
            f"{words}.table.weight[{geometry.vocabulary}·i + word i], (batch, width)"
        )
    if geometry.pooled_dim:
        return f"the encoder's pooled vector, (batch, {geometry.pooled_dim}); zeros say nothing"
    return f"encoder_hidden_states.mean(1), (batch, {geometry.text_dim})"
