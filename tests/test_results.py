"""docs/results.md: its studies load, its tables give its numbers, its forecasts came first."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ditlaw.cli import run
from ditlaw.laws.settings import keep_best
from ditlaw.observations import load_observations
from ditlaw.study import load_study, study_runs
from ditlaw.tuning.answer import rates_of
from ditlaw.tuning.law import fit_law
from ditlaw.verification import check_frozen
from ditlaw.verification.frozen import FORECAST_FILE, read_frozen

ROOT = Path(__file__).parent.parent
DOCS, VERIFIED = ROOT / "docs", ROOT / "examples" / "verified"
PAGE = (DOCS / "results.md").read_text()
STUDIES = {
    row.split("|")[1].strip(): row
    for row in PAGE.split("## The studies")[1].split("\n## ")[0].splitlines()
    if re.match(r"\| \d", row)
}
PRINTED = [
    (command, lines)
    for block in re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for command, lines in re.findall(r"^\$ ditlaw (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
FROZEN = re.findall(r"^python (examples/verify_table\.py (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
# Of the forecasts kept beside the page: the table that each was made from.
TABLES = {
    "quickstart": "quickstart",
    "dense": "dense_or_sparse",
    "sparse": "dense_or_sparse",
    "24px": "two_token_counts",
    "mmdit": "three_families",
    "cross-attention": "three_families",
    "in-context": "three_families",
    "rates": "learning_rates",
    "shapes": "depth_or_width",
}
NUMBER = re.compile(r"[−+-]?\.?\d[.\d]*(?:e[+-]?\d+)?")
TOLERANCE = 0.02  # relative, beside one of the last digit: other versions of NumPy round otherwise


def links(row: str) -> list[Path]:
    return [(DOCS / target).resolve() for target in re.findall(r"\]\((?!http)([^)#]+)\)", row)]


def words(line: str) -> list[str]:
    """A printed line as words and numbers, without what brackets them."""
    return re.findall(rf"{NUMBER.pattern}|[^\s\d\[\],()%×]+", line)


def alike(page: str, printed: str) -> bool:
    """Whether two words are the same, or two numbers within the tolerance."""
    if not (NUMBER.fullmatch(page) and NUMBER.fullmatch(printed)):
        return page == printed
    stated, found = (float(word.replace("−", "-")) for word in (page, printed))
    decimals = page.partition("e")[0].partition(".")[2]
    digit = 1.01 * 10.0 ** -len(decimals) if decimals and "e" not in page else 0.0
    return found == pytest.approx(stated, rel=TOLERANCE, abs=digit)


def says(line: str, printed: list[list[str]]) -> bool:
    stated = words(line)
    return any(len(stated) == len(found) and all(map(alike, stated, found)) for found in printed)


def test_six_studies_each_have_their_file_and_their_rows():
    assert len(STUDIES) >= 6
    for row in STUDIES.values():
        files = links(row)
        studies = [path for path in files if path.suffix == ".yaml"]
        tables = [path for path in files if path.suffix == ".csv"]
        assert studies
        assert tables
        assert all(study_runs(load_study(path)) for path in studies)
        assert all(path.stat().st_size < 500_000 for path in tables)


@pytest.mark.parametrize(("command", "lines"), PRINTED, ids=[command for command, _ in PRINTED])
def test_the_page_prints_what_the_command_prints(command, lines, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("COLUMNS", raising=False)  # each sentence keeps its line
    run(shlex.split(command))
    printed = [words(line) for line in capsys.readouterr().out.splitlines()]
    assert printed
    for line in lines.splitlines():
        assert line == "…" or not line.strip() or says(line, printed), line


@pytest.mark.parametrize("name", sorted(path.name for path in VERIFIED.iterdir()))
def test_a_kept_forecast_is_sound_and_of_the_rows_beside_it(name):
    check = check_frozen(VERIFIED / name)
    assert check.sound, [each for each in check.checks if each.state == "not met"]
    assert check.runs, "no checking run is kept with it"
    frozen = read_frozen(VERIFIED / name / "forecast.json")
    rows = load_observations(str(ROOT / "examples" / f"{TABLES[name]}.csv"), frozen.where)
    assert keep_best(rows).digest() == frozen.data_digest


def test_the_table_counts_the_checks_as_they_were():
    for row in STUDIES.values():
        found = re.search(r"(\d+) of (\d+) inside", row)
        kept = [check_frozen(path) for path in links(row) if path.name == FORECAST_FILE]
        runs = [run for check in kept for run in check.runs]
        assert bool(found) == bool(runs)
        if found:
            assert [*map(int, found.groups())] == [sum(run.inside for run in runs), len(runs)]


@pytest.mark.parametrize("command", FROZEN, ids=lambda command: command.split("verified/")[1])
def test_the_commands_freeze_what_is_kept(command, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    script, table, study, flops, kept, *options = shlex.split(command.replace("\\\n", ""))
    spec = importlib.util.spec_from_file_location("verify_table", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked = module.arguments().parse_args([table, study, flops, str(tmp_path), *options])
    again, before = module.frozen_forecast(asked), read_frozen(Path(kept) / "forecast.json")
    assert again.runs == before.runs
    for new, old in zip(again.losses, before.losses, strict=True):
        assert (new.value, new.low, new.high) == pytest.approx((old.value, old.low, old.high), 1e-2)


def test_the_foretold_rates_are_the_laws():
    source = ROOT / "examples" / "learning_rates"
    law = fit_law(rates_of(f"{source}.csv").groups[0].optima)
    far = study_runs(load_study(Path(f"{source}_far.yaml")))[0]
    foretold = re.search(r"\*\*(\S+ \[.*\]) at 4.8e11\s+and (\S+ \[.*\]) at 9.6e11\*\*", PAGE)
    for said, stop in zip(foretold.groups(), far.stops[1:], strict=True):
        tokens = stop.step * far.recipe.batch * far.geometry.geometry().tokens
        draws = np.exp(law.log_setting(np.log(far.counts().params), np.log(tokens)))
        again = [draws[0], *np.quantile(draws, (0.05, 0.95))]
        assert again == pytest.approx([float(x) for x in re.findall(r"[.\d]+", said)], rel=0.03)


def test_a_table_cannot_be_verified_by_runs_that_its_study_lacks():
    asked = "three_families.csv three_families.yaml 9.6e11 out --where family=mmdit --rate 1"
    done = subprocess.run(
        [sys.executable, "verify_table.py", *asked.split()],
        cwd=ROOT / "examples",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "give --where and --rate" in done.stderr
