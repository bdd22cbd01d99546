"""A forecast as a terminal table, made for 80 columns."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes, size_of
from ditlaw.results import Forecast, Quantity, known


def show_forecast(console: Console, answer: Forecast) -> None:
    """What a budget buys, line by line."""
    on = text.hardware(answer.gpu, answer.mfu, answer.mfu_source, answer.assumed_hardware)
    far = (
        "" if answer.beyond is None else f", {text.count(answer.beyond)}× the largest fitted budget"
    )
    console.print(
        f"[bold]{text.flops(answer.flops)} FLOPs[/]{far}: {text.hours(answer.gpu_hours)} "
        f"of one {on}",
        soft_wrap=True,
    )
    if answer.wish:
        console.print(
            f"cost {text.with_interval(answer.wish.flops, text.flops)} FLOPs: "
            f"{escape(answer.wish.how)}",
            soft_wrap=True,
        )
    if answer.basis == "published":
        table = make_table("", "value, rounding", "by")
        table.columns[2].justify = "left"
    else:
        table = make_table("", f"forecast, {known(answer.loss).level:.0%} interval")
    table.columns[0].no_wrap, table.columns[1].justify = True, "left"
    rows: list[tuple[str, str, Quantity | None, Callable[[float], str]]] = [
        ("params", "params", answer.params, text.count),
        ("tokens", "tokens", answer.tokens, text.count),
        ("images", "images", answer.images, text.count),
        ("epochs", "epochs", answer.epochs, lambda v: f"{v:.2g}"),
        ("loss", f"{answer.metric} of one new run", answer.loss, text.loss),
    ]
    if answer.basis == "published":
        rows += [(name, name, quantity, text.number) for name, quantity in answer.metrics.items()]
    for name, said, quantity, form in rows:
        if quantity and answer.basis == "published":
            formula = answer.formulas.get(name, "")
            table.add_row(name, text.with_interval(quantity, form), formula.partition(", where")[0])
        elif quantity:
            table.add_row(said, text.with_interval(quantity, form))
    if answer.basis == "fit" and answer.law_low is not None and answer.law_high is not None:
        table.add_row(
            f"{answer.metric} of the law",
            f"[{text.loss(answer.law_low)}, {text.loss(answer.law_high)}]",
        )
    for name, value in answer.metrics.items() if answer.basis == "fit" else ():
        table.add_row(f"{name}, by its own law", text.with_interval(value, text.loss))
    for name, value in answer.metrics_through_loss.items():
        table.add_row(f"{name}, through the loss", text.with_interval(value, text.loss))
    if answer.near_optimal_params:
        near = answer.near_optimal_params
        table.add_row(
            f"params within {near.tolerance:.2%}",
            f"{text.count(near.low)} to {text.count(near.high)}",
        )
    for choice in answer.choices:
        table.add_row(
            f"{text.count(choice.params)} params instead",
            f"{answer.metric} {text.with_interval(choice.loss, text.loss)}, "
            f"{text.with_interval(choice.regret, text.share)} above the best",
        )
    if answer.recipe:
        r = answer.recipe
        kind = "" if r.parametrization == "standard" else f" in {r.parametrization}"
        kind += f", falling over the last {r.cooldown:.0%}" if r.cooldown else ""
        table.add_row(
            "recipe",
            f"{escape(r.family)} {size_of(r)}: {text.count(r.params)} params, "
            f"{r.steps:,} steps of {r.batch} at {r.learning_rate:.2g}{kind}",
        )
    console.print(table)
    if answer.basis == "fit":  # no paper's law has been put to a test here
        console.print(text.tested(answer.tested_beyond))
    show_notes(console, answer.warnings)
