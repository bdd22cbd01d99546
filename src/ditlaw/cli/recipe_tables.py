"""The recipe of a forecast as a terminal table."""

from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.table_parts import make_table
from ditlaw.results import Forecast, Recipe, TrainingMemory

OTHERWISE = "flops-counted-otherwise"
FROM = {
    "swept": "as the study's sweep found",
    "study": "as the study has it",
    "table": "as the table's runs have it",
    "paper": "as the paper has it",
}


def recipe_table(recipe: Recipe, answer: Forecast) -> Table:
    """How to train the nearest model that can be built, a row a question."""
    table = make_table("recipe", "", left=("recipe", ""))
    table.columns[0].no_wrap = True
    table.add_row("model", f"{escape(recipe.family)} {text.shape(recipe)}")
    table.add_row("params", _params(recipe, answer))
    table.add_row("training", _training(recipe))
    for rule in recipe.rules:
        if rule.name not in (recipe.batch_from, recipe.learning_rate_from):
            table.add_row(
                f"{rule.name}'s rule",
                f"batch {rule.batch:,} ({text.count(rule.batch_tokens)} tokens), rate "
                f"{rule.learning_rate:.2g}; of {rule.of}" + _beyond(rule.beyond),
            )
    table.add_row("images", _images(recipe))
    if recipe.memory:
        table.add_row("memory", _memory(recipe.memory, answer.gpu))
    table.add_row("time", _time(recipe, answer))
    return table


def _params(recipe: Recipe, answer: Forecast) -> str:
    said = f"{recipe.params:,}"
    if answer.params:
        said += f", {text.percent(recipe.params / answer.params.value - 1)} from N*"
    if recipe.loss and recipe.regret:
        said += (
            f"; {answer.metric} {text.loss(recipe.loss.value)}, "
            f"{text.share(recipe.regret.value)} above the best"
        )
    return said


def _training(recipe: Recipe) -> str:
    rule = next((r for r in recipe.rules if r.name == recipe.batch_from), None)
    batch = FROM.get(recipe.batch_from, f"by {recipe.batch_from}'s rule")
    rate = FROM.get(recipe.learning_rate_from, f"by {recipe.learning_rate_from}'s rule")
    kind = "" if recipe.parametrization == "standard" else f" in {recipe.parametrization}"
    kind += f", falling over the last {recipe.cooldown:.0%}" if recipe.cooldown else ""
    said = f"{recipe.steps:,} steps of {recipe.batch:,} images"
    said += "" if batch == rate else f", {batch},"
    said += f" at rate {recipe.learning_rate:.2g}{kind}, {rate}"
    return said + (f"; of {rule.of}{_beyond(rule.beyond)}" if rule else "")


def _beyond(beyond: str | None) -> str:
    return f"; {beyond}" if beyond else ""


def _images(recipe: Recipe) -> str:
    said = text.count(recipe.images)
    if recipe.epochs is not None:
        said += f", {recipe.epochs:.2g} epochs"
    return said + (f", if {recipe.assumed}" if recipe.assumed else "")


def _memory(memory: TrainingMemory, gpu: str) -> str:
    said = f"{text.memory(memory.states_gb)} of states, {text.memory(memory.sample_gb)} a sample; "
    if memory.least_gpus is None:
        return f"{said}no number of {gpu} holds it"
    hold = "holds" if memory.least_gpus == 1 else "hold"
    said += f"{memory.least_gpus} {gpu} {hold} it"
    if memory.gpus == memory.least_gpus:
        return f"{said}, {text.memory(memory.each_gb)} each"
    return f"{said}; {text.memory(memory.each_gb)} on each of {memory.gpus}"


def _time(recipe: Recipe, answer: Forecast) -> str:
    said = f"{text.hours(recipe.gpu_hours)} of one {answer.gpu}"
    if recipe.days is not None:
        said += f"; {text.days(recipe.days)} of {answer.gpus}"
    # Then the line at the top, of the budget, is another time.
    if recipe.flops and any(note.code == OTHERWISE for note in answer.warnings):
        if recipe.days is not None and answer.days is not None:
            more = recipe.days - answer.days
            said += f", {abs(more):.2g} {'more' if more > 0 else 'fewer'} than the budget's"
        said += f": exact FLOPs are {recipe.flops / answer.flops:.2f}× what the law counts"
    if recipe.money is not None:
        said += f"; {text.count(recipe.money)} at {answer.price:g} an hour"
    return said
