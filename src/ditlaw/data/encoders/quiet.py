"""Libraries that talk while they load: what matters of it is told in our own lines."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch


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
    """No gradients, no TF32, no algorithm that differs from call to call."""
    backend = torch.backends.cudnn
    with (
        torch.no_grad(),
        backend.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
    ):
        yield


PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
