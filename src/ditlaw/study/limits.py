"""What a plan takes beside what a user, this machine and the GPU allow."""

from dataclasses import dataclass

from ditlaw import machine, text
from ditlaw.compute import get_accelerator
from ditlaw.results import Note, PlanTotal
from ditlaw.study.memory import memory_gb
from ditlaw.study.runs import RunSpec
from ditlaw.study.schema import Hardware, Study

# A CPU core's FLOP/s on models of the quickstart's size (benchmarks/speed.py prints 1.6e10 at width
# 24 and 5e10 at 64): a rough estimate, used for limits.hours and to warn of a plan that takes long.
CORE_FLOPS = 2e10
LONG_HOURS = 2.0


@dataclass(frozen=True)
class Limit:
    """What a user said a plan may not exceed, beside what this plan takes."""

    name: str
    allowed: float | None
    needed: float


def limits_of(study: Study, runs: list[RunSpec], total: PlanTotal) -> list[Limit]:
    """What a study's runs take, beside what the study allows."""
    return [
        Limit("gpu_hours", study.limits.gpu_hours, total.gpu_hours),
        Limit("hours", study.limits.hours, total.flops / (CORE_FLOPS * machine.cores()) / 3600),
        Limit("memory_gb", study.limits.memory_gb, max(memory_gb(run) for run in runs)),
    ]


def warnings_of(study: Study, hardware: Hardware, limits: list[Limit]) -> list[Note]:
    """What to tell of a plan that this machine or one GPU can hardly carry out."""
    needed = {limit.name: limit.needed for limit in limits}
    notes = []
    if needed["hours"] > LONG_HOURS:
        notes.append(
            Note(
                code="long-plan",
                text=f"about {text.hours(needed['hours'])} on this machine's CPU cores; "
                f"{text.hours(needed['gpu_hours'])} of one {hardware.gpu} "
                f"at {hardware.mfu:.3g} MFU",
            )
        )
    planned_only = any(data.source == "described" for data in study.data)
    device = get_accelerator(hardware.gpu)
    memories = [(f"one {device.name}", device.memory_gb, "a GPU trains such a batch in parts")]
    if not planned_only:
        memories.append(("this machine", machine.memory_gb(), "lower recipe.batch"))
    for name, has, mend in memories:
        if needed["memory_gb"] > has:
            notes.append(
                Note(
                    code="much-memory",
                    text=f"the largest run needs about {needed['memory_gb']:,.0f} GB for a whole "
                    f"batch at once, more than {name} has ({has:.3g} GB); {mend}",
                )
            )
    if planned_only:
        notes.append(
            Note(code="plan-only", text="data.source is 'described': planned here, not trained")
        )
    return notes
