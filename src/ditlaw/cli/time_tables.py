"""What a training step costs, and laws at equal device time, as terminal tables for 80 columns."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import Pair, Quantity, TimedModel, TimeResult, Verdict

Better = Callable[[Verdict], str]
BetterOf = Callable[[Pair, Verdict], str]
Signed = Callable[[Quantity], str]


def show_times(console: Console, result: TimeResult) -> None:
    """A table a device, a row a model, by family and size."""
    for device in dict.fromkeys(model.device for model in result.models):
        models = [model for model in result.models if model.device == device]
        models.sort(key=lambda m: (m.family, m.dataset, m.params, m.batch))
        console.print(f"[bold]{escape(device)}[/]", soft_wrap=True)
        console.print(_of_device(models))
        console.print()
    console.print(
        f"{result.measured} timed now; kept in {escape(result.file)}, which 'ditlaw compare' reads",
        soft_wrap=True,
    )
    show_notes(console, result.warnings)


def _of_device(models: list[TimedModel]) -> Table:
    """What tells the models apart, and only that: 80 columns hold no more."""
    told: dict[str, Callable[[TimedModel], str]] = {
        "family": lambda m: escape(m.family),
        "dataset": lambda m: escape(m.dataset),
        "shape": lambda m: f"d{m.depth}w{m.width}h{m.heads}",
        "params": lambda m: text.count(m.params),
        "batch": lambda m: str(m.batch),
        "precision": lambda m: m.precision,
    }
    kept = ("family", "shape", "params")
    told = {k: v for k, v in told.items() if k in kept or len({v(m) for m in models}) > 1}
    words = ("family", "dataset", "shape", "precision")
    table = make_table(*told, "a step", "quartiles", "FLOP/s", left=words)
    for m in models:
        quartiles = f"{_seconds(m.low)} to {_seconds(m.high)}"
        cells = (cell(m) for cell in told.values())
        table.add_row(*cells, _seconds(m.seconds), quartiles, text.flops(m.flops_per_second))
    return table


def equal_time_of(pair: Pair, better: Better, signed: Signed) -> Table | None:
    """One pair at equal time, a row a target; None where it was not timed."""
    table = make_table(
        "a's FLOPs", "time", "b's FLOPs", "b by then", "b − a", "better", left=("better",)
    )
    for target in pair.at:
        timed = target.at_equal_time
        if timed is not None:
            table.add_row(
                text.flops(timed.a_flops),
                _seconds(timed.seconds),
                text.flops(timed.b_flops),
                text.loss(timed.b),
                signed(timed.difference),
                better(timed.verdict),
            )
    return table if table.row_count else None


def equal_times_of(pairs: list[Pair], k: int, better: BetterOf) -> Table | None:
    """Several pairs at equal time, a row a pair, for the k-th target; None if none was timed."""
    table = make_table("a", "b", "time", "b's FLOPs", "better", left=("a", "b", "better"))
    for pair in pairs:
        timed = pair.at[k].at_equal_time
        if timed is not None:
            table.add_row(
                escape(pair.a_name),
                escape(pair.b_name),
                _seconds(timed.seconds),
                text.flops(timed.b_flops),
                better(pair, timed.verdict),
            )
    return table if table.row_count else None


def crossing_in_time(pair: Pair) -> str:
    """When the two are equal at equal time, in words; a dash where they are not."""
    crossing = pair.crossing_at_equal_time
    return text.with_interval(crossing.seconds, _seconds) if crossing else "-"


def on_device(pairs: list[Pair]) -> str:
    """`` on DEVICE``, where the rows name it."""
    device = next((pair.device for pair in pairs if pair.device), None)
    return f" on {escape(device)}" if device else ""


def _seconds(value: float) -> str:
    return text.hours(value / 3600)
