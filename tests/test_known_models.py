"""Known models: sourced and consistent numbers, and known answers about their place."""

from pathlib import Path

import pytest
from laws_data import best_params, frame, observed
from test_cli import answered

from ditlaw import laws
from ditlaw.cli import run
from ditlaw.errors import BadInput, Refused
from ditlaw.known_models import known_models
from ditlaw.known_models.page import markdown
from ditlaw.known_models.place import place_models
from ditlaw.known_models.table import entries
from ditlaw.published import published_law

PAGE = Path(__file__).parent.parent / "docs" / "known-models.md"
DIT = published_law("dit-in-context")


def test_every_number_has_a_source_or_says_that_it_is_not_known():
    names = [model.name for model in known_models()]
    assert len(set(names)) == len(names) > 20
    for model in known_models():
        assert model.params.source
        assert bool(model.training) == bool(model.training_source) == (model.unknown is None)
        assert (model.basis["tokens"] == "not known") == (model.tokens is None)
        assert model.basis["params"] == "published"


def test_exact_counts_agree_with_what_was_published():
    counted = [model for model in known_models() if model.params_counted]
    assert {model.family for model in counted} == {"adaln", "cross-attention", "mmdit", "flux"}
    for model in counted:
        assert model.params_counted == pytest.approx(model.params.value, rel=0.02), model.name
    # Peebles & Xie's table 4: G multiply-adds of one forward pass.
    published = {
        "S/4": 1.41,
        "S/2": 6.06,
        "B/2": 23.01,
        "L/2": 80.71,
        "XL/4": 29.05,
        "XL/2": 118.64,
    }
    found = {entry.name: entry for entry in entries()}
    for name, macs in published.items():
        counts = found[f"DiT-{name}"].counts(256)
        assert counts.flops_forward / 2e9 == pytest.approx(macs, rel=5e-3), name
    assert found["DiT-XL/2-512"].counts(512).flops_forward / 2e9 == pytest.approx(524.6, rel=5e-3)


def test_images_tokens_and_epochs_add_up():
    found = {model.name: model for model in known_models()}
    xl = found["DiT-XL/2"]
    assert xl.images == 7e6 * 256
    assert xl.tokens == xl.images * 257
    assert xl.epochs == pytest.approx(1400, rel=1e-3)  # as later papers count
    assert found["SiT-XL/2+REPA"].epochs == pytest.approx(800, rel=1e-3)
    pixart = found["PixArt-alpha"]
    assert pixart.images == sum(s.steps * s.batch for s in pixart.training)
    assert [s.tokens for s in pixart.training] == [376, 376, 376, 1144, 4216]
    sd3 = found["SD3-8B"]
    assert sd3.flops_published.value == 5e22
    assert sd3.flops_6nd == pytest.approx(5e22, rel=0.25)
    assert (
        0.3 < sd3.flops_exact / sd3.flops_6nd < 0.4
    )  # modulation and text are not per image token


def test_the_page_has_the_table():
    assert markdown() in PAGE.read_text(), "run 'python -m ditlaw.known_models' into the page"


def test_the_place_of_dit_by_the_diffusion_law():
    xl = place_models(DIT, ["dit-xl/2"]).models[0]
    flops = 6 * xl.model.params_counted * xl.model.tokens
    best = 0.0009 * flops**0.5681
    place = xl.place
    assert place.flops == pytest.approx(flops)
    assert place.params_ratio.value == pytest.approx(xl.model.params_counted / best)
    assert place.tokens_ratio.value == pytest.approx(xl.model.tokens / (186.8535 * flops**0.4319))
    own = (xl.model.params_counted / 0.0009) ** (1 / 0.5681)
    assert place.compute_ratio.value == pytest.approx(flops / own, rel=1e-4)
    assert place.verdict == "over-trained"
    assert place.beyond > 100
    assert place.regret is None
    early = place_models(DIT, ["DiT-XL/2-400k"]).models[0].place
    assert early.verdict == "under-trained"
    assert early.compute_ratio.high < 1 < place.compute_ratio.low


def test_verdicts_agree_with_their_ratios():
    for placed in place_models(DIT).models:
        place = placed.place
        assert (place is None) == (placed.model.tokens is None)
        if place and place.verdict == "over-trained":
            assert place.tokens_ratio.low > 1 > place.params_ratio.high
            assert place.compute_ratio.value > 1
        elif place and place.verdict == "under-trained":
            assert place.tokens_ratio.high < 1 < place.params_ratio.low


def test_a_fitted_law_places_them_on_the_surface_that_it_knows():
    law = laws.fit(observed(frame()), method="surface", draws=50)
    answer = place_models(law, ["DiT-B/2"])
    placed = answer.models[0]
    n, flops = placed.model.params_counted, placed.place.flops
    assert flops == pytest.approx(6 * n * placed.model.tokens, rel=1e-6)
    assert placed.place.params_ratio.value == pytest.approx(n / best_params(flops), rel=1e-3)
    assert best_params(placed.place.best_at.value) == pytest.approx(n, rel=1e-3)
    assert placed.place.regret.value == pytest.approx(law.regret(n, flops).value)
    assert placed.place.verdict == "over-trained"
    # Nothing in that table says what its rows are of.
    assert answer.warnings[0].code == "not-a-dit-law"
    counted = frame().assign(images=lambda rows: rows["tokens"] / 256)
    known = laws.fit(observed(counted), method="surface", draws=50)
    codes = {note.code for note in place_models(known, ["DiT-B/2"]).warnings}
    assert "not-a-dit-law" not in codes


def test_what_cannot_be_placed_is_one_line():
    with pytest.raises(BadInput, match=r"did you mean 'FLUX\.1-dev'"):
        place_models(DIT, ["FLUX.1-de"])
    with pytest.raises(Refused, match="not known"):
        place_models(published_law("dit-cross-attention"))
    with pytest.raises(Refused, match="neither a best size"):
        place_models(published_law("dit-in-context-sparse"))


def test_the_command_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    found = answered(
        "place", "published:dit-in-context", "--model", "DiT-XL/2", "--model", "AuraFlow"
    )
    assert [bool(one["place"]) for one in found["models"]] == [True, False]
    assert {"another-recipe", "places-beyond"} <= {note["code"] for note in found["warnings"]}
    assert run(["place"]) == 0
    assert "DiT-XL/2-400k" in capsys.readouterr().out
    assert run(["place", "published:dit-in-context"]) == 0
    shown = capsys.readouterr().out
    assert "how it was trained is not known: PixArt-Sigma" in shown
    lines = [line.rstrip() for line in shown.partition("how it was")[0].splitlines()]
    assert all(len(line) <= 80 for line in lines)
    assert "\n".join(lines) in PAGE.read_text()
    assert run(["place", "--level", "0.5"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
