"""Pictures drawn by a finished run: what ``ditlaw sample`` does."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ditlaw.data import Source, open_held_out
from ditlaw.data.manifest import TextFacts, read_manifest
from ditlaw.data.places import prepared_folder, study_root
from ditlaw.data.said import MOST_NAMED, Said, read_captions, said
from ditlaw.data.scenes import VOCABULARY
from ditlaw.errors import BadInput
from ditlaw.export import open_run
from ditlaw.files import check_free, write_folder
from ditlaw.flow import Sampler
from ditlaw.metrics.drawing import draw
from ditlaw.results import Note, SampleResult
from ditlaw.study import RunSpec
from ditlaw.text import budget_name
from ditlaw.training.device import pick_device
from ditlaw.training.evaluate import to_bytes
from ditlaw.training.folder import RunFolder
from ditlaw.training.pictures import png
from ditlaw.training.weights import load_model

HELD_OUT = 16  # captions where none are given
MOST_ON_SHEET = 64
SHEET_FILE = "sheet.png"


def sample_run(
    run: Path,
    out: Path,
    *,
    captions: Path | None = None,
    budget: float | None = None,
    sampler: Sampler = "euler",
    steps: int | None = None,
    guidance: float | None = None,
    seed: int = 0,
) -> SampleResult:
    """Draw a picture for each caption, as PNG files, and one sheet of them; all appear at once.

    Args:
        run: a run folder, ``STUDY/runs/ID``.
        out: a folder that does not exist, or is empty.
        captions: a text file, one caption a line; without it the first held-out captions.
        budget: whose observation draws; the last one's unless given.
        sampler: ``euler`` or ``heun``.
        steps: of the sampler; the study's own unless given.
        guidance: scale; the study's own unless given.
        seed: of the noise.

    Raises:
        BadInput: no run folder, no such budget, no weights, a caption that the model cannot be
            told, latents, or ``out`` is taken.
    """
    folder = open_run(run)
    spec, root = folder.spec(), study_root(folder.path)
    check_free(out)
    budget = _observed(folder, budget)
    facts = _text_facts(spec, root)
    if captions is None:
        geometry = spec.geometry.geometry()
        source: Source = open_held_out(
            spec.data, root, size=geometry.sides, text_tokens=geometry.text_tokens
        )
        count = min(HELD_OUT, source.samples or HELD_OUT)
        told = _in_words(source, facts, count)
        others: list[str] = []
    else:
        own = _said(spec, facts, captions)
        source, count, told, others = own, own.samples, read_captions(captions), own.others
    device = pick_device()
    steps = steps or spec.evaluation.sampler_steps
    guidance = spec.evaluation.guidance if guidance is None else guidance
    drawn = draw(
        load_model(folder, budget, device),
        source,
        samples=count,
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        shift=spec.shift,
        device=device,
        seed=seed,
    )
    pictures = np.concatenate([to_bytes(part) for part in drawn])
    digits = max(4, len(str(count)))
    files = {f"{i:0{digits}}.png": png(picture) for i, picture in enumerate(pictures, 1)}
    write_folder(out, files | {SHEET_FILE: png(_sheet(pictures[:MOST_ON_SHEET]))})
    return SampleResult(
        images=[str(out / name) for name in files],
        sheet=str(out / SHEET_FILE),
        captions=told,
        run=spec.id,
        budget=budget,
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        seed=seed,
        warnings=_unknown_words(others),
    )


def _observed(folder: RunFolder, budget: float | None) -> float:
    """The budget of an observation of the run: the one given, or the last.

    Raises:
        BadInput: there is none.
    """
    seen = [float(row["budget"]) for row in folder.observations()]
    if not seen:
        raise BadInput(f"{folder.path}: no observation yet; 'ditlaw run' makes them")
    if budget is None:
        return seen[-1]
    for each in seen:
        if math.isclose(each, budget, rel_tol=1e-6):
            return each
    known = ", ".join(map(budget_name, seen))
    raise BadInput(f"--budget: {budget:g} was not observed; the run has {known}")


def _text_facts(spec: RunSpec, root: Path | None) -> TextFacts | None:
    """What the captions of the run's data are; None for the procedural scenes.

    Raises:
        BadInput: its samples are latents.
    """
    if not spec.data.prepared:
        return None
    manifest = read_manifest(prepared_folder(root, spec.data.label))
    if manifest.image.kind == "latents":
        raise BadInput(
            f"{spec.id}: draws latents of {spec.data.label}, and pictures of them take their VAE; "
            "draw with a run that was trained on pixels"
        )
    return manifest.text


def _said(spec: RunSpec, facts: TextFacts | None, captions: Path) -> Said:
    geometry = spec.geometry
    sides = (geometry.channels, geometry.height, geometry.width)
    return said(read_captions(captions), facts, sides, geometry.text_tokens)


def _in_words(source: Source, facts: TextFacts | None, count: int) -> list[str]:
    """The held-out captions as a file for ``--captions`` has them; features have no words."""
    vocabulary = list(VOCABULARY) if facts is None else facts.vocabulary
    text = source.read(0, count).text
    if text is None or not vocabulary:
        return [""] * count
    end = len(text[0]) if facts is None else None  # a scene says all its places
    return [_sentence([int(word) for word in row], vocabulary, end) for row in text]


def _sentence(row: list[int], vocabulary: list[str], end: int | None) -> str:
    words = [vocabulary[word] for word in row if end or word]
    return " ".join(words) or vocabulary[0]


def _sheet(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures (n, height, width, channels) in rows, as near a square as it goes."""
    n, height, width, channels = pictures.shape
    across = math.ceil(math.sqrt(n))
    down = math.ceil(n / across)
    sheet = np.full((down * height, across * width, channels), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = divmod(i, across)
        sheet[y * height : (y + 1) * height, x * width : (x + 1) * width] = picture
    return sheet


def _unknown_words(others: list[str]) -> list[Note]:
    if not others:
        return []
    named = ", ".join(others[:MOST_NAMED])
    more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
    return [
        Note(
            code="unknown-words",
            text=f"the model was told the word for all others in place of {named}{more}: "
            "its vocabulary lacks them",
        )
    ]
