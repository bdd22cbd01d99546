"""A run's averaged weights as a folder that others can load: what ``ditlaw export`` does.

A family that a diffusers class computes is written as that class, ``from_pretrained`` loads it; any
other as its own weights by name. Either way a file of ditlaw's says what the model is and takes.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ditlaw import __version__
from ditlaw.data.places import study_root
from ditlaw.data.telling import tell_samples
from ditlaw.errors import BadInput
from ditlaw.exchange import Exchange, NoClass, exchange_of
from ditlaw.exchange.telling import VELOCITY, WORDS_FILE
from ditlaw.files import check_free, write_folder
from ditlaw.results import ExportResult, Note
from ditlaw.study import RunSpec
from ditlaw.text import unknown
from ditlaw.training.checkpoint import Checkpoints
from ditlaw.training.folder import RunFolder

FORMATS = ("diffusers",)
CARD_FILE = "ditlaw.json"
EMA, BUFFER = "ema.", "buffer."


def export_run(run: Path, to: str, out: Path) -> ExportResult:
    """Write the EMA weights of a run's newest whole checkpoint; all files appear at once.

    Args:
        run: a run folder, ``STUDY/runs/ID``.
        to: one of ``FORMATS``.
        out: a folder that does not exist, or is empty.

    Raises:
        BadInput: no such format, no run folder, no checkpoint of the run, or ``out`` is taken.
    """
    if to not in FORMATS:
        raise unknown("--to", to, FORMATS)
    spec = open_run(run).spec()
    check_free(out)
    tensors = Checkpoints(RunFolder(run).checkpoints, spec.trains_as()).load()
    if tensors is None:
        raise BadInput(f"{run}: no checkpoint to export; train it with 'ditlaw run'")
    step = int(tensors["step"])
    weights = {
        name.removeprefix(kind): value
        for kind in (EMA, BUFFER)
        for name, value in tensors.items()
        if name.startswith(kind)
    }
    notes = [] if step >= spec.steps else [_unfinished(step, spec)]
    data, missing = tell_samples(spec.data, study_root(run))
    notes += missing
    class_name = None
    try:
        exchange = exchange_of(spec.design(), spec.shape, spec.geometry.geometry())
    except NoClass as reason:
        notes.append(
            Note(
                code="no-diffusers-class",
                text=f"{reason}; model.safetensors has the weights by ditlaw's own names",
            )
        )
        files = plain_files(spec, step, weights, data, notes)
    else:
        class_name = exchange.class_name
        notes += _about_text(spec, exchange)
        files = class_files(spec, step, weights, exchange, data, notes)
    write_folder(out, files)
    return ExportResult(path=str(out), class_name=class_name, step=step, notes=notes)


def open_run(path: Path) -> RunFolder:
    """The run folder at a path.

    Raises:
        BadInput: it is none; a study folder's message names a run of it.
    """
    if not (path / "spec.json").exists():
        runs = sorted(path.glob("runs/*/spec.json"))
        mend = f"it is a study; use {runs[0].parent}" if runs else "use STUDY/runs/ID"
        raise BadInput(f"{path}: not a run folder (no spec.json); {mend}")
    return RunFolder(path)


def class_files(
    spec: RunSpec,
    step: int,
    weights: dict[str, Tensor],
    exchange: Exchange,
    data: dict[str, Any],
    notes: list[Note],
) -> dict[str, bytes]:
    """The files of a diffusers class, ditlaw's card beside them, and its tables of words if any."""
    name = "diffusion_pytorch_model.safetensors"
    files = {
        "config.json": _json({"_class_name": exchange.class_name} | exchange.config),
        name: _weights(exchange.to_theirs(weights)),
    }
    if exchange.words:
        files[WORDS_FILE] = _weights({key: weights[key] for key in exchange.words})
    told = {"class": f"diffusers.{exchange.class_name}", "call": exchange.call}
    return files | {CARD_FILE: _json(_card(spec, step, files, data, notes) | told)}


def plain_files(
    spec: RunSpec,
    step: int,
    weights: dict[str, Tensor],
    data: dict[str, Any],
    notes: list[Note],
) -> dict[str, bytes]:
    """The weights by our own names; the card is their ``config.json``."""
    files = {"model.safetensors": _weights(weights)}
    told = {
        "class": None,
        "call": {
            "model": "ditlaw.models.build(get_family(family, options), Shape(**shape), "
            "Geometry(**geometry)), then load_state_dict",
            "x": "x_t, (batch, channels, [frames,] height, width)",
            "t": "t, (batch,)",
            "condition": "ditlaw.models.Condition(text, pooled)",
            "returns": VELOCITY.replace("hidden_states", "x"),
        },
    }
    return files | {"config.json": _json(_card(spec, step, files, data, notes) | told)}


def _card(
    spec: RunSpec, step: int, files: dict[str, bytes], data: dict[str, Any], notes: list[Note]
) -> dict[str, Any]:
    counts = spec.counts()
    return {
        "ditlaw": __version__,
        "run": spec.id,
        "family": spec.family,
        "options": spec.options,
        "shape": asdict(spec.shape),
        "geometry": asdict(spec.geometry.geometry()),
        "data": data,
        "params": counts.params,
        "params_total": counts.params_total,
        "objective": {
            "kind": spec.objective.kind,
            "path": "x_t = (1 − t)·x_0 + t·ε",
            "target": "ε − x_0",
            "t": "from 0, data, to 1, noise",
            "timesteps": str(spec.objective.timesteps),
        },
        "step": step,
        "steps": spec.steps,
        "images": step * spec.recipe.batch,
        "weights": f"average over the run (power EMA, relative width {spec.recipe.ema:g}), float32",
        "sha256": {
            name: hashlib.sha256(content).hexdigest()
            for name, content in files.items()
            if name.endswith(".safetensors")
        },
        "notes": [note.text for note in notes],
    }


def _unfinished(step: int, spec: RunSpec) -> Note:
    return Note(
        code="unfinished-run", text=f"the weights are of step {step:,} of the run's {spec.steps:,}"
    )


def _about_text(spec: RunSpec, exchange: Exchange) -> list[Note]:
    notes = []
    if exchange.words:
        notes.append(
            Note(
                code="words-beside",
                text=f"the class reads features, not words: {WORDS_FILE} has the tables that make "
                f"them, {CARD_FILE} says how",
            )
        )
    geometry = spec.geometry.geometry()
    if "pooled_projections" in exchange.call and not (geometry.words or geometry.pooled_dim):
        notes.append(
            Note(
                code="pooled-mean",
                text="pooled_projections is the mean of the text features, as in training",
            )
        )
    return notes


def _weights(tensors: dict[str, Tensor]) -> bytes:
    whole = {name: value.contiguous() for name, value in tensors.items()}
    return safetensors.torch.save(whole, metadata={"format": "pt"})


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
