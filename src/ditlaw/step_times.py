"""What a training step costs on a device, as 'ditlaw time' kept it beside a study's runs. No torch.

DIR/step_times.jsonl   one line a model and device, append-only; a damaged line costs only itself

Observations get columns from it: ``step_seconds``, ``step_seconds_standard_error``,
``device_seconds`` (steps × step_seconds) and ``device``.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ditlaw.digests import digest
from ditlaw.files import append_json, read_json_lines
from ditlaw.study import RunSpec

TIMES_FILE = "step_times.jsonl"
# What a step costs the same whatever these are. All else tells models apart, fields to come too.
NO_MATTER = {"id", "seed", "stops", "objective", "evaluation"}
NO_MATTER_OF_RECIPE = {
    "learning_rate",
    "warmup_steps",
    "cooldown",
    "betas",
    "weight_decay",
    "clip",
    "ema",
    "caption_dropout",
}
FEWEST_ROUNDS = 3  # fewer say nothing of their scatter
# Of n normal values: the median's standard error is sqrt(π/2)·sd/sqrt(n) for large n. Quartiles lie
# 1.349 sd apart for large n, and for 3 to 10 values nearly 1 − FEW/n of that.
MEDIAN_ERROR, QUARTILES, FEW = 1.2533, 1.349, 1.3

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class StepTime(BaseModel):
    """One line: the median of ``rounds`` rounds of ``steps`` steps each, and their quartiles."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    model: str
    device: Annotated[str, Field(min_length=1)]
    threads: int
    versions: dict[str, str]
    family: str
    depth: int
    width: int
    heads: int
    single_depth: int
    params: int
    batch: int
    precision: str
    dataset: str
    flops: Seconds  # of one step, the mean over resolutions
    seconds: Seconds
    low: Seconds
    high: Seconds
    rounds: Annotated[int, Field(ge=FEWEST_ROUNDS)]
    steps: Annotated[int, Field(gt=0)]
    core: Annotated[float, Field(ge=0)] = 1.0  # CPU seconds ÷ seconds; 1 on an accelerator

    @property
    def standard_error(self) -> float:
        """Of ``seconds``, from the quartiles: one slow round does not widen it."""
        sd = (self.high - self.low) / (QUARTILES * (1 - FEW / self.rounds))
        return MEDIAN_ERROR * sd / math.sqrt(self.rounds)


def model_key(spec: RunSpec) -> str:
    """One name for all runs whose steps cost the same: seeds, rates and budgets are left out."""
    said = spec.model_dump(
        mode="json",
        exclude=NO_MATTER | {"recipe"},
        exclude_defaults=True,  # a field that comes with a later version renames nothing
    )
    recipe = spec.recipe.model_dump(mode="json", exclude=NO_MATTER_OF_RECIPE, exclude_defaults=True)
    return digest(said | {"recipe": recipe})[:16]


def read_times(folder: Path) -> list[StepTime]:
    """Every whole line of a study folder's file, oldest first; none where nothing was timed."""
    found = []
    for line in read_json_lines(folder / TIMES_FILE):
        try:
            found.append(StepTime.model_validate(line))
        except ValidationError:
            continue
    return found


def add_time(folder: Path, time: StepTime) -> None:
    """Append one line, and wait until the disk has it."""
    append_json(folder / TIMES_FILE, time.model_dump(mode="json"), durable=True)


def of_one_device(times: Iterable[StepTime], models: Iterable[str]) -> dict[str, StepTime]:
    """The times of those models, by model, on the device that most were timed on.

    Of devices with as many, the one that was timed last.
    """
    wanted = set(models)
    newest = {(t.device, t.model): t for t in times if t.model in wanted}
    timed = Counter(device for device, _ in newest)
    if not timed:
        return {}
    last = {device: place for place, (device, _) in enumerate(newest)}
    chosen = max(timed, key=lambda device: (timed[device], last[device]))
    return {model: time for (device, model), time in newest.items() if device == chosen}


def with_times(
    rows: Sequence[dict[str, Any]], specs: Mapping[str, RunSpec], folder: Path
) -> list[dict[str, Any]]:
    """Observations with what their steps cost; as they are where none was timed.

    ``specs`` are the runs by id. Rows of a model that was not timed stay without.
    """
    times = read_times(folder)
    if not times:
        return list(rows)
    models = {name: model_key(spec) for name, spec in specs.items()}
    chosen = of_one_device(times, models.values())
    return [row | _columns(row, chosen.get(models[row["run"]])) for row in rows]


def _columns(row: dict[str, Any], time: StepTime | None) -> dict[str, Any]:
    if time is None:
        return {}
    return {
        "step_seconds": time.seconds,
        "step_seconds_standard_error": time.standard_error,
        "device_seconds": row["steps"] * time.seconds,
        "device": time.device,
    }
