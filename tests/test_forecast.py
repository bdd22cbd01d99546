"""A forecast as a recipe: what is built and how, what it takes, and what else would do."""

import io

import numpy as np
import pytest
from laws_data import frame, observed
from rich.console import Console
from test_cli import answered

from ditlaw import laws
from ditlaw.cli import run
from ditlaw.cli.tables import show
from ditlaw.compute import gpu_hours
from ditlaw.errors import BadInput
from ditlaw.families import Geometry, Shape, get_family
from ditlaw.forecasting import Stated, answering_law, forecast
from ditlaw.forecasting.rules import YIN
from ditlaw.results import scaled
from ditlaw.study.schema import Hardware

PAPER = "published:dit-in-context"
EACH = 256  # tokens of an image of the tables here


def codes(answer):
    return {note.code: note.text for note in answer.warnings}


@pytest.fixture(scope="module")
def law():
    data = frame(sd=0.003).assign(images=lambda rows: rows["tokens"] / EACH)
    return laws.fit(observed(data), draws=60)


def test_gpus_and_days_buy_a_recipe_of_the_papers_family():
    found = answered("forecast", PAPER, "--gpus", "64xh100", "--days", 14, "--price", 2.5)
    recipe, (n, d) = found["recipe"], (found[name]["value"] for name in ("params", "tokens"))
    shape = Shape(recipe["depth"], recipe["width"], recipe["heads"])
    assert recipe["width"] == 64 * recipe["depth"]
    assumed = Geometry(32, 32, 4, 2, 120, text_dim=768, pooled_dim=768)
    counts = get_family("in-context").counts(shape, assumed)
    assert recipe["params"] == counts.params == pytest.approx(n, rel=0.05)
    assert recipe["images"] == recipe["steps"] * recipe["batch"]
    assert (recipe["batch"], recipe["learning_rate"]) == (1024, 1e-4)
    assert (recipe["batch_from"], recipe["learning_rate_from"]) == ("paper", "paper")
    # As the law counts FLOPs: params times tokens are what they are at its best size.
    assert recipe["tokens"] * recipe["params"] == pytest.approx(n * d, rel=1e-4)
    assert recipe["flops"] == recipe["images"] * counts.flops_train
    assert recipe["gpu_hours"] == pytest.approx(gpu_hours(recipe["flops"], "h100", 0.4))
    assert recipe["days"] == pytest.approx(recipe["gpu_hours"] / 64 / 24)
    assert found["days"] == pytest.approx(14)
    assert found["money"] == pytest.approx(64 * 14 * 24 * 2.5)
    assert found["mfu_source"] == "assumed"
    # What a sample is was assumed, so images are the recipe's alone.
    assert found["images"] is None
    assert "376 tokens" in recipe["assumed"]
    said = {note["code"]: note["text"] for note in found["warnings"]}
    assert said.keys() >= {"no-regret", "flops-counted-otherwise"}
    assert recipe["epochs"] == pytest.approx(recipe["images"] / 108e6)
    assert "23 epochs of the 108M images" in said["repeated-data"]


def test_what_is_stated_of_a_sample_turns_tokens_into_images():
    stated = Stated(text_tokens=77)
    found = forecast(answering_law(PAPER), 1e21, stated=stated, images=1e8)
    assert found.images == scaled(found.tokens, 1 / (256 + 77))
    assert found.epochs == found.own_images.epochs == scaled(found.images, 1e-8)
    assert found.recipe.assumed is None
    assert found.own_images.once.tokens == pytest.approx(1e8 * 333)
    assert found.own_images.once.loss is None
    other = forecast(answering_law(PAPER), 1e21, stated=Stated(family="mmdit"))
    assert (other.recipe.family, "other-family" in codes(other)) == ("mmdit", True)


def test_only_so_many_images(law):
    flops = 1e20
    need = forecast(law, flops).images.value
    found = forecast(law, flops, images=need / 2)
    assert found.epochs.value == pytest.approx(2)
    assert "saw an image once at most" in codes(found)["repeated-data"]
    once = found.own_images.once
    assert once.images == need / 2
    assert law.tokens_of(once.params, flops) == pytest.approx(need / 2 * EACH, rel=1e-6)
    assert once.params == pytest.approx(2 * found.params.value, rel=0.05)
    assert once.regret == law.regret(once.params, flops)
    enough = forecast(law, flops, images=2 * need)
    assert enough.own_images.once is None
    assert "repeated-data" not in codes(enough)


def test_repeats_that_the_runs_covered_are_not_warned_of():
    data = frame(sd=0.003).assign(images=lambda rows: rows["tokens"] / EACH)
    data["epochs"] = 3 * data["images"] / data["images"].max()
    seen = laws.fit(observed(data), draws=60)
    images = data["images"].max() / 3
    for flops, warned in ((1e19, False), (1e21, True)):
        found = forecast(seen, flops)
        assert found.epochs.value == pytest.approx(found.images.value / images)
        assert (found.epochs.value > 3) == warned
        assert ("repeated-data" in codes(found)) == warned
    assert "saw an image 3 times at most" in codes(found)["repeated-data"]


def test_sizes_nearby_are_told_without_asking(law):
    found = forecast(law, 1e20)
    half, twice = found.nearby
    assert (half.what, twice.what) == ("half N*", "twice N*")
    for size, factor in ((half, 0.5), (twice, 2)):
        asked = law.choice(factor * found.params.value, 1e20)
        assert (size.loss, size.regret) == (asked.loss, asked.regret)
        assert size.regret.value > 0
        assert size.images == pytest.approx(size.tokens / EACH)


def test_a_study_tells_its_shapes_its_settings_and_its_memory(trained):
    found = forecast(answering_law(str(trained)), 1.2e10, gpus=8)
    recipe = found.recipe
    assert (recipe.batch, recipe.batch_from, recipe.learning_rate) == (2, "study", 8e-3)
    assert recipe.rules == []  # none speaks of models that small
    shapes = [near for near in found.nearby if near.shape]
    assert [near.shape for near in shapes] == ["d1w24h2", "d1w32h2"]
    assert shapes[0].params * 1.1 <= recipe.params <= shapes[1].params / 1.1
    assert recipe.regret.value < min(near.regret.value for near in found.nearby)
    assert recipe.memory.least_gpus == 1
    assert "too-small-batch" in codes(found)  # of two samples, for eight GPUs


def test_a_rule_gives_what_its_paper_says_it_gives():
    said = YIN.at(params=1.07e9, tokens=1e10, flops=1e20, per_image=100)
    assert said.batch_tokens == pytest.approx(142e3, rel=2e-3)
    assert said.batch == round(said.batch_tokens / 100)
    assert said.learning_rate == pytest.approx(1.8e-4, rel=0.02)
    assert said.beyond == "N is 4.12× its largest"


def test_a_table_sets_the_batch_and_the_rate_or_a_rule_does(law):
    stated = Stated("adaln", text_tokens=0)
    by_rule = forecast(law, 1e20, stated=stated).recipe
    assert (by_rule.batch_from, by_rule.learning_rate_from) == ("yin-video", "yin-video")
    assert (by_rule.batch, by_rule.learning_rate) == (
        by_rule.rules[0].batch,
        by_rule.rules[0].learning_rate,
    )
    data = frame(sd=0.003).assign(batch=512, learning_rate=lambda rows: rows["params"] ** -0.3)
    told = forecast(laws.fit(observed(data), draws=60), 1e20, stated=stated).recipe
    assert (told.batch, told.batch_from, told.learning_rate_from) == (512, "table", "table")
    assert told.learning_rate == pytest.approx(told.params**-0.3, rel=0.01)


def test_gpus_that_do_not_hold_it_are_named():
    big = forecast(answering_law(PAPER), 3e23, Hardware(gpu="h100"), gpus=4)
    least = big.recipe.memory.least_gpus
    assert f"{least} hold it" in codes(big)["too-few-gpus"]
    assert least > 4
    enough = forecast(answering_law(PAPER), 3e23, Hardware(gpu="h100"), gpus=least)
    assert "too-few-gpus" not in codes(enough)
    assert enough.recipe.memory.each_gb < 80
    small = forecast(answering_law(PAPER), 3e27, Hardware(gpu="t4"))
    assert small.recipe.memory.least_gpus is None
    assert "recipe.checkpointing" in codes(small)["too-little-memory"]


def test_a_target_inside_the_data_is_interpolated_and_said_to_be(law):
    inside = forecast(law, 5e18)
    assert inside.interpolated
    assert inside.fitted_flops == pytest.approx((1e18, 3e19))
    said = str(inside).splitlines()[0]
    assert said == "5e18 FLOPs, inside the fitted 1e18 to 3e19: interpolated"
    outside = forecast(law, 5e19)
    assert not outside.interpolated
    assert "interpolated" not in str(outside)


def test_an_answer_fits_the_screen(law, trained):
    for found in (
        forecast(answering_law(PAPER), 3e22, gpus=64, price=2),
        forecast(law, 1e20, images=1e6, stated=Stated("flux", "24x24x4", text_tokens=112)),
        forecast(answering_law(str(trained)), 1.2e10),
    ):
        console = Console(file=io.StringIO(), width=80)
        show(found, console)
        told = console.file.getvalue()
        table = told[: told.rindex("\n\n")]  # notes are lines that the terminal wraps
        assert "recipe" in table
        assert max(map(len, table.splitlines())) <= 80


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--gpus 64xh100 --days 14 --mfu 1.4", "mfu: 1.4 is not a fraction of the peak"),
        ("--gpus 64xh100 --days -3", "--days: -3 is not a positive number"),
        ("--gpus 64xh10 --days 3", "did you mean 'h100'?"),
        ("--gpus 8xa100-80 --days 3", "did you mean 'a100-80gb'?"),
        ("--gpus h100x64 --days 3", "write it as 64xh100"),
        ("--gpus 64xh100", "--gpus: for how long?"),
        ("--days 3", "--days: of which GPUs?"),
        ("--flops 1e21 --gpus 64xh100 --days 3", "give one of"),
        ("--flops 1e21 --price 0", "--price: 0 is not a positive number"),
        ("--flops 1e21 --images nan", "--images: nan is not a positive number"),
        ("--flops 1e21 --images 1e8", "the tokens of one image are not known"),
        ("--flops 1e21 --family mmdi", "did you mean 'mmdit'?"),
        ("--flops 1e21 --patch 3", "--patch: 3 does not divide"),
        ("--flops 1e21 --family mmdit --text-tokens 0", "--text-tokens: mmdit reads text"),
    ],
)
def test_what_cannot_be_meant_is_one_line(capsys, asked, said):
    assert run(["forecast", PAPER, *asked.split()]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_what_is_stated_must_be_the_laws_own(law, trained):
    with pytest.raises(BadInput, match="make 376 tokens of an image; those of table"):
        forecast(law, 1e20, stated=Stated("in-context"))
    with pytest.raises(BadInput, match="is of a study, which says these itself"):
        forecast(answering_law(str(trained)), 1e10, stated=Stated(patch=2))
    with pytest.raises(BadInput, match="add --family"):
        forecast(law, 1e20, stated=Stated(latent="32x32x4"))
    for field in ("price", "images"):
        with pytest.raises(BadInput, match=f"{field}: .* is not a positive number"):
            forecast(law, 1e20, **{field: np.nan})
