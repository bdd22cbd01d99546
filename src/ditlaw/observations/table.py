"""The rows that laws are fitted to, checked, and what is known of them as a whole."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from ditlaw.digests import digest
from ditlaw.families import FAMILIES
from ditlaw.measured import hours_of
from ditlaw.results import Dropped, Note
from ditlaw.speed import Speed, speed_of
from ditlaw.study import Hours, Study, study_folder
from ditlaw.tablefile import REQUIRED, numbers

QUANTITY = (
    "dataset",
    "evaluated_on",
    "timesteps",
    "weighting",
    "loss_weighting",
    "timestep_weighting",
    "extractor",
    "reference",
    "samples_drawn",
    "drawn_with",
)
SAME_RATIO = 1.01  # rows whose tokens per image differ by less than this agree


@dataclass(frozen=True, repr=False)
class Observations:
    """Checked rows, and what was left out on the way.

    ``frame`` has the columns run, trunk, params, tokens, flops, loss (floats, positive, finite),
    budget (NaN where a row belongs to no isoFLOP group) and whatever else the source had. Its
    index is the row number in the source, from 1. ``planned_rows`` is how many rows the whole study
    gives, where the source is all of one. ``chosen`` says how rows were chosen among others,
    ``compared`` in how many cells three values of a setting were, of how many, by its column.
    ``diverged`` are the rows of runs that did.
    """

    frame: pd.DataFrame
    source: str
    flops_as: str = "exact"
    dropped: list[Dropped] = field(default_factory=list)
    study: Study | None = None
    planned_rows: int | None = None
    chosen: tuple[Note, ...] = ()
    compared: dict[str, tuple[int, int]] = field(default_factory=dict)
    diverged: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __len__(self) -> int:
        return len(self.frame)

    def __str__(self) -> str:
        from ditlaw.display import rows_text

        return rows_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from ditlaw.display import rows_html

        return rows_html(self)

    def to_frame(self) -> pd.DataFrame:
        """A copy of the rows that can be used, by their number in the source."""
        return self.frame.copy()

    def tokens_per_image(self) -> float | None:
        """Tokens of one image: the study's, or the table's where all its rows agree; else None.

        Where a study mixes resolutions it is the mean. Rows of several patches or text lengths are
        of no one geometry: only the table tells.
        """
        sweep = None if self.study is None else self.study.sweep
        if self.study is not None and sweep is not None and not (sweep.patch or sweep.text_tokens):
            return self.study.geometry.tokens_per_sample()
        if "images" not in self.frame or not (self.frame["images"] > 0).all():
            return None
        ratio = self.frame["tokens"] / self.frame["images"]
        return float(ratio.median()) if ratio.max() < SAME_RATIO * ratio.min() else None

    def distinct_images(self) -> float | None:
        """How many images there are before they repeat; None where that is not known."""
        if {"epochs", "images"} <= set(self.frame):
            each = (numbers(self.frame["images"]) / numbers(self.frame["epochs"])).dropna()
            if len(each):
                return float(each.median())
        stated = {data.images for data in self.study.data} if self.study is not None else set()
        return stated.pop() if len(stated) == 1 else None

    def flops_range(self) -> tuple[float, float]:
        """Smallest and largest FLOPs of a row."""
        return float(self.frame["flops"].min()), float(self.frame["flops"].max())

    def kinds(self) -> dict[str, str]:
        """What the loss is a loss of: the one value of each column that makes losses incomparable.

        Rows without such a column are taken to be like any others.
        """
        found = {}
        for column in QUANTITY:
            values = set(self.frame[column].dropna().map(str)) if column in self.frame else set()
            if len(values) == 1:
                found[column] = values.pop()
        return found

    @cached_property
    def speed(self) -> Speed | None:
        """How fast its models train, by size; None where no row has ``device_seconds``."""
        return speed_of(self.frame)

    @cached_property
    def hours(self) -> Hours:
        """What GPU hours of its models are counted on."""
        return hours_of(self.study, study_folder(self.source))

    def of_diffusion(self) -> bool:
        """Whether the losses are known to be of diffusion models: of a study, or by a column."""
        if self.study is not None or "timesteps" in self.frame:
            return True
        return "family" in self.frame and bool(self.frame["family"].isin(FAMILIES).any())

    def digest(self) -> str:
        """SHA-256 of the rows that a fit reads."""
        rows = self.frame[[*REQUIRED, "flops", "budget"]].sort_values(["run", "tokens"])
        return digest(rows.astype(object).where(rows.notna(), None).to_numpy().tolist())

    def keep(self, mask: "pd.Series[bool]", reason: str) -> "Observations":
        """The rows of a mask; the others are listed as dropped for that reason."""
        lost = [Dropped(row=int(i), reason=reason) for i in self.frame.index[~mask]]
        return replace(self, frame=self.frame[mask], dropped=[*self.dropped, *lost])
