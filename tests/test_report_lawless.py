"""The page of rows that no one law fits: what they compare, or a refusal."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from ditlaw.errors import Refused
from ditlaw.report import write_report

EXAMPLES = Path(__file__).parent.parent / "examples"


def page(name, tmp_path):
    out = tmp_path / "page.html"
    write_report(str(EXAMPLES / f"{name}.csv"), out)
    text = re.sub(r"\s+", " ", out.read_text())
    figures = re.search(r'<script type="application/json" id="figures">(.*?)</script>', text)
    return text, [figure["id"] for figure in json.loads(figures.group(1))]


def test_several_families_are_set_side_by_side_with_a_checklist(tmp_path):
    text, figures = page("three_families", tmp_path)
    assert "Comparison report" in text
    assert "By family" in text
    assert "Is it fair?" in text
    assert "undecided" in text
    for family in ("cross-attention", "in-context", "mmdit"):
        assert f"Learning rate of each size: {family}, standard" in text
    assert figures == ["compare-family", *(f"rates-learning-rate-{n}" for n in range(3))]
    assert all(f'id="fig-{name}"' in text for name in figures)
    assert "ditlaw compare" in text
    assert "--by family" in text


def test_every_row_is_listed_with_why_it_is_left_out_and_how_it_counts(tmp_path):
    table = pd.read_csv(EXAMPLES / "depth_or_width.csv")
    table.loc[4, "loss"] = None
    table.to_csv(tmp_path / "rows.csv", index=False)
    write_report(str(tmp_path / "rows.csv"), tmp_path / "page.html")
    text = re.sub(r"\s+", " ", (tmp_path / "page.html").read_text())
    runs = text.partition('<section id="runs"')[2].partition("</section>")[0]
    assert runs.count("<tr") == 1 + len(table)
    assert runs.count("left out: loss is not a finite number") == 1
    assert "<dd>85 can be used, 1 left out</dd>" in text
    assert "<dd>as the table&#39;s flops column states them</dd>" in text


def test_each_family_tells_of_its_own_rows(tmp_path):
    text, _ = page("three_families", tmp_path)
    told = re.findall(r"(\d+) of (\d+) rows have a learning rate", text)
    assert len(set(told)) == 3
    assert sum(int(total) for _, total in told) < 792


def test_a_shape_study_says_which_ratios_are_within_tolerance(tmp_path):
    text, figures = page("depth_or_width", tmp_path)
    assert "is within 1 % of the best ratio" in text
    assert figures == ["shapes"]


@pytest.mark.parametrize("name", ["three_families", "depth_or_width"])
def test_no_two_downloads_have_one_name(name, tmp_path):
    text, _ = page(name, tmp_path)
    saved = re.findall(r'data-(?:csv|table)="(.*?)"', text)
    assert len(set(saved)) == len(saved) >= 3


def test_rows_that_compare_nothing_are_refused_as_before(tmp_path):
    table = pd.read_csv(EXAMPLES / "learning_rates.csv")
    alone = table[(table["width"] == 64) & (table["learning_rate"] == 0.008)]
    alone.to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(Refused, match="usable budgets"):
        write_report(str(tmp_path / "one.csv"), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
