"""The table of known models as Markdown, for ``docs/known-models.md``."""

from ditlaw import text
from ditlaw.known_models.table import known_models
from ditlaw.results import KnownModel, TrainingStage

HEAD = "| model | params | trained on | tokens | 6·N·D | exact FLOPs | epochs | read in |"


def markdown() -> str:
    """One row a model; what is not known says so."""
    rows = [HEAD, "|---" * HEAD.count(" | ") + "|---|"]
    return "\n".join([*rows, *map(_row, known_models())]) + "\n"


def _row(model: KnownModel) -> str:
    params = text.count(model.params.value)
    if model.params_counted:
        params += f" (counted {text.count(model.params_counted)})"
    sources = dict.fromkeys(
        source
        for source in (
            model.params.source,
            model.training_source,
            model.flops_published.source if model.flops_published else None,
        )
        if source
    )
    published = ""
    if model.flops_published:
        published = f"; published: {text.flops(model.flops_published.value)}"
    cells = [
        model.name,
        params,
        "; ".join(map(_stage, model.training)) if model.training else f"not known: {model.unknown}",
        text.count(model.tokens) if model.tokens else "-",
        (text.flops(model.flops_6nd) if model.flops_6nd else "-") + published,
        text.flops(model.flops_exact) if model.flops_exact else "-",
        f"{model.epochs:,.0f}" if model.epochs else "-",
        "; ".join([*sources, *model.remarks]),
    ]
    return f"| {' | '.join(cells)} |"


def _stage(stage: TrainingStage) -> str:
    seen = f"{text.count(stage.images)} images"
    if stage.steps and stage.batch:
        seen = f"{text.count(stage.steps)} × {stage.batch:,.0f}"
    return f"{seen} at {stage.pixels} px, {stage.tokens:,} tokens each"
