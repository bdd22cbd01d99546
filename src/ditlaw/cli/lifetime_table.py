"""The cheapest model of a lifetime beside the compute-optimal one."""

from rich.console import Console

from ditlaw import text
from ditlaw.cli.table_parts import make_table, show_notes
from ditlaw.results import Lifetime, Quantity


def show_lifetime(console: Console, whole: Lifetime, images: Quantity | None) -> None:
    """Both models' params and FLOPs, and what the smaller one saves.

    ``images`` is what the compute-optimal one trains on, where a forecast knows.
    """
    guided = ", guided" if whole.guided else ""
    console.print(
        f"\nwith {text.count(whole.generated)} images made by {whole.sampler_steps} steps each"
        f"{guided}, at the same loss:",
        soft_wrap=True,
    )
    best = whole.compute_optimal
    table = make_table("", "compute-optimal", "cheapest over its lifetime")
    table.columns[2].justify = "left"
    table.add_row("params", text.count(best.params), text.with_interval(whole.params))
    table.add_row(
        "images to train on",
        text.count(images.value) if images else "-",
        text.with_interval(whole.images),
    )
    for name, theirs, ours in (
        ("training FLOPs", best.training_flops, whole.training_flops),
        ("generation FLOPs", best.generation_flops, whole.generation_flops),
        ("both", best.total_flops, whole.total_flops),
    ):
        table.add_row(name, text.flops(theirs), text.with_interval(ours, text.flops))
    table.add_row("saved", "", text.with_interval(whole.saving, text.share))
    console.print(table)
    console.print(
        f"{text.flops(whole.forward_flops)} FLOPs an evaluation ({whole.forward_counted}); "
        "encoder and decoder not counted",
        soft_wrap=True,
    )
    show_notes(console, whole.warnings)
