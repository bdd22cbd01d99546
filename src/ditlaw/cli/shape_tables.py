"""A shape study as terminal tables, made for 80 columns."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.aspect import words
from ditlaw.aspect.words import evidence, ratio, within
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import PowerLaw, Quantity, ShapeAxis, ShapeLaw, ShapesResult


def show_shapes(console: Console, result: ShapesResult) -> None:
    """The law of shapes or why there is none, each other axis, and the notes."""
    console.print(
        f"[bold]{escape(result.source)}[/]: {escape(result.metric)}, {result.level:.0%} intervals; "
        f"one run scatters by {text.share(result.run_noise)} ({result.noise_from})\n",
        soft_wrap=True,
    )
    if result.law is not None:
        _law(console, result.law, result.tolerance)
    elif result.reason:
        console.print(f"no law of shapes: {escape(result.reason)}\n", soft_wrap=True)
    for axis in result.axes:
        _axis(console, axis)
    show_notes(console, result.warnings)


def _law(console: Console, law: ShapeLaw, tolerance: float) -> None:
    console.print(f"{evidence(law)}\n", soft_wrap=True)
    table = make_table("FLOPs", "best width/depth", f"within {text.share(tolerance)}", "tried")
    for budget in law.budgets:
        found = budget.within
        table.add_row(
            text.flops(budget.flops),
            text.with_interval(budget.best_ratio, ratio),
            words.ends(found),
            f"{ratio(budget.tried_range[0])} to {ratio(budget.tried_range[1])}",
        )
    console.print(table)
    console.print()
    table = make_table("FLOPs", "best depth", "best width", "best params")
    for budget in law.budgets:
        table.add_row(
            text.flops(budget.flops),
            text.with_interval(budget.best_depth, text.number),
            text.with_interval(budget.best_width, text.number),
            text.with_interval(budget.best_params),
        )
    console.print(table)
    laws = [(n, getattr(law, n)) for n in ("ratio", "depth", "width", "params")]
    said = [
        f"{'width/depth' if n == 'ratio' else n} {_exponent(found)}" for n, found in laws if found
    ]
    if said:
        console.print(f"\nexponents in C: {', '.join(said)}", soft_wrap=True)
    largest = law.budgets[-1]
    console.print(f"\n{within(largest, tolerance)}", soft_wrap=True)
    table = make_table("width/depth", "runs", "above the best", "", left=("",))
    for tried in largest.tried:
        table.add_row(
            ratio(tried.ratio), str(tried.runs), _percent(tried.regret), _standing(tried.standing)
        )
    console.print(table)
    console.print()


def _axis(console: Console, axis: ShapeAxis) -> None:
    console.print(escape(axis.text), soft_wrap=True)
    table = make_table("FLOPs", axis.axis, "runs", "loss", "above the best", "", left=("",))
    for budget in axis.budgets:
        for i, value in enumerate(budget.values):
            table.add_row(
                "" if i else text.flops(budget.flops),
                escape(value.value),
                str(value.runs),
                text.loss(value.loss),
                _percent(value.difference) if i else "-",
                _standing(value.standing) if i else "best",
            )
    console.print(table)
    ways = {budget.basis: words.BASES[budget.basis] for budget in axis.budgets}
    console.print(f"{'; '.join(ways.values())}\n", soft_wrap=True)


def _standing(standing: str) -> str:
    return "within tolerance" if standing == "within" else standing


def _exponent(law: PowerLaw) -> str:
    return text.with_interval(law.exponent, lambda v: f"{v:.2f}")


def _percent(quantity: Quantity) -> str:
    return text.with_interval(quantity, lambda v: f"{100 * v:.2f}") + " %"
