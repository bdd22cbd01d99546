"""TensorBoard's event files, by the writer that comes with torch."""

from collections.abc import Mapping
from pathlib import Path

from ditlaw.study import RunSpec


class TensorBoard:
    """Curves of one run in ``DIR/tensorboard/RUN``."""

    def __init__(self, root: Path, spec: RunSpec) -> None:
        self.folder = root / "tensorboard" / spec.id

    def start(self, spec: RunSpec, step: int) -> None:
        """Open a new event file, which voids what older ones have past ``step``."""
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(self.folder), purge_step=step + 1)
        self.writer.add_text("spec", f"```\n{spec.model_dump_json(indent=1)}\n```", step)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """A scalar a value."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def end(self, state: str) -> None:
        """Close the file."""
        self.writer.close()


make = TensorBoard
