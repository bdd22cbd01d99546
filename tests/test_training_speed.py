"""The benchmark of whole training steps runs, at a size for a CPU, and says what it should."""

import re

import pytest

import training_speed

pytestmark = pytest.mark.slow


def test_a_line_compares_ours_with_diffusers(capsys):
    training_speed.main(["--families", "mmdit", "--sizes", "tiny", "--seconds", "0.05"])
    last = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(
        r"mmdit tiny: ditlaw ([\d,]+) images/s \(batch 4\), .+ of matmul \(.+\); "
        r"diffusers ([\d,]+) images/s \(batch 4\), ratio ([\d.]+)x",
        last,
    )
    assert found, last
    ours, theirs, ratio = (float(value.replace(",", "")) for value in found.groups())
    assert ratio == pytest.approx(ours / theirs, rel=0.2)
