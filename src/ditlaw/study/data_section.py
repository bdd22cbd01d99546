"""The ``data`` section of the study file: where samples come from."""

from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ditlaw import text
from ditlaw.study.section import Fraction, Name, Positive, Real, Section


class Data(Section):
    """Where samples come from.

    ``scenes`` draws captioned pictures from a seed and never repeats. ``files`` are tar shards in
    WebDataset's manner, Parquet files, a saved Hugging Face data set or a folder of images, by
    ``path``; ``digits`` are scikit-learn's. ``encoded`` is a cache of ``ditlaw encode``.
    ``described`` data can be planned with, not trained on: ``images`` says how many distinct ones
    there are.

    ``caption`` and ``image`` name fields or columns; ``text: label`` takes a caption as one word.
    ``held_out`` is the share of keys that validate, ``most_skipped`` the share of samples that may
    be unusable.
    """

    name: Name | None = None
    source: Literal["scenes", "described", "files", "digits", "encoded"] = "scenes"
    captions: Literal["dense", "sparse"] = "dense"
    images: Positive | None = None
    path: str | list[str] | None = None
    caption: str | None = None
    image: str | None = None
    text: Literal["words", "label"] = "words"
    held_out: Annotated[Real, Field(gt=0, lt=1)] = 0.05
    most_skipped: Fraction = 0.01

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "Data":
        if self.source in ("files", "encoded") and not self.path:
            raise ValueError(f"data.path: is missing; say where the {self.source} samples lie")
        if self.source not in ("files", "encoded") and self.path:
            raise ValueError(f"data.path: {self.source} has no files; set source: files or encoded")
        return self

    @property
    def paths(self) -> list[str]:
        """The paths and globs, as given."""
        return [self.path] if isinstance(self.path, str) else list(self.path or [])

    @property
    def label(self) -> str:
        """The data set's name in tables: as given, or by what it is."""
        if self.name:
            return self.name
        if self.source == "scenes":
            return f"scenes-{self.captions}"
        if not self.path:
            return self.source
        return text.slug(PurePath(self.paths[0]).name.split(".")[0].strip("*-_")) or self.source

    @property
    def prepared(self) -> bool:
        """Whether it is read from a cache on disk."""
        return self.source in ("files", "digits", "encoded")
