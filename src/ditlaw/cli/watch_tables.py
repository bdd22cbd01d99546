"""A run on its way beside its forecast, as a terminal table."""

from rich.console import Console
from rich.markup import escape

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes, yes
from ditlaw.results import WatchResult

NEWEST = 8  # looks that the table shows
COLOURS = {"on course": "green", "too early": "yellow"}


def show_watch(console: Console, found: WatchResult) -> None:
    """How it stands, the newest looks, and where it will end."""
    at = "" if found.seen is None else f", {found.seen / found.flops:.0%} done"
    console.print(
        f"[bold]{escape(found.log)}[/]: {text.count(found.params)} params to "
        f"{text.flops(found.flops)} FLOPs{at}; {escape(found.metric)} by {escape(found.source)}\n",
        soft_wrap=True,
    )
    if found.looks:
        level = found.looks[0].forecast.level
        band = f"forecast, band of {level:.0%} of runs"
        table = make_table("FLOPs", "points", escape(found.metric), band, "inside")
        for look in found.looks[-NEWEST:]:
            table.add_row(
                text.flops(look.flops),
                str(look.points),
                text.loss(look.loss),
                text.with_interval(look.forecast, text.loss),
                yes(look.inside),
            )
        console.print(table)
        console.print()
    colour = COLOURS.get(found.verdict, "red")
    console.print(f"[{colour}]{found.verdict}[/]: {escape(found.meaning[0])}")
    for said in found.meaning[1:]:
        console.print(escape(said))
    was = text.with_interval(found.forecast, text.loss)
    if found.projected:
        now = text.with_interval(found.projected, text.loss)
        console.print(f"At {text.flops(found.flops)} FLOPs: {now}; before the run {was}.")
    else:
        console.print(f"At {text.flops(found.flops)} FLOPs, before the run: {was}.")
    show_notes(console, found.warnings)
