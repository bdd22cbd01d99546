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


def text(geometry: Geometry) -> str:
    """Where the text features come from."""
    if geometry.words:
        return (
            f"of {WORDS_FILE}: text.words.table.weight[words] + "
            "text.words.positions[:tokens], (batch, tokens, width); word 0 says nothing"
        )
    return f"features, (batch, tokens, {geometry.text_dim}); zeros say nothing"


def pooled(geometry: Geometry) -> str:
    """Where the pooled vector comes from."""
    if geometry.words:
        return (
            f"of {WORDS_FILE}: the sum over the slots i of a text of "
            f"vector.words.table.weight[{geometry.vocabulary}·i + word i], (batch, width)"
        )
    if geometry.pooled_dim:
        return f"the encoder's pooled vector, (batch, {geometry.pooled_dim}); zeros say nothing"
    return f"encoder_hidden_states.mean(1), (batch, {geometry.text_dim})"
