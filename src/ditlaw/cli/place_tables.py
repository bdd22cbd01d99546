"""Known models as a list, and beside a law."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import KnownModel, Place, PlaceResult, Quantity

SHORT = {
    "over-trained": "[cyan]over[/]",
    "under-trained": "[yellow]under[/]",
    "near the best": "[green]near[/]",
}
LEFT = ("model", "trained")


def show_place(console: Console, result: PlaceResult) -> None:
    """A row a model; those whose training is not known are named below."""
    missing = [placed.model for placed in result.models if not placed.place]
    if result.source is None:
        _list(console, missing)
        return
    there = [(p.model, p.place) for p in result.models if p.place]
    if there:
        _places(console, result.source, there)
    if missing:
        names = ", ".join(model.name for model in missing)
        console.print(f"how it was trained is not known: {escape(names)}", soft_wrap=True)
    show_notes(console, result.warnings)


def _places(console: Console, source: str, there: list[tuple[KnownModel, Place]]) -> None:
    console.print(
        f"known models beside the best for their own FLOPs by [bold]{escape(source)}[/]\n",
        soft_wrap=True,
    )
    regrets = any(place.regret for _, place in there)
    extra = ["lost"] if regrets else ["tokens"]
    table = make_table(
        "model", "params", *extra, "N ÷ N*", "D ÷ D*", "C ÷ best", "trained", left=LEFT
    )
    table.columns[0].no_wrap = table.columns[4].no_wrap = True
    for model, place in there:
        lost = _lost(place.regret) if regrets else ""
        table.add_row(
            escape(model.name),
            _params(model),
            lost or text.count(model.tokens or 0),
            _times(place.params_ratio),
            _times(place.tokens_ratio, bounds=True),
            _times(place.compute_ratio),
            SHORT[place.verdict],
        )
    console.print(table)
    lost = " Lost: loss above the best's." if regrets else ""
    console.print(
        "\nN params and D tokens ÷ the best for C, its FLOPs as the law counts;\n"
        "C ÷ the FLOPs at which N is best. Over: more tokens, fewer params than is best."
        f"{lost}",
        soft_wrap=True,
    )


def _list(console: Console, models: list[KnownModel]) -> None:
    table = make_table("model", "year", "params", "images", "tokens", "FLOPs", left=LEFT)
    for model in models:
        table.add_row(
            escape(model.name),
            str(model.year),
            _params(model),
            "-" if model.images is None else text.count(model.images),
            "-" if model.tokens is None else text.count(model.tokens),
            "-" if model.flops_6nd is None else text.flops(model.flops_6nd),
        )
    console.print(table)
    console.print("\nFLOPs are 6·params·tokens. Sources: --json.")
    for model in models:
        if model.unknown:
            console.print(f"{escape(model.name)}: not known: {escape(model.unknown)}")


def _params(model: KnownModel) -> str:
    return text.count(model.params_counted or model.params.value)


def _lost(regret: Quantity | None) -> str:
    """Loss above the best's."""
    if regret is None:
        return "-"
    if regret.value > 1:
        return "> 100 %"
    return text.share(regret.value) if regret.value >= 1e-4 else "< 0.01 %"


def _times(ratio: Quantity | None, bounds: bool = False) -> str:
    """A ratio, two digits, with its interval."""
    if ratio is None:
        return "-"
    said = f"{_ratio(ratio.value)}×"
    return f"{said} {text.bounds(ratio, _ratio)}" if bounds else said


def _ratio(value: float) -> str:
    return f"{value:.2g}" if value < 99.5 else text.count(value)
