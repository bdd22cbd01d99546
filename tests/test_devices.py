"""From a device's own name to its peak: known, or not known, and never the nearest."""

import pytest

from ditlaw.compute import ACCELERATORS
from ditlaw.compute.devices import SHARE_VARIABLE, device_accelerator, device_share
from ditlaw.errors import BadInput


@pytest.mark.parametrize(
    ("name", "accelerator"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H100 PCIe", "h100-pcie"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100 80GB PCIe", "a100"),
        ("NVIDIA A100-SXM4-40GB", "a100-40gb"),
        ("A100-SXM4-40GB", "a100-40gb"),
        ("NVIDIA GeForce RTX 3090", "rtx3090"),
        ("NVIDIA GeForce RTX 4090", "rtx4090"),
        ("NVIDIA L4", "l4"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA A10", "a10"),
        ("Tesla T4", "t4"),
        ("Tesla V100-SXM2-32GB", "v100"),
        ("AMD Instinct MI300X", "mi300x"),
        ("NVIDIA B200", "b200"),
        ("NVIDIA GB200", "gb200"),
    ],
)
def test_a_device_is_known_by_its_own_name(name, accelerator):
    assert device_accelerator(name) is ACCELERATORS[accelerator]


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA H100 NVL",
        "NVIDIA H200 NVL",
        "NVIDIA H20",
        "NVIDIA H800",
        "NVIDIA GH200 480GB",
        "NVIDIA A100-SXM4-40GB MIG 3g.20gb",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "NVIDIA A100-SXM-64GB",
        "NVIDIA A10G",
        "NVIDIA L40",
        "Tesla V100-PCIE-16GB",
        "NVIDIA GeForce RTX 3090 Ti",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "AMD Instinct MI250X",
        "AMD EPYC 9454 48-Core Processor",
        "Intel(R) Xeon(R) Processor",
        "",
    ],
)
def test_what_has_no_peak_in_the_table_is_not_taken_for_what_has(name):
    assert device_accelerator(name) is None


def test_a_run_has_a_whole_device_unless_told(monkeypatch):
    monkeypatch.delenv(SHARE_VARIABLE, raising=False)
    assert device_share() == 1
    monkeypatch.setenv(SHARE_VARIABLE, "0.25")
    assert device_share() == 0.25


@pytest.mark.parametrize("said", ["0", "-1", "1.5", "nan", "half", ""])
def test_what_is_no_share_of_a_device_is_refused(monkeypatch, said):
    monkeypatch.setenv(SHARE_VARIABLE, said)
    with pytest.raises(BadInput, match=SHARE_VARIABLE):
        device_share()
