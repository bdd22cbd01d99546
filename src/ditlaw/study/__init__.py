"""The study: one checked file that declares family, data, budgets, shapes, seeds and recipe."""

from ditlaw.study.load import (
    difference,
    digest,
    frozen_content,
    init_study,
    load_study,
    parse_study,
    preset_text,
    presets,
)
from ditlaw.study.plan import RunSpec, Stop, make_run, plan_study, study_runs
from ditlaw.study.schema import Study, hardware_of

__all__ = [
    "RunSpec",
    "Stop",
    "Study",
    "difference",
    "digest",
    "frozen_content",
    "hardware_of",
    "init_study",
    "load_study",
    "make_run",
    "parse_study",
    "plan_study",
    "preset_text",
    "presets",
    "study_runs",
]
