"""Weights & Biases: online as its own settings say, or with WANDB_MODE=offline."""

from collections.abc import Mapping
from pathlib import Path

from ditlaw import text
from ditlaw.digests import digest
from ditlaw.study import RunSpec


class Wandb:
    """One run of the project that is called as the study folder; its files are in ``DIR/wandb``."""

    def __init__(self, root: Path, spec: RunSpec) -> None:
        self.root = root

    def start(self, spec: RunSpec, step: int) -> None:
        """Begin the run, or go on with it: its id is made from the spec.

        What it has past ``step`` stays, and the same steps told again are passed over by it: a run
        that resumes makes the same numbers.
        """
        import wandb

        content = spec.model_dump(mode="json")
        self.run = wandb.init(
            project=text.slug(self.root.name) or "ditlaw",
            name=spec.id,
            id=f"{text.slug(spec.id)[:100]}-{digest(content)[:8]}",
            resume="allow",
            config=content,
            dir=str(self.root),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Values at a step."""
        self.run.log(dict(values), step=step)

    def end(self, state: str) -> None:
        """Close the run, as failed where it has not come to its end."""
        self.run.summary["state"] = state
        self.run.finish(exit_code=0 if state == "done" else 1)


make = Wandb
