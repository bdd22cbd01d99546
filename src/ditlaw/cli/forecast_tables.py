"""A forecast as terminal tables: what the law says, the recipe, and what other sizes give away."""

from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.lifetime_table import show_lifetime
from ditlaw.cli.recipe_tables import recipe_table
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import Forecast, OwnImages, Quantity, known


def show_forecast(console: Console, answer: Forecast) -> None:
    """What a budget buys."""
    console.print(_head(answer), soft_wrap=True)
    if answer.wish:
        console.print(
            f"cost {text.with_interval(answer.wish.flops, text.flops)} FLOPs: "
            f"{escape(answer.wish.how)}",
            soft_wrap=True,
        )
    console.print(_published(answer) if answer.basis == "published" else _fitted(answer))
    if answer.own_images:
        console.print(_own_images(answer.own_images, answer.metric), soft_wrap=True)
    if answer.recipe:
        console.print()
        console.print(recipe_table(answer.recipe, answer))
    if answer.nearby or answer.choices:
        console.print()
        console.print(_others(answer))
    if answer.lifetime:
        show_lifetime(console, answer.lifetime, answer.images)
    console.print()
    if answer.basis == "fit":  # no paper's law has been put to a test here
        console.print(text.tested(answer.tested_beyond))
    show_notes(console, answer.warnings)


def _head(answer: Forecast) -> str:
    """The budget, how far it is from what was fitted, and what it takes."""
    on = text.hardware(answer.gpu, answer.mfu, answer.mfu_source, answer.assumed_hardware)
    far = ""
    if answer.interpolated and answer.fitted_flops:
        low, high = map(text.flops, answer.fitted_flops)
        far = f", inside the fitted {low} to {high}: interpolated"
    elif answer.beyond is not None:
        far = f", {text.count(answer.beyond)}× the largest fitted budget"
    takes = f"{text.hours(answer.gpu_hours)} of one {on}"
    if answer.days is not None:
        takes += f"; {text.days(answer.days)} of {answer.gpus}"
    if answer.money is not None:
        takes += f"; {text.count(answer.money)} at {answer.price:g} an hour"
    return f"[bold]{text.flops(answer.flops)} FLOPs[/]{far}\n{takes}"


def _quantities(answer: Forecast) -> list[tuple[str, Quantity, Callable[[float], str]]]:
    found: list[tuple[str, Quantity | None, Callable[[float], str]]] = [
        ("params", answer.params, text.count),
        ("tokens", answer.tokens, text.count),
        ("images", answer.images, text.count),
        ("epochs", answer.epochs, lambda v: f"{v:.2g}"),
        ("loss", answer.loss, text.loss),
    ]
    return [(name, quantity, form) for name, quantity, form in found if quantity]


def _published(answer: Forecast) -> Table:
    table = make_table("", "value, rounding", "by")
    table.columns[0].no_wrap, table.columns[1].justify = True, "left"
    table.columns[2].justify = "left"
    rows = _quantities(answer)
    rows += [(name, quantity, text.number) for name, quantity in answer.metrics.items()]
    for name, quantity, form in rows:
        formula = answer.formulas.get(name, "")
        table.add_row(name, text.with_interval(quantity, form), formula.partition(", where")[0])
    return table


def _fitted(answer: Forecast) -> Table:
    table = make_table("", f"forecast, {known(answer.loss).level:.0%} interval")
    table.columns[0].no_wrap, table.columns[1].justify = True, "left"
    for name, quantity, form in _quantities(answer):
        said = f"{answer.metric} of one new run" if name == "loss" else name
        table.add_row(said, text.with_interval(quantity, form))
    if answer.law_low is not None and answer.law_high is not None:
        table.add_row(
            f"{answer.metric} of the law",
            f"[{text.loss(answer.law_low)}, {text.loss(answer.law_high)}]",
        )
    for name, value in answer.metrics.items():
        table.add_row(f"{name}, by its own law", text.with_interval(value, text.loss))
    for name, value in answer.metrics_through_loss.items():
        table.add_row(f"{name}, through the loss", text.with_interval(value, text.loss))
    if answer.near_optimal_params:
        near = answer.near_optimal_params
        table.add_row(
            f"params within {near.tolerance:.2%}",
            f"{text.count(near.low)} to {text.count(near.high)}",
        )
    return table


def _own_images(own: OwnImages, metric: str) -> str:
    """The answer to "I have only these images", in sentences."""
    said = (
        f"\nof {text.count(own.images)} images the best size makes "
        f"{text.with_interval(own.epochs)} epochs"
    )
    if own.once is None:
        return f"{said}: none need repeat"
    said += f".\nWithout a repeat the budget trains {text.count(own.once.params)} params"
    if own.once.loss is None or own.once.regret is None:
        return f"{said}; what that gives away is not known"
    return (
        f"{said}: {escape(metric)} {text.with_interval(own.once.loss, text.loss)},\n"
        f"{text.with_interval(own.once.regret, text.share)} above the best with fresh images"
    )


def _others(answer: Forecast) -> Table:
    """Sizes near the best one, then those that the user named."""
    table = make_table("instead", "params", answer.metric, "above the best", left=("instead",))
    for other in answer.nearby:
        table.add_row(
            other.shape or other.what,
            text.count(other.params),
            text.with_interval(other.loss, text.loss),
            text.with_interval(other.regret, text.share),
        )
    for choice in answer.choices:
        table.add_row(
            "as asked",
            text.count(choice.params),
            text.with_interval(choice.loss, text.loss),
            text.with_interval(choice.regret, text.share),
        )
    return table
