"""Which files a Hugging Face data set consists of, from the notes that ``save_to_disk`` leaves."""

import json
from pathlib import Path

from ditlaw.errors import BadInput

STATE, SPLITS = "state.json", "dataset_dict.json"


def saved_files(folder: Path) -> list[Path] | None:
    """The files of a data set that ``save_to_disk`` left in a folder; None where none did.

    Raises:
        BadInput: several splits are there, or the folder's notes are damaged.
    """
    if (folder / SPLITS).exists():
        splits = sorted(path.parent.name for path in folder.glob(f"*/{STATE}"))
        raise BadInput(
            f"data.path: {folder} has the splits {', '.join(splits)}; give one, such as "
            f"{folder / (splits[0] if splits else 'train')}"
        )
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        names = [entry["filename"] for entry in state["_data_files"]]
        if state.get("_indices_data_files"):
            raise BadInput(f"data.path: {folder} was saved as a view; flatten_indices, save again")
        if any(Path(name).name != name for name in names):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise BadInput(f"data.path: {path} is damaged; save the data set again") from None
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise BadInput(f"data.path: {folder / missing[0]} is missing; save the data set again")
    return [folder / name for name in names]
