"""The study: one checked file that declares family, data, budgets, shapes, seeds and recipe."""

from ditlaw.study.cooldown import Branch
from ditlaw.study.folder import (
    RECORD_FILE,
    STUDY_FILE,
    default_folder,
    freeze_study,
    open_study,
    study_digest,
    study_folder,
)
from ditlaw.study.hours import Hours
from ditlaw.study.load import (
    difference,
    frozen_content,
    init_study,
    load_study,
    parse_study,
    preset_text,
    presets,
    read_study,
)
from ditlaw.study.plan import plan_runs, plan_study
from ditlaw.study.rounds import (
    Outcome,
    Round,
    read_outcome,
    read_rounds,
    write_outcome,
    write_round,
)
from ditlaw.study.runs import RunSpec, Stop, make_run, run_id, study_mix, study_runs
from ditlaw.study.schema import Study, hardware_of
from ditlaw.study.seeds import used_seeds, verification_seeds
from ditlaw.study.variants import NARROWING, Variant, narrowed, variants

__all__ = [
    "NARROWING",
    "RECORD_FILE",
    "STUDY_FILE",
    "Branch",
    "Hours",
    "Outcome",
    "Round",
    "RunSpec",
    "Stop",
    "Study",
    "Variant",
    "default_folder",
    "difference",
    "freeze_study",
    "frozen_content",
    "hardware_of",
    "init_study",
    "load_study",
    "make_run",
    "narrowed",
    "open_study",
    "parse_study",
    "plan_runs",
    "plan_study",
    "preset_text",
    "presets",
    "read_outcome",
    "read_rounds",
    "read_study",
    "run_id",
    "study_digest",
    "study_folder",
    "study_mix",
    "study_runs",
    "used_seeds",
    "variants",
    "verification_seeds",
    "write_outcome",
    "write_round",
]
