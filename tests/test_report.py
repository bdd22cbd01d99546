"""The report, as a browser shows it."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ditlaw
from report_pages import HOSTILE, is_sound, shown, table

from ditlaw import text
from ditlaw.data import open_held_out
from ditlaw.data.scenes import VOCABULARY
from ditlaw.errors import BadInput
from ditlaw.laws import fit, load_law, save_law
from ditlaw.observations import load_observations
from ditlaw.report import write_report
from ditlaw.report.axes import log_ticks, ramp, safe
from ditlaw.report.material import default_out, gather
from ditlaw.report.page import embedded, render
from ditlaw.report.pictures import png
from ditlaw.report.words import READINGS
from ditlaw.study import load_study, study_runs
from ditlaw.training.folder import RunFolder
from ditlaw.verification import Frozen, freeze_forecast

SECTIONS = {
    "answer",
    "budgets",
    "isoflop",
    "laws",
    "metrics",
    "evidence",
    "fair",
    "runs",
    "made",
    "paper",
}
OF_A_STUDY = {"checks", "pictures"}
LAWS = {"isoflop", "loss", "params", "tokens"}
OF_DRAWN = {"metrics", "ranks"}


def test_a_table_of_budgets(browser, tmp_path):
    path = table(tmp_path / "rows.csv", seed=3)
    page = shown(browser, path, tmp_path)
    is_sound(page, LAWS | OF_DRAWN)
    assert page.sections() == SECTIONS
    law = fit(load_observations(str(path)))
    best = law.optimum(1e18)
    assert "With 1e18 FLOPs" in page.text
    for number in (best.loss.value, best.loss.low, best.loss.high):
        assert f"{number:.4g}" in page.text
    assert "10× the largest fitted budget" in page.text
    assert law.observations.digest() in page.text
    near = best.near_optimal_params
    assert f"Any size from {text.count(near.low)} to {text.count(near.high)} params" in page.text
    assert "Its frechet will be" in page.text
    assert "isoflop alone" in page.source
    # One set of points and one curve a budget at least, and every row in the table of runs.
    assert page.traces()["isoflop"] >= 10
    assert page.text.count("run-") == 40


@pytest.mark.parametrize("method", ["akima", "envelope", "joint", "surface"])
def test_the_page_of_a_method_says_how_it_reads_the_runs(tmp_path, method):
    law = tmp_path / "rows.law.json"
    save_law(fit(load_observations(str(table(tmp_path / "rows.csv"))), method=method), law)
    html = render(gather(str(law)))
    assert READINGS[method] in html
    assert f"{method} alone" not in html  # its one form is the law itself


def test_a_table_without_budgets(browser, tmp_path):
    page = shown(browser, table(tmp_path / "rows.csv", budgets=False), tmp_path)
    is_sound(page, LAWS | OF_DRAWN)
    assert "the surface at its best sizes" in page.text
    assert "Loss against size" in page.text
    assert "IsoFLOP curves" not in page.text


def test_hostile_names_are_inert(browser, tmp_path):
    path = table(tmp_path / "<img src=x onerror=alert(1)>&'\".csv", HOSTILE)
    page = shown(browser, path, tmp_path)
    is_sound(page, LAWS | OF_DRAWN)
    assert path.name in page.text
    for name in HOSTILE:
        assert name in page.text
    assert "evil.example" not in json.dumps([attrs.get("href") for _, attrs in page.elements])
    # Seven scripts and two blocks of data; a name that closed one would have opened another.
    assert sum(tag == "script" for tag, _ in page.elements) == 9


def checked(folder: Path, flops: float) -> Frozen:
    """A frozen forecast and two checking runs as if trained: one at its forecast, one far off."""
    frozen = freeze_forecast(folder, flops)
    strip = next(folder.glob("runs/*/pictures/*.png"))
    for spec, loss, off in zip(frozen.runs, frozen.losses, (1.0, 3.0), strict=True):
        run = RunFolder(frozen.path.parent / "runs" / spec.id)
        run.create(spec)
        counts, images = spec.counts(), spec.steps * spec.recipe.batch
        run.observe(
            {
                "run": spec.id,
                "budget": flops,
                "steps": spec.steps,
                "params": counts.params,
                "tokens": images * counts.tokens_per_sample,
                "images": images,
                "flops": spec.flops(spec.steps),
                "loss": off * loss.value,
            }
        )
        run.log("done", step=spec.steps, seconds=1.5)
        run.picture(flops).parent.mkdir()
        shutil.copy(strip, run.picture(flops))
    return frozen


def test_a_study_with_its_check(browser, trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained, folder)
    frozen = checked(folder, 1.2e10)
    done = ditlaw("report", folder, "--json")
    assert done.code == 0, done.err
    assert done.json == {"report": str(folder / "report.html"), "figures": []}
    page = browser.shown(folder / "report.html")
    is_sound(page, LAWS | {"check"})
    assert page.sections() == SECTIONS | OF_A_STUDY
    for run, loss in zip(frozen.runs, frozen.losses, strict=True):
        assert run.id in page.text
        for number in (loss.value, loss.low, loss.high):
            assert f"{number:.4g}" in page.text
    assert frozen.digest in page.text
    near, far = (f"{q.value * off:.4g}" for q, off in zip(frozen.losses, (1, 3), strict=True))
    assert f"Two runs then measured {near} and {far}: 1 inside and 1 outside" in page.text
    # Three captions and their true pictures; a row for each of four budgets and two checks.
    assert len(page.having("class", "picture")) == 3 * (1 + 4 + 2)
    words = open_held_out(load_study(folder / "study.yaml").data[0]).read(0, 1).words[0]
    first = " ".join(VOCABULARY[word] for word in words)
    labels = [attrs.get("aria-label") or "" for attrs in page.having("role", "img")]
    assert labels.count(f"Caption 1: {first}") == 1
    assert sum(label.endswith(f": {first}") for label in labels) == 1 + 1 + 4 + 2
    assert (folder / "study.yaml").read_text().strip() in page.text
    # Each row of the run table tells of its own run.
    for spec in [*study_runs(load_study(folder / "study.yaml")), *frozen.runs]:
        row = page.source.split(f'<span class="v">{spec.id}</span></th>', 1)[1].split("</tr>")[0]
        cells = re.findall(r'<span class="v">(.*?)</span>', row)
        assert cells[:2] == [str(spec.seed), text.count(spec.counts().params)]
        assert cells[2] == text.count(spec.steps * spec.recipe.batch)


def test_an_unfinished_study_still_reports(browser, trained, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained, folder)
    shutil.rmtree(sorted((folder / "runs").iterdir())[-1] / "pictures")
    run = sorted((folder / "runs").iterdir())[0]
    log = (run / "log.jsonl").read_text().splitlines()
    (run / "log.jsonl").write_text("\n".join(log[:-1]) + "\n")
    page = shown(browser, folder, tmp_path)
    is_sound(page, LAWS)
    assert page.sections() == SECTIONS | {"pictures"}
    assert "stopped" in page.text


def test_a_saved_law_of_another_metric(browser, tmp_path):
    path = tmp_path / "rows.law.json"
    save_law(fit(load_observations(str(table(tmp_path / "rows.csv"))), metric="frechet"), path)
    page = shown(browser, path, tmp_path)
    is_sound(page, LAWS)
    assert "the frechet of a new run" in page.text
    assert load_law(path).observations.digest() in page.text


def test_rows_can_be_chosen(tmp_path):
    first, second = table(tmp_path / "a.csv", family="one"), table(tmp_path / "b.csv", family="two")
    both = pd.concat([pd.read_csv(first), pd.read_csv(second).eval("loss = 1.1 * loss")])
    both.to_csv(tmp_path / "both.csv", index=False)
    write_report(str(tmp_path / "both.csv"), tmp_path / "compared.html")
    assert "By family" in (tmp_path / "compared.html").read_text()  # no one law holds both
    write_report(str(tmp_path / "both.csv"), tmp_path / "one.html", ["family=one"])
    write_report(f"{tmp_path}/both.csv@family=one", tmp_path / "two.html")
    pages = [(tmp_path / name).read_text() for name in ("one.html", "two.html")]
    assert ["40 used" in page for page in pages] == [True, True]


def test_errors_name_the_file(tmp_path):
    with pytest.raises(BadInput, match=r"absent\.csv"):
        write_report(str(tmp_path / "absent.csv"))
    path = table(tmp_path / "rows.csv")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(BadInput, match="cannot be written"):
        write_report(str(path), tmp_path / "folder.html")


def test_where_a_report_goes(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert default_out(str(trained)) == trained / "report.html"
    assert default_out(f"{trained}@seed=0") == trained / "report.html"
    assert default_out("x/rows.csv") == Path("rows.report.html")
    assert default_out("x/rows.law.json") == Path("rows.report.html")
    assert default_out("published:chinchilla@a=1") == Path("published-chinchilla.report.html")
    table(tmp_path / "rows.csv")
    assert write_report("rows.csv").report == "rows.report.html"
    assert Path("rows.report.html").exists()


def test_embedded_data_is_inert_and_the_same():
    content = {"a": ["</script>", "&<!--\u2028\u2029", float("nan"), 1.25]}
    text = str(embedded(content))
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"a": ["</script>", "&<!--\u2028\u2029", None, 1.25]}
    assert safe("<b>&") == "&lt;b&gt;&amp;"


@pytest.mark.parametrize(
    ("low", "high"), [(1e3, 1e25), (3e10, 3.1e10), (0.2, 0.35), (1, 1.0001), (8e14, 2e18), (2, 30)]
)
def test_ticks_are_few_and_inside(low, high):
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert ticks == sorted(set(ticks))


def test_colours_are_as_many_as_asked():
    assert [len(set(ramp(n))) for n in (0, 1, 7, 20)] == [0, 1, 7, 20]


def test_a_picture_reads_back(tmp_path):
    image = pytest.importorskip("PIL.Image", reason="needs the train extra")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    (tmp_path / "x.png").write_bytes(png(pixels))
    with image.open(tmp_path / "x.png") as read:
        np.testing.assert_array_equal(np.asarray(read), pixels)


def test_it_needs_neither_torch_nor_pillow():
    code = (
        "import sys; sys.modules.update(torch=None, PIL=None); import ditlaw.report.page as page; "
        "page._environment().get_template('report.html.j2')"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
