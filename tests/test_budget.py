"""GPU time and FLOPs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ditlaw.compute import ACCELERATORS, budget, get_accelerator, gpu_hours, parse_gpus
from ditlaw.errors import BadInput


def test_a_known_answer():
    """256 H100 for 21 days at 40 %: 256 · 989.4e12 · 0.4 · 21 · 86400."""
    bought = budget("256xh100", days=21, mfu=0.4)
    assert bought.flops == pytest.approx(1.8383e23, rel=1e-4)
    assert bought.gpu_hours == pytest.approx(256 * 21 * 24)


@given(
    st.sampled_from(sorted(ACCELERATORS)),
    st.integers(1, 10000),
    st.floats(0.01, 1000),
    st.floats(0.05, 1),
)
def test_there_and_back(gpu, number, days, mfu):
    there = budget(f"{number}x{gpu}", days=days, mfu=mfu)
    back = budget(f"{number}x{gpu}", flops=there.flops, mfu=mfu)
    assert back.days == pytest.approx(days)
    assert back.gpu_hours == pytest.approx(number * days * 24)
    assert gpu_hours(there.flops, gpu, mfu) == pytest.approx(back.gpu_hours)


def test_every_accelerator_has_its_source():
    for device in ACCELERATORS.values():
        assert device.source
        assert 0 < device.peak_tflops < 5000
        assert 0 < device.memory_gb < 400


@pytest.mark.parametrize("name", ["H100", " h100 ", "RTX 4090", "tpu_v5p", "TPU v5p", "H100 PCIe"])
def test_names_forgive_case_and_spaces(name):
    assert get_accelerator(name).name in ACCELERATORS


def test_one_gpu_needs_no_count():
    assert parse_gpus("a100")[0] == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (dict(gpus="8xh10", days=1), "did you mean"),
        (dict(gpus="8xabacus", days=1), "gpu: 'abacus' is unknown; known:"),
        (dict(gpus="0xh100", days=1), "1 or more"),
        (dict(gpus="-3xh100", days=1), "1 or more"),
        (dict(gpus="", days=1), "64xh100"),
        (dict(gpus="9" * 400 + "xh100", days=1), "number of GPUs"),
        (dict(gpus="h100", days=1e308), "days"),
        (dict(gpus="h100", flops=1e300), "flops"),
        (dict(gpus="h100", days=-1), "days"),
        (dict(gpus="h100", days=float("nan")), "days"),
        (dict(gpus="h100", flops=0), "flops"),
        (dict(gpus="h100", days=1, mfu=1.2), "mfu"),
        (dict(gpus="h100", days=1, mfu=0), "mfu"),
        (dict(gpus="h100"), "either"),
        (dict(gpus="h100", days=1, flops=1e20), "either"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(BadInput, match=said):
        budget(**call)
