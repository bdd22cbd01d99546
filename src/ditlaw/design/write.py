"""A designed study as the commented file that ``ditlaw init`` writes: a preset with other sizes."""

import re
import textwrap
from pathlib import Path

from ditlaw import text
from ditlaw.design.centre import Centre, law_centre, preset_centre
from ditlaw.design.propose import cost, propose
from ditlaw.files import write_text
from ditlaw.spend import SHARE
from ditlaw.study import Study, parse_study, preset_text
from ditlaw.study.schema import Hardware
from ditlaw.study.shape_section import ShapeSection

WIDTH = 98
MARKED, MARKS = '"paper"', ' "paper" marks what digests of arXiv 2410.08184 state, "choice" not.'
KEY = re.compile(r"[a-z_]+(?=:)")


def init_designed(
    path: Path,
    preset: str,
    target: float,
    spend: float | None = None,
    like: str | None = None,
    hardware: Hardware | None = None,
) -> Study:
    """Write a study for a target, for at most ``spend`` FLOPs; an existing file is never touched.

    ``like`` is a SOURCE whose law centres the sizes, by default the preset's own.

    Raises:
        BadInput: the file exists or cannot be written, or a number or source is wrong.
        Refused: the spend does not pay for a study.
    """
    content = preset_text(preset)
    base = parse_study(content, preset)
    centre = law_centre(like) if like else preset_centre(preset)
    study = propose(base, target, SHARE * target if spend is None else spend, centre)
    name = text.slug(path.stem).lstrip("._-")[:80] or preset
    written = designed_text(content, preset, study, centre, name, hardware)
    study = parse_study(written, str(path))
    write_text(path, written, overwrite=False)
    return study


def designed_text(
    content: str,
    preset: str,
    study: Study,
    centre: Centre,
    name: str,
    hardware: Hardware | None = None,
) -> str:
    """The text of a preset with the budgets, sizes and seeds of a study laid out for its target."""
    assert study.forecast is not None
    target, largest, total = study.forecast.flops, study.budgets[-1], cost(study)
    blocks = _blocks(content)
    blocks["name"] = [
        *_comment(
            f"A study to forecast {text.flops(target)} FLOPs, laid out by 'ditlaw init' on the "
            f"preset {preset}: {text.flops(total)} FLOPs in all, {text.share(total / target)} of "
            "that. 'ditlaw plan' says what its fit can be expected to tell."
            + (MARKS if MARKED in " ".join(_head(blocks["name"])) else "")
        ),
        f"name: {name}",
        "",
    ]
    blocks["budgets"] = [
        *_comment(
            f"Training FLOPs, counted exactly; the target is {target / largest:.3g} times the "
            "largest. One run of a size passes all of them up to its `until`, and is evaluated "
            "at each."
        ),
        f"budgets: [{', '.join(map(number, study.budgets))}]",
        "",
    ]
    best = text.count(centre.params(largest))
    blocks["shapes"] = [
        *_comment(
            f"For each budget the sizes nearest its expected best one, {best} params at "
            f"{text.flops(largest)} FLOPs by {centre.source}. `until` ends a size that larger "
            "budgets do not want."
        ),
        "shapes:",
        *(f"  - {{{_entry(entry)}}}" for entry in study.shapes),
        "",
    ]
    blocks["seeds"] = [*_head(blocks["seeds"]), f"seeds: {study.seeds}", ""]
    if hardware is not None:
        stated = f"hardware: {{gpu: {hardware.gpu}, mfu: {hardware.mfu:g}}}"
        blocks["hardware"] = ["# What GPU hours are counted on.", stated, ""]
    like = f", like: {_quoted(study.forecast.like)}" if study.forecast.like else ""
    said = " `like` is the law that the sizes were centred by." if like else ""
    forecast = f"forecast: {{flops: {number(target)}{like}}}"
    blocks.pop("forecast")
    blocks["forecast"] = [*_comment(f"The budget that this is made to forecast.{said}"), forecast]
    lines = [line for block in blocks.values() for line in block]
    at = len(lines) - len(blocks["forecast"])
    if lines[at - 1]:
        lines.insert(at, "")
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """A number as YAML reads one, exactly: 3.0e+10."""
    digits = (f"{value:.{places}e}" for places in range(1, 17))
    return next(shown for shown in digits if float(shown) == value)


def _blocks(content: str) -> dict[str, list[str]]:
    """The lines of each top-level key, the comment right above it included."""
    lines = content.splitlines()
    starts: dict[str, int] = {}
    for i, line in enumerate(lines):
        if match := KEY.match(line):
            start = i
            while start and lines[start - 1].startswith("#"):
                start -= 1
            starts[match[0]] = start
    ends = [*list(starts.values())[1:], len(lines)]
    return {key: lines[a:b] for (key, a), b in zip(starts.items(), ends, strict=True)}


def _head(block: list[str]) -> list[str]:
    """The comment above a block's key."""
    return [line for line in block if line.startswith("#")]


def _comment(said: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(said, WIDTH)]


def _entry(entry: ShapeSection) -> str:
    fields = entry.model_dump(exclude_none=True)
    return ", ".join(f"{k}: {number(v) if k == 'until' else v}" for k, v in fields.items())


def _quoted(source: str) -> str:
    return "'" + source.replace("'", "''") + "'"
