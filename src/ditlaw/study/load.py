"""Reading a study file, saying in one line what is wrong with it, and what of it is frozen."""

import json
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ditlaw.errors import BadInput
from ditlaw.files import write_text
from ditlaw.study.schema import Study
from ditlaw.text import nearest, unknown

# What only reads the runs may change after they exist; everything else is frozen.
NOT_FROZEN = {"hardware", "forecast", "limits"}


def load_study(path: Path) -> Study:
    """Read and check a study file.

    Raises:
        BadInput: unreadable, not YAML, or a field is wrong; one line with the field's path.
    """
    return parse_study(read_study(path), str(path))


def parse_study(text: str, where: str) -> Study:
    """Check the text of a study; ``where`` names it in errors.

    Raises:
        BadInput: it is not YAML, or a field is wrong.
    """
    try:
        content = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        at = f" line {line + 1}:" if line is not None else ""
        raise BadInput(f"{where}:{at} not YAML: {getattr(error, 'problem', error)}") from None
    except (ValueError, RecursionError) as error:  # an impossible date, thousands of brackets
        raise BadInput(f"{where}: not YAML: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{where}: a study is a mapping of fields; see 'ditlaw init'")
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise BadInput(f"{where}: {_one_line(error, content)}") from None
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, except that a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # the loader itself says what is wrong with such a key
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{key.value}' is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_study(path: Path) -> str:
    """The text of a study file.

    Raises:
        BadInput: missing or unreadable.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; 'ditlaw init {path}' writes one") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a folder; name the study file inside it") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path}: cannot be read ({reason})") from None


def _one_line(error: ValidationError, content: dict[str, Any]) -> str:
    # A misspelt key shows twice, as unknown and as missing: name the one that can be mended.
    problems = sorted(error.errors(), key=lambda p: p["type"] != "extra_forbidden")
    first = problems[0]
    loc = list(first["loc"])
    if loc[1:2] == [0] and loc[0] in ("data", "family") and not _is_list(content, loc[0]):
        del loc[1]  # one data set, or one family, need not be written as a list
    path = ".".join(map(str, loc)) or "study"
    text = _explain(first)
    rest = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{path}: {text}{rest}" if path != "study" else f"{text}{rest}"


def _is_list(content: dict[str, Any], field: str) -> bool:
    return isinstance(content.get(field), list)


def _explain(problem: Any) -> str:
    kind, given = problem["type"], problem.get("input")
    if kind == "extra_forbidden":
        *parents, key = problem["loc"]
        fields = _fields_at(parents)
        guess = nearest(str(key), fields)
        return "unknown field; " + (
            f"did you mean '{guess}'?" if guess else f"known: {', '.join(fields)}"
        )
    if kind == "missing":
        return "is missing; add it (see 'ditlaw init')"
    message: str = problem["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "literal_error":
        choices = problem["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        guess = nearest(str(given), choices)
        return f"'{given}' is unknown; " + (
            f"did you mean '{guess}'?" if guess else f"known: {', '.join(choices)}"
        )
    if kind == "value_error" or isinstance(given, dict | list):
        return message
    return f"{given!r}: {message}"


def _fields_at(parents: list[Any]) -> list[str]:
    """Field names of the section at a path such as ['recipe', 'learning_rate']."""
    section: Any = Study
    for part in parents:
        if isinstance(part, str):
            section = section.model_fields[part].annotation
        # Unwrap Annotated, list and Optional to the section inside.
        while not (isinstance(section, type) and issubclass(section, BaseModel)):
            inner = [a for a in getattr(section, "__args__", ()) if a is not type(None)]
            if not inner:
                break
            section = inner[0]
    return list(section.model_fields)


def frozen_content(study: Study) -> dict[str, Any]:
    """What determines the runs, as plain data."""
    return study.model_dump(mode="json", exclude=NOT_FROZEN)


def difference(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two studies differ: ``field: old → new``, one entry a field."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            line
            for key in sorted(old.keys() | new.keys())
            for line in difference(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        ]
    return [] if old == new else [f"{path}: {_short(old)} → {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def presets() -> list[str]:
    """Names of the studies that come with ditlaw."""
    folder = resources.files("ditlaw.study") / "presets"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def preset_text(name: str) -> str:
    """The commented text of a preset.

    Raises:
        BadInput: no such preset.
    """
    if name not in presets():
        raise unknown("preset", name, presets())
    file = resources.files("ditlaw.study") / "presets" / f"{name}.yaml"
    return file.read_text(encoding="utf-8")


def init_study(path: Path, preset: str = "quickstart") -> None:
    """Write a commented study file; an existing file is never touched.

    Raises:
        BadInput: the file exists or cannot be written.
    """
    write_text(path, preset_text(preset), overwrite=False)
