"""The table of runs: from the run folders of a study, else from the rows themselves."""

from ditlaw import text
from ditlaw.report.material import Material, Run
from ditlaw.report.tables import MOST_ROWS, Cell, Table


def run_table(material: Material) -> Table:
    """Every run of a study with its time and state; the rows of a table."""
    return _of_folders(material) if material.runs else _of_rows(material)


def _of_folders(material: Material) -> Table:
    why: dict[str, list[str]] = {}
    for name, _, reason in material.dropped:
        if reason not in why.setdefault(name, []):
            why[name].append(reason)
    columns = ["run", "seed", "params", "images", "tokens", "FLOPs", "time", "state"]
    return Table(
        "Every run: what it was trained on so far, how long that took, and its last loss",
        [*columns, material.law.metric, "notes"],
        [_row(material, run, why.get(run.status.id, [])) for run in material.runs],
        left=frozenset({0, 7, 9}),
    )


def _row(material: Material, run: Run, why: list[str]) -> list[Cell]:
    spec, status = run.spec, run.status
    notes = ["checks a forecast; in no fit"] if run.verifying else []
    notes += [status.reason] if status.reason else []
    notes += [] if run.verifying else [f"rows left out: {reason}" for reason in why]
    state = status.state if status.state == "done" else f"{status.state}, {status.progress:.0%}"
    return [
        Cell(status.id),
        Cell(str(spec.seed)),
        Cell(text.count(spec.counts().params)),
        Cell(text.count(status.images)),
        Cell(text.count(status.tokens)),
        Cell(text.flops(status.flops)),
        Cell("–" if run.seconds is None else f"{run.seconds:,.1f} s"),
        Cell(state, mood="bad" if status.state in ("failed", "diverged") else ""),
        Cell("–" if status.loss is None else text.loss(status.loss)),
        Cell("; ".join(notes)),
    ]


def _of_rows(material: Material) -> Table:
    frame = material.law.observations.frame
    metric = material.law.metric
    rows = [
        [
            Cell(str(row["run"])),
            Cell(text.count(row["params"])),
            Cell(text.count(row["tokens"])),
            Cell(text.flops(row["flops"])),
            Cell(text.flops(row["budget"]) if row["budget"] == row["budget"] else "–"),
            Cell(text.loss(row[metric])),
        ]
        for _, row in frame.head(MOST_ROWS).iterrows()
    ]
    caption = "Every row of the fit"
    if len(frame) > MOST_ROWS:
        caption = f"The first {MOST_ROWS} of the {len(frame)} rows of the fit"
    return Table(caption, ["run", "params", "tokens", "FLOPs", "budget", metric], rows)
