"""Libraries that talk while they load: what matters of it is told in our own lines."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from ditlaw.errors import BadInput


@contextlib.contextmanager
def quiet(logging: Any) -> Iterator[None]:
    """Silence a library's progress bars and reports; ``logging`` is its ``utils.logging``."""
    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


@contextlib.contextmanager
def exactly() -> Iterator[None]:
    """No gradients, no TF32, no algorithm that differs from call to call.

    Raises:
        BadInput: the device has too little memory.
    """
    backend = torch.backends.cudnn
    exact = backend.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    try:
        with torch.no_grad(), exact:
            yield
    except torch.OutOfMemoryError:
        raise BadInput(
            "--batch: so many samples at a time do not fit the device's memory; give --batch 1"
        ) from None


PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
