"""Tables of what was measured of finished runs, and of what they drew."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import EvaluateResult, MetricValue, SampleResult


def show_evaluation(console: Console, result: EvaluateResult) -> None:
    """One row a value, the loss first: a metric has as many as it was drawn with settings."""
    table = make_table("run", "FLOPs", "metric", "value", "± error", left=("run", "metric"))
    for row in result.observations:
        # The loss in a column of its own would leave no room for a run's name in 80 columns.
        table.add_row(row.run, text.flops(row.flops), "loss", text.loss(row.loss), "-")
        for value in row.metrics:
            error = "-" if value.error is None else f"{value.error:.2g}"
            table.add_row("", "", escape(_named(value)), f"{value.value:.4g}", error)
    console.print(table)
    for line in dict.fromkeys(_how(v) for row in result.observations for v in row.metrics):
        console.print(escape(line), soft_wrap=True)
    show_notes(console, result.warnings)


def show_pictures(console: Console, result: SampleResult) -> None:
    """Where the pictures lie, and what they were drawn with."""
    count = len(result.images)
    console.print(
        f"{count} pictures by {escape(result.run)} at {text.flops(result.budget)} FLOPs: "
        f"{result.sampler}, {result.steps} steps, guidance {result.guidance:g}, seed {result.seed}",
        soft_wrap=True,
    )
    last = f" … {escape(result.images[-1])}" if count > 1 else ""
    console.print(f"{escape(result.images[0])}{last}", soft_wrap=True)
    console.print(f"all together: {escape(result.sheet)}", soft_wrap=True)
    show_notes(console, result.warnings)


def _named(value: MetricValue) -> str:
    """The metric with the settings that it may have several values of."""
    parts = [value.metric]
    parts += [f"g{value.guidance:g}"] if value.guidance is not None else []
    if value.guidance is not None or value.extractor is not None:
        parts += [f"s{value.sampler_steps}"] if value.sampler_steps is not None else []
    parts += ["no captions"] if value.unconditional else []
    return " ".join(parts)


def _how(value: MetricValue) -> str:
    """What else a metric's value is a value of."""
    parts = [f"{value.samples:,} samples"]
    if value.sampler:
        parts.append(f"{value.sampler} {value.sampler_steps} steps")
    if value.extractor:
        digest = f" {value.extractor_sha256[:8]}" if value.extractor_sha256 else ""
        parts.append(f"features of {value.extractor}{digest}")
    if value.reference_sha256:
        parts.append(f"reference {value.reference_sha256[:8]}")
    parts += [value.detail] if value.detail else []
    return f"{value.metric}: {', '.join(parts)}"
