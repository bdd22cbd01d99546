"""Where a study's prepared samples lie, so that every process reads the same ones.

DIR/data/NAME/    a cache that was made for the study from raw files
DIR/data.json     by name: the cache's folder, its manifest's digest, and how many samples it has
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ditlaw.data.cache import Cache, HeldOut, Stream
from ditlaw.data.manifest import MANIFEST_FILE, read_manifest
from ditlaw.data.order import held_out
from ditlaw.data.shards import check_shard
from ditlaw.data.wanted import check_manifest, wanted_of
from ditlaw.errors import BadInput
from ditlaw.files import write_json
from ditlaw.study.data_section import Data
from ditlaw.study.schema import Study

PLACES_FILE = "data.json"
Told = Callable[[str, int, int], None]  # a data set's name, samples so far, samples in all


def study_root(run: Path) -> Path | None:
    """The study folder that a run folder lies in, if its study has prepared data."""
    return next((p for p in run.absolute().parents if (p / PLACES_FILE).exists()), None)


def name_of(data: Data, trained: Data) -> str:
    """A data set's name among a study's; a second set speaks the words of the one trained on."""
    return data.label if data == trained else f"{data.label}-for-{trained.label}"


def prepare_study(study: Study, folder: Path, told: Told = lambda name, done, of: None) -> None:
    """Make or check the caches that a study reads, and note where they lie.

    Raises:
        BadInput: raw data or a cache is not what the study describes, or has changed since.
        Refused: more samples than ``most_skipped`` are unusable.
    """
    places: dict[str, Any] = {}
    before = _read(folder / PLACES_FILE)
    for trained in study.data:
        words: tuple[str, ...] | None = None
        second = study.evaluation.out_of_domain
        for data in (trained, *([second] if second else ())):
            if not data.prepared:
                continue
            if data != trained:
                _require_apart(data, trained)
            name = name_of(data, trained)
            cache = _prepare(data, study, folder / "data" / name, name, words, told)
            if before.get(name, {}).get("digest") != cache.manifest.digest():
                for shard in cache.manifest.shards:  # once, as a study takes a cache up
                    check_shard(cache.folder, shard)
            if data == trained and cache.manifest.text.vocabulary:
                words = tuple(cache.manifest.text.vocabulary)
            share = data.held_out if data == trained else 1.0
            out = int(np.sum(held_out(cache.key_hashes(), share)))
            _require_both(cache, study, data, trained)
            places[name] = {
                "folder": str(cache.folder.absolute()),
                "digest": cache.manifest.digest(),
                "training": len(cache) - out,
                "held_out": out,
            }
    if places:
        _keep(folder / PLACES_FILE, places)


def prepared_folder(root: Path | None, name: str) -> Path:
    """The cache of a data set of the study in ``root``.

    Raises:
        BadInput: it was not prepared, or is not the one that the study began with.
    """
    if root is None:
        raise BadInput(f"data: {name} is not prepared; 'ditlaw run' does that")
    try:
        place = json.loads((root / PLACES_FILE).read_text(encoding="utf-8"))[name]
        folder, stated = Path(place["folder"]), place["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        raise BadInput(f"{root / PLACES_FILE}: does not say where {name} lies; run again") from None
    if not folder.exists() and (root / "data" / name).exists():
        folder = root / "data" / name  # the study folder was moved
    if read_manifest(folder).digest() != stated:
        raise BadInput(f"{folder}: is not the data that the study's runs were trained on")
    return folder


def _prepare(
    data: Data, study: Study, own: Path, name: str, words: tuple[str, ...] | None, told: Told
) -> Cache:
    geometry = study.geometry.geometry()
    sizes = tuple(bucket.sides for bucket in study.geometry.geometries())
    if data.source == "encoded":
        if len(data.paths) != 1:
            raise BadInput("data.path: one cache folder is read; give one path")
        cache = Cache(Path(data.paths[0]))
    else:
        from ditlaw.data.prepare import check_source, prepare

        wanted = wanted_of(data, geometry, words, sizes)
        if (own / MANIFEST_FILE).exists():
            check_source(wanted, own)
        else:
            prepare(wanted, own, lambda done, of: told(name, done, of))
        cache = Cache(own)
    check_manifest(cache.manifest, data, geometry, sizes)
    return cache


def _require_apart(second: Data, trained: Data) -> None:
    """A second set is never trained on: no file of it is one of the first's.

    Raises:
        BadInput: one is.
    """
    if second.source != trained.source:
        return
    if second.source == "files":
        from ditlaw.data.raw import files_at

        try:
            ours, its = (files_at(data.paths) for data in (trained, second))
        except BadInput:
            return  # what is gone was looked at when it was prepared
    else:
        ours, its = ({Path(path).resolve() for path in d.paths} for d in (trained, second))
    shared = sorted(ours & its)
    if shared or second.source == "digits":
        raise BadInput(
            f"evaluation.out_of_domain: {shared[0] if shared else 'digits'} is what "
            f"{trained.label} is trained on too; give samples that are not, or leave it out"
        )


def _require_both(cache: Cache, study: Study, data: Data, trained: Data) -> None:
    """Whether each resolution has samples to train on and to hold out, and two of these in all.

    A mean over one sample has no standard error.

    Raises:
        BadInput: one has none.
    """
    share = data.held_out if data == trained else 1.0
    sizes = [geometry.sides for geometry in study.geometry.geometries()]
    held = sum(HeldOut(cache, share, size).samples for size in sizes)
    if held < 2:
        mend = "raise data.held_out" if data == trained else "give more of them"
        raise BadInput(
            f"data: one sample of {data.label} is held out, and an error takes 2; {mend}"
        )
    if data == trained:
        for size in sizes:
            Stream(cache, share, 0, size)


def _keep(path: Path, places: dict[str, Any]) -> None:
    """Write the places; a data set that runs were made by must not have changed.

    Raises:
        BadInput: it has.
    """
    before = _read(path)
    for name in before.keys() & places.keys():
        if before[name]["digest"] != places[name]["digest"]:
            raise BadInput(
                f"{path}: the samples of {name} differ from those of the first run; "
                "restore them or choose another --out folder"
            )
    write_json(path, places)


def _read(path: Path) -> dict[str, Any]:
    """The places of a study; nothing before its first run.

    Raises:
        BadInput: the file is damaged.
    """
    try:
        places = json.loads(path.read_text(encoding="utf-8"))
        if all(isinstance(place["digest"], str) for place in places.values()):
            return dict(places)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise BadInput(f"{path}: damaged; restore it or choose another --out folder")
