"""What others call our columns: proposals for a table that has other names."""

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ditlaw.errors import BadInput
from ditlaw.tablefile import REQUIRED
from ditlaw.text import nearest

# For each column of ours the names that others give it, likeliest first; see ``plain_name``.
# A training loss is no name of the loss: which one a law is of is for the user to say.
ALIASES = {
    "run": "run run_name run_id name display_name id experiment exp_name",
    "params": "params n_params num_params num_parameters n_parameters parameters param_count "
    "parameter_count model_params model_parameters total_params trainable_params "
    "num_trainable_params non_embedding_params model_size n",
    "tokens": "tokens train_tokens training_tokens n_tokens num_tokens tokens_seen seen_tokens "
    "tokens_processed consumed_tokens total_tokens train_tokens_seen d",
    "loss": "loss val_loss eval_loss validation_loss valid_loss test_loss loss_val loss_eval "
    "final_val_loss final_eval_loss final_loss l",
    "flops": "flops train_flops training_flops training_flop total_flops flop model_flops compute "
    "train_compute total_compute c",
}
NUMBERED = "#"  # the run of a table whose rows are runs without a name
MOST_NAMES = 16  # of a table's columns, in an error
OUTSIDE = re.compile(r"^(config|summary|hparams?|params?)[./]")  # how trackers group names


def plain_name(column: str) -> str:
    """A name without what trackers put around it: ``config.model.n_params.value`` is ``n_params``.

    Slashes are part of a name (``val/loss`` is ``val_loss``): before one stands what it is of.
    """
    inner = OUTSIDE.sub("", column.strip()).removesuffix(".value").rpartition(".")[2]
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", inner)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def propose(columns: Iterable[str]) -> dict[str, str]:
    """Which of a table's columns look like ours, by ours, where it has not got ours itself."""
    columns = list(columns)
    by_name: dict[str, str] = {}
    for column in columns:
        by_name.setdefault(plain_name(column), column)
    found: dict[str, str] = {}
    for ours, aliases in ALIASES.items():
        taken = next((by_name[name] for name in aliases.split() if name in by_name), None)
        if ours not in columns and taken is not None:
            found[ours] = taken
    return found


def missing_columns(frame: pd.DataFrame, path: Path) -> str | None:
    """What is wrong with a table that lacks columns of ours, and the mend; None if none is."""
    lacking = [column for column in REQUIRED if column not in frame]
    if not lacking:
        return None
    several = len(lacking) > 1
    listed = " and ".join(f"'{name}'" for name in lacking)
    said = f"{path}: column{'s' * several} {listed} {'are' if several else 'is'} missing"
    found = propose(frame.columns)
    if "run" in lacking and "run" not in found:
        found = {"run": NUMBERED} | found
    names = ", ".join([str(name) for name in frame.columns][:MOST_NAMES])
    if not set(found) & set(lacking):
        guess = nearest(lacking[0], frame.columns)
        return said + (f"; is '{guess}' meant?" if guess else f"; there are: {names}")
    left = [column for column in lacking if column not in found]
    rest = f", and add {' and '.join(left)}, of: {names}" if left else ""
    told = shlex.quote(",".join(f"{ours}={_quoted(theirs)}" for ours, theirs in found.items()))
    return f"{said}; rename with --columns {told}{rest} ('ditlaw import', or columns= in Python)"


def require_columns(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The table, if it has the columns that every table of runs has.

    Raises:
        BadInput: one is missing; the message proposes which to take for it.
    """
    lacking = missing_columns(frame, path)
    if lacking:
        raise BadInput(lacking)
    return frame


def _quoted(name: str) -> str:
    return f'"{name}"' if set(name) & set(",='") else name
