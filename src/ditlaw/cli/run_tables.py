"""Tables of what is made: plans, runs, GPU time, counts of a model, exports."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.design_tables import show_expected
from ditlaw.cli.round_tables import show_adaptive
from ditlaw.cli.run_lines import MANY, most_telling, plan_lines, status_table
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.data.manifest import SKIPPED_FILE
from ditlaw.results import (
    BudgetResult,
    CountResult,
    EncodeResult,
    ExportResult,
    PlanResult,
    RunSummary,
    StatusResult,
)
from ditlaw.study import open_study, variants

SHOWN = 10  # skipped samples that a table names


def show_plan(console: Console, plan: PlanResult) -> None:
    """The runs of a study and what they cost."""
    table = make_table(
        "run", "params", "steps", "images", "tokens", "FLOPs", "6ND/C", f"{plan.gpu} time"
    )
    for run in plan_lines(plan.runs):
        table.add_row(
            escape(run.name),
            text.count(run.params),
            f"{run.steps:,}",
            text.count(run.images),
            text.count(run.tokens),
            text.flops(run.flops),
            f"{run.flops_6nd / run.flops:.2f}",
            text.hours(run.gpu_hours),
        )
    console.print(table)
    if len(plan.runs) > MANY:
        console.print("Runs of one size are summed; --json lists each.")
    if len(plan.sizes) > 1:
        shown = [
            f"{size.height}×{size.width} ({size.tokens_per_sample:,} tokens a sample, "
            f"{size.share_of_images:.0%} of images, {size.share_of_tokens:.0%} of tokens)"
            for size in plan.sizes
        ]
        console.print(f"\nMixed: {'; '.join(shown)}", soft_wrap=True)
    total = plan.total
    on = text.hardware(plan.gpu, plan.mfu, plan.mfu_source, plan.assumed_hardware)
    console.print(
        f"\n{total.runs} runs, {text.flops(total.flops)} FLOPs, {text.count(total.images)} images, "
        f"{text.hours(total.gpu_hours)} of one {on}",
        soft_wrap=True,
    )
    saved = total.flops_separate - total.flops
    if saved:
        console.print(
            f"a run for every budget of a size would take {text.flops(total.flops_separate)} "
            f"FLOPs, {total.flops_separate / total.flops:.2f}× as many",
            soft_wrap=True,
        )
    if plan.expected:
        show_expected(console, plan.expected, total.flops)
    show_notes(console, plan.warnings)


def show_run(console: Console, summary: RunSummary) -> None:
    """How a sweep ended."""
    runs = summary.runs
    if summary.adaptive is not None:
        show_adaptive(console, summary.adaptive)
    # A law is of one of what a study compares.
    several = variants(open_study(Path(summary.study)))
    chosen = "".join(
        f" --where {column}={several[0].columns[column]}"
        for column in ("family", "dataset", "patch", "text_tokens")
        if len({variant.columns[column] for variant in several}) > 1
    )
    console.print(
        f"{escape(summary.study)}: {runs.done} done, {runs.failed} failed, {runs.pending} pending; "
        f"next: ditlaw fit {escape(summary.study + chosen)}",
        soft_wrap=True,
    )


def show_status(console: Console, status: StatusResult) -> None:
    """How far each run is."""
    console.print(status_table(status.runs, MANY))
    for run in most_telling(status.runs, MANY):
        if run.reason:
            console.print(f"{escape(run.id)}: {escape(run.reason)}", soft_wrap=True)
    if status.adaptive is not None:
        console.print()
        show_adaptive(console, status.adaptive)


def show_budget(console: Console, result: BudgetResult) -> None:
    """GPU time and FLOPs."""
    table = make_table("", "")
    table.show_header = False
    table.add_row("FLOPs", text.flops(result.flops))
    table.add_row("GPUs", f"{result.gpus} × {result.gpu}")
    table.add_row("days", f"{result.days:.3g}")
    table.add_row("GPU time", text.hours(result.gpu_hours))
    table.add_row("MFU", f"{result.mfu:g} of {result.peak_tflops:g} TFLOP/s dense bf16")
    table.add_row("memory", f"{result.memory_gb:g} GB each")
    table.add_row("source", result.source)
    console.print(table)


def show_count(console: Console, result: CountResult) -> None:
    """One model, part by part."""
    console.print(
        f"[bold]{escape(result.family)}[/] {text.shape(result)}; "
        f"{result.tokens_per_sample:,} tokens a sample",
        soft_wrap=True,
    )
    table = make_table("", "params", "training FLOPs a sample", "share")
    parts = [*result.params_breakdown, *result.flops_breakdown]
    for part in dict.fromkeys(parts):
        flops = result.flops_breakdown.get(part, 0)
        table.add_row(
            part.replace("_", " "),
            f"{result.params_breakdown.get(part, 0):,}",
            f"{flops:,}",
            text.share(flops / result.flops.train),
        )
    table.add_row("sum", f"{result.params:,}", f"{result.flops.train:,}", "")
    if result.params_total != result.params:
        table.add_row("with look-up tables", f"{result.params_total:,}", "", "")
    table.add_row("forward", "", f"{result.flops.forward:,}", "")
    table.add_row("6·params·tokens", "", f"{result.flops_6nd:,}", f"{result.ratio_6nd:.2f}×")
    console.print(table)


def show_encode(console: Console, result: EncodeResult) -> None:
    """What a cache holds, and what a study on it must say."""
    fields = ", ".join(f"{name}: {value}" for name, value in result.geometry.items())
    shards = "1 shard" if result.shards == 1 else f"{result.shards} shards"
    console.print(
        f"{result.samples:,} samples in {shards}, {len(result.skipped):,} skipped", soft_wrap=True
    )
    for sample in result.skipped[:SHOWN]:
        console.print(f"{escape(sample.key)}: {escape(sample.reason)}", soft_wrap=True)
    if len(result.skipped) > SHOWN:
        console.print(f"and {len(result.skipped) - SHOWN:,} more, see {SKIPPED_FILE}")
    console.print("\nIn a study on it, with a patch that divides height and width:")
    console.print(f"  data: {{source: encoded, path: {escape(result.path)}}}", soft_wrap=True)
    console.print(f"  geometry: {{{fields}, patch: 2}}", soft_wrap=True)


def show_export(console: Console, result: ExportResult) -> None:
    """Where an export lies and what loads it."""
    loads = f"; diffusers.{result.class_name} loads it" if result.class_name else ""
    console.print(f"step {result.step:,}: {escape(result.path)}{loads}", soft_wrap=True)
    show_notes(console, result.notes)
