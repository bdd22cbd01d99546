"""Where runs are carried out. An executor takes run folders and says how each ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ditlaw.executors.local import Ended, LocalExecutor


class Executor(Protocol):
    """Trains run folders, or measures them with ``settings``; what is there is resumed.

    With ``rounds`` the folders are studies, whose steps are timed.
    """

    def run(
        self,
        folders: list[Path],
        *,
        settings: dict[str, Any] | None = ...,
        rounds: int | None = ...,
        on_end: Callable[[Ended], None] = ...,
        on_tick: Callable[[], None] = ...,
    ) -> list[Ended]:
        """Carry every folder to its end; a failure does not stop the others."""
        ...


__all__ = ["Ended", "Executor", "LocalExecutor"]
