"""A batch of samples, whatever they came from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Batch:
    """Samples of one resolution.

    ``images`` (n, channels, height, width): pixels in [−1, 1], or latents as the model reads them.
    ``text`` (n, text tokens) words, or (n, text tokens, text_dim) features; None without text.
    ``pooled`` (n, pooled_dim), an encoder's pooled text vector; None where there is none.
    """

    images: NDArray[np.float32]
    text: NDArray[Any] | None = None
    pooled: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def words(self) -> NDArray[np.int64]:
        """The text of a source whose text is words."""
        assert self.text is not None
        return self.text

    def rows(self, part: slice) -> "Batch":
        """Some of the samples."""
        return Batch(
            self.images[part],
            None if self.text is None else self.text[part],
            None if self.pooled is None else self.pooled[part],
        )

    def shortened(self, text_tokens: int) -> "Batch":
        """The same samples with their first ``text_tokens`` tokens of text; none leave no text."""
        text = self.text[:, :text_tokens] if self.text is not None and text_tokens else None
        return Batch(self.images, text, self.pooled)


def joined(parts: list[Batch]) -> Batch:
    """Batches of one kind as one."""
    if len(parts) == 1:
        return parts[0]
    return Batch(
        np.concatenate([part.images for part in parts]),
        None if parts[0].text is None else np.concatenate([part.words for part in parts]),
        None
        if parts[0].pooled is None
        else np.concatenate([part.pooled for part in parts if part.pooled is not None]),
    )
