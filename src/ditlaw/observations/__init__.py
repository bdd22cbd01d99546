"""The observations table: where the half that makes runs meets the half that fits laws.

One row is one run's params, tokens, FLOPs and loss at one point of its training. Rows of one
``trunk`` (one training run, evaluated several times) share an error.
"""

from ditlaw.observations.checking import DIVERGED, IN_WARMUP, MIN_STEPS, REPEATED, TOO_EARLY
from ditlaw.observations.choosing import same_cell, split_source
from ditlaw.observations.loading import (
    IN_MEMORY,
    SINGLE,
    Tabular,
    load_groups,
    load_observations,
    load_swept,
)
from ditlaw.observations.study_rows import study_frame, study_of_rows
from ditlaw.observations.table import QUANTITY, Observations

__all__ = [
    "DIVERGED",
    "IN_MEMORY",
    "IN_WARMUP",
    "MIN_STEPS",
    "QUANTITY",
    "REPEATED",
    "SINGLE",
    "TOO_EARLY",
    "Observations",
    "Tabular",
    "load_groups",
    "load_observations",
    "load_swept",
    "same_cell",
    "split_source",
    "study_frame",
    "study_of_rows",
]
