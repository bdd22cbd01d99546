"""``frechet`` (of Inception's features ``fid``), ``kid`` and ``attributes``: of drawn pictures.

All three are measured on the same drawings. See docs/distances.md for what each can and cannot say.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from ditlaw.data import Batch
from ditlaw.errors import BadInput, Refused
from ditlaw.metrics.base import Bench, Key, Settings, Task, Value
from ditlaw.metrics.distance import frechet, statistics
from ditlaw.metrics.extractors import KINDS, Extractor, check_extractor, open_extractor
from ditlaw.metrics.extractors.scenes import SceneReader, read_words, scene_reader
from ditlaw.metrics.kernel import FEWEST, mmd2
from ditlaw.metrics.reference import Reference, reference_of
from ditlaw.study import RunSpec

SAMPLES = 1024
BATCH = 64
DISTANCES = ("fid", "frechet", "kid")


def check(spec: RunSpec, settings: Settings, names: Sequence[str]) -> None:
    """Whether the data are pictures, and the extractor is there and fits what is asked.

    Raises:
        BadInput: it does not.
    """
    if spec.geometry.frames > 1:
        raise BadInput(f"metrics: {names[0]} is of pictures, and {spec.id} makes videos; use vlb")
    if spec.geometry.channels not in (1, 3):
        raise BadInput(
            f"metrics: {names[0]} is of pictures; {spec.id} makes {spec.geometry.channels} "
            "channels of latents, so use vlb or nll"
        )
    if settings.samples is not None and settings.samples < FEWEST:
        raise BadInput(f"samples: {settings.samples} are too few; use {SAMPLES}")
    if set(names) & set(DISTANCES):
        extractor = _extractor(spec, settings)
        check_extractor(extractor)
        if "fid" in names and not extractor.startswith("inception:"):
            raise BadInput(
                "metrics: fid is of Inception's features alone; use frechet, or give "
                "--extractor inception:FILE"
            )
    if "attributes" in names and spec.data.source != "scenes":
        raise BadInput(
            f"metrics: attributes are known of scenes alone, and {spec.id} has {spec.data.label}; "
            "leave them out"
        )


def _extractor(spec: RunSpec, settings: Settings) -> str:
    if settings.extractor is not None:
        return settings.extractor
    if spec.data.source != "scenes":
        raise BadInput(f"extractor: is needed for pictures of {spec.data.label}; use {KINDS}")
    return "scenes"


def tasks(bench: Bench, names: Sequence[str]) -> list[Task]:
    """One task a drawing: sampler steps and guidance, and steps alone without captions.

    Raises:
        BadInput: the data are latents, or the extractor cannot be opened.
    """
    if bench.kind == "latents":
        raise BadInput(
            f"metrics: {names[0]} is of pictures; {bench.spec.id} makes latents, so use vlb or nll"
        )
    settings = bench.settings
    means = Means(bench, settings.samples or SAMPLES, tuple(names))
    plain: list[tuple[int, float | None]] = [
        (s, g) for s in settings.steps for g in settings.guidance
    ]
    silent: list[tuple[int, float | None]] = [(s, None) for s in settings.steps]
    return [
        task
        for steps, guidance in [*plain, *(silent if settings.unconditional else [])]
        if (task := _task(means, steps, guidance)).keys
    ]


@dataclass(frozen=True)
class Means:
    """What all drawings of one run are measured with, each part made when first needed."""

    bench: Bench
    samples: int
    names: tuple[str, ...]

    @cached_property
    def extractor(self) -> Extractor:
        """The network of the distances."""
        return open_extractor(_extractor(self.bench.spec, self.bench.settings), self.bench.device)

    @cached_property
    def reference(self) -> Reference:
        """The held-out pictures, as its features."""
        return reference_of(self.bench, self.extractor, self.samples)

    @cached_property
    def reader(self) -> tuple[SceneReader, str]:
        """What reads words off scenes, and the hash of its weights."""
        return scene_reader(self.bench.device)

    @cached_property
    def ceiling(self) -> Value:
        """How well the reader reads the true pictures of the same captions."""
        pictures = (torch.from_numpy(batch.images) for batch in self._batches())
        return self.accuracy(
            [read_words(self.reader[0], p.to(self.bench.device)) for p in pictures]
        )

    def accuracy(self, read: Sequence[Tensor]) -> Value:
        """The share of the captions' words that are ``read``, cell by cell, (n, 16) in batches.

        Cells of which a caption says nothing do not count; the error is over pictures.
        """
        told = torch.cat([torch.from_numpy(batch.words) for batch in self._batches()])
        right = (torch.cat([words.cpu() for words in read]) == told) & (told > 0)
        each = right.sum(1).double() / (told > 0).sum(1)
        return Value(value=float(each.mean()), error=float(each.std() / len(each) ** 0.5))

    def _batches(self) -> Iterator[Batch]:
        for start in range(0, self.samples, BATCH):
            yield self.bench.source.read(start, min(BATCH, self.samples - start))


def _task(means: Means, steps: int, guidance: float | None) -> Task:
    """Distances and attributes of one drawing; ``guidance`` None is without captions."""
    bench = means.bench

    def key(metric: str, extractor: str, sha256: str, detail: str, reference: str | None) -> Key:
        return Key(
            metric=metric,
            samples=means.samples,
            sampler=bench.settings.sampler,
            sampler_steps=steps,
            guidance=guidance,
            unconditional=guidance is None,
            extractor=extractor,
            extractor_sha256=sha256,
            reference_sha256=reference,
            detail=detail,
        )

    keys = []
    if set(means.names) & set(DISTANCES):
        extractor, reference = means.extractor, means.reference
        n, d = reference.features.shape
        detail = f"{extractor.reads}; against {n} held-out pictures"
        if min(n, means.samples) <= d:
            detail += f"; fewer samples than the {d} features"
        asked: list[str] = [extractor.metric] if {"fid", "frechet"} & set(means.names) else []
        asked += ["kid"] if "kid" in means.names else []
        keys += [
            key(metric, extractor.label, extractor.sha256, detail, reference.sha256)
            for metric in asked
        ]
    if "attributes" in means.names and guidance is not None:
        detail = f"at most {means.ceiling.value:.4f}, of the true pictures"
        keys.append(key("attributes", "scenes", means.reader[1], detail, None))

    def measure(model: nn.Module, keys: Sequence[Key]) -> Iterable[tuple[Key, Value]]:
        features, words = [], []
        wanted = {each.metric for each in keys}
        scale = 1.0 if guidance is None else guidance
        for drawn in bench.draw(model, means.samples, steps, scale, guidance is None):
            if not torch.isfinite(drawn).all():
                raise Refused(f"{keys[0].metric}: the model draws numbers that are not finite")
            if wanted & set(DISTANCES):
                features.append(means.extractor(drawn))
            if "attributes" in wanted:
                words.append(read_words(means.reader[0], drawn))
        for each in keys:
            yield each, _value(means, each, features, words)

    return Task(tuple(keys), measure)


def _value(means: Means, key: Key, features: list[Tensor], words: list[Tensor]) -> Value:
    if key.metric == "attributes":
        return means.accuracy(words)
    drawn, reference = torch.cat(features).numpy(), means.reference
    if key.metric == "kid":
        found = mmd2(drawn, reference.features, reference.within)
        return Value(value=found.value, error=found.standard_error)
    return Value(value=frechet(statistics([drawn]), reference.statistics))
