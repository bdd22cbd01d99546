"""The report's sentences: the answer, whether it held, and how it was made."""

import json
import shlex
from dataclasses import dataclass
from typing import Literal

import yaml

from ditlaw import __version__, text
from ditlaw.forecasting import LAW_SUFFIX
from ditlaw.report.material import AHEAD, Material, Run
from ditlaw.report.tables import Cell, interval
from ditlaw.results import Verification, known
from ditlaw.study import STUDY_FILE
from ditlaw.verification import tally

ROUGH = "rough-optimum"


@dataclass(frozen=True)
class Verdict:
    """What the checking runs said."""

    text: str
    mood: Literal["good", "bad", ""]


def answer(material: Material) -> str:
    """The answer in one sentence, with its intervals."""
    found = material.answer
    rough = any(note.code == ROUGH for note in found.warnings)
    size = _said(interval(found.params))
    amount = f"{_said(interval(found.images))} images" if found.images else None
    amount = amount or f"{_said(interval(found.tokens))} tokens"
    on = text.hardware(found.gpu, found.mfu, found.mfu_source, found.assumed_hardware)
    return (
        f"With {text.flops(found.flops)} FLOPs ({text.hours(found.gpu_hours)} of one {on}), "
        f"train a model of {'roughly' if rough else 'about'} "
        f"{size} params on {amount}: the {material.law.metric} of a new run will be "
        f"{_said(interval(found.loss, text.loss))}, with {known(found.loss).level:.0%} probability "
        "inside the brackets."
    )


def near(material: Material) -> str:
    """Which sizes are nearly as good; empty where that is not known."""
    sizes = material.answer.near_optimal_params
    if sizes is None:
        return ""
    return (
        f"Any size from {text.count(sizes.low)} to {text.count(sizes.high)} params comes within "
        f"{text.share(sizes.tolerance)} of the best {material.law.metric}."
    )


def besides(material: Material) -> list[str]:
    """What else the answer says: other metrics."""
    found = material.answer
    said = []
    ways = (("by its own law", found.metrics), ("through the loss", found.metrics_through_loss))
    for name in dict.fromkeys([*found.metrics, *found.metrics_through_loss]):
        values = [
            f"{_said(interval(metrics[name], text.loss))} {way}"
            for way, metrics in ways
            if name in metrics
        ]
        said.append(f"Its {name} will be {' or '.join(values)}.")
    return said


# How a method finds a budget's best size, where that is not the parabola's minimum.
READINGS = {
    "akima": "The law reads each minimum off an Akima spline through the same runs instead.",
    "envelope": "The law follows the best run at each level of compute instead.",
    "joint": "The law is one valley for all budgets instead, fitted to all rows at once.",
    "surface": "The law is the surface L(N, D) instead, fitted to all rows at once.",
}


def loss_law(material: Material) -> str:
    """What the printed loss law goes through, and how it stands to the line of the figure."""
    fit = material.fit
    of = "the surface at its best sizes" if fit.method == "surface" else "the budgets' best"
    if len(fit.evidence) == 1:
        return f"goes through {of}"
    return f"goes through {of}; the line weighs the forms by their backtests, each alone is thin"


def _said(cell: Cell) -> str:
    return f"{cell.text} {cell.small}".strip()


def target(material: Material) -> str:
    """Where the target comes from and how far out it is."""
    beyond = f"{material.answer.beyond:.3g}× the largest fitted budget"
    if material.stated:
        return f"The target is the study's own, {beyond}."
    return f"No target was stated: this one is {AHEAD:g}× the largest fitted budget."


def verdicts(material: Material) -> list[Verdict]:
    """One sentence a finished check, that of the target first."""
    checks = sorted(material.checks, key=lambda c: c is not material.check)
    return [_verdict(check, check is material.check) for check in checks]


def _verdict(check: Verification, main: bool) -> Verdict:
    inside, total = sum(run.inside for run in check.runs), len(check.runs)
    measured = _listed([text.loss(run.measured.loss) for run in check.runs])
    runs = {1: "one run", 2: "two runs"}.get(total, f"{total} runs")
    lead = f"{runs.capitalize()} then measured {measured}"
    if not main:
        lead = (
            f"At {text.flops(check.forecast.flops)} FLOPs the frozen forecast was "
            f"{_said(interval(check.forecast.loss, text.loss))}; {runs} then measured {measured}"
        )
    if inside == total:
        held = "inside the interval" if total == 1 else "all inside the intervals"
    elif inside == 0:
        held = "outside the interval" if total == 1 else "all outside the intervals"
    else:
        held = f"{inside} inside and {total - inside} outside the intervals"
    return Verdict(f"{lead}: {held} for their shapes.", "good" if inside == total else "bad")


def held(material: Material) -> list[str]:
    """How often forecasts held, and what the misses mean, budget by budget."""
    found = tally(material.checks)
    said = [text.tally(found)] if found else []
    for check in material.checks:
        if not all(run.inside for run in check.runs):
            said.append(f"{text.flops(check.forecast.flops)} FLOPs: {' '.join(check.meaning)}")
    return said


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def frozen(material: Material) -> list[tuple[str, str, str]]:
    """Budget, time and digest of every frozen forecast."""
    return [(text.flops(c.forecast.flops), c.frozen_at, c.digest) for c in material.checks]


def coverage(material: Material) -> str:
    """How often the backtests' intervals held, in a sentence; empty where there are none."""
    tests, level = material.fit.backtest, material.fit.level
    if not tests:
        return ""
    loss, params = (
        sum(covered)
        for covered in zip(*((t.loss_covered, t.params_covered) for t in tests), strict=True)
    )
    return (
        f"Of {len(tests)} backtests {loss} have the held-out loss inside its interval and {params} "
        f"the best size, where {level:.0%} is nominal. {text.tested(material.fit.tested_beyond)}"
    )


def facts(material: Material) -> list[tuple[str, str]]:
    """How it was made: names and values."""
    fit, study = material.fit, material.study
    found = [
        ("source", ", ".join([material.source, *material.where])),
        ("rows", f"{fit.rows.used} used, {len(fit.rows.dropped)} left out"),
        ("digest of the rows", material.law.observations.digest()),
    ]
    if "@".join([material.source, *material.where]) != material.law.observations.source:
        found.append(("fitted to", material.law.observations.source))
    if material.folder is not None and (material.folder / "study.json").exists():
        record = json.loads((material.folder / "study.json").read_text(encoding="utf-8"))
        found.append(("digest of the study", str(record.get("digest", ""))))
    found.append(("FLOPs", counts(study is not None, fit.flops_as)))
    draws, metric = material.law.draws, material.law.metric
    found.append(("method", f"{fit.method}; {fit.level:.0%} intervals from {draws} draws"))
    found.append(("run noise", text.run_noise(fit.noise, metric)))
    if study:
        shown = study.evaluation.timesteps
        found.append(("family", study.design().label))
        found.append(("objective", study.objective.kind))
        found.append(("timesteps in training", str(study.objective.timesteps)))
        found.append(("timesteps of the validation loss", str(shown)))
    found += _machines(material.runs)
    return [*found, ("report written by", f"ditlaw {__version__}")]


def counts(of_study: bool, flops_as: str) -> str:
    """How the FLOPs of some rows were counted."""
    if flops_as != "exact":
        return "6 · params · tokens"
    if not of_study:
        return "as the table's flops column states them"
    return (
        "counted exactly, forward and backward with attention; a multiply-add is two; no "
        "evaluation, no encoders, no EMA"
    )


def _machines(runs: list[Run]) -> list[tuple[str, str]]:
    starts = [run.start for run in runs if run.start]
    devices = {f"{s['device']}, {s.get('threads', '?')} threads" for s in starts if "device" in s}
    versions = {
        ", ".join(f"{name} {number}" for name, number in s["versions"].items())
        for s in starts
        if isinstance(s.get("versions"), dict)
    }
    found = [("device", "; ".join(sorted(devices)))] if devices else []
    return found + ([("versions in training", "; ".join(sorted(versions)))] if versions else [])


def study_text(material: Material) -> str | None:
    """The study file as written, or the study that a saved law carries."""
    if material.folder is not None:
        return (material.folder / STUDY_FILE).read_text(encoding="utf-8")
    if material.study is None:
        return None
    return yaml.safe_dump(material.study.model_dump(mode="json"), sort_keys=False)


def commands(material: Material) -> list[str]:
    """What makes these numbers again."""
    filters = [part for condition in material.where for part in ("--where", condition)]
    source = shlex.join([material.source, *filters])
    found = [f"ditlaw forecast {source} --flops {material.target:g}"]
    if not material.source.endswith(LAW_SUFFIX):
        found.insert(0, f"ditlaw fit {source}")
    if material.folder is None:
        return found
    study, folder = material.folder / STUDY_FILE, shlex.quote(str(material.folder))
    return [f"ditlaw run {shlex.quote(str(study))} --out {folder}", *found]
