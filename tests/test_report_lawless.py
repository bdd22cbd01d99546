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


def test_a_shape_study_says_which_ratios_are_within_tolerance(tmp_path):
    text, figures = page("depth_or_width", tmp_path)
    assert "is within 1 % of the best ratio" in text
    assert figures == ["shapes"]


def test_rows_that_compare_nothing_are_refused_as_before(tmp_path):
    table = pd.read_csv(EXAMPLES / "learning_rates.csv")
    alone = table[(table["width"] == 64) & (table["learning_rate"] == 0.008)]
    alone.to_csv(tmp_path / "one.csv", index=False)
    with pytest.raises(Refused, match="usable budgets"):
        write_report(str(tmp_path / "one.csv"), tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
