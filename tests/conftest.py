"""Shared parts: a study small enough to train in seconds, and the command line as a function."""

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).parent.parent / "examples"
TINY = (EXAMPLES / "tiny.yaml").read_text()


def tiny_text(**changes) -> str:
    """The tiny study with some of its sections replaced."""
    return yaml.safe_dump(yaml.safe_load(TINY) | changes, sort_keys=False)


@dataclass
class Finished:
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        return json.loads(self.out)


def ditlaw(*arguments, cwd: Path | None = None) -> Finished:
    """Run the real command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-m", "ditlaw", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def checkpoints_of(folder):
    """The checkpoints of a run's folder."""
    from ditlaw.training.checkpoint import Checkpoints

    return Checkpoints(folder.checkpoints, folder.spec().trains_as())


@pytest.fixture(scope="module")
def browser():
    """A Chromium for one file of tests: its driver would be in the way of other event loops."""
    from browser import chromium

    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory) -> Path:
    """The page of a table whose every text is a user's at their worst."""
    from report_pages import hostile_page

    return hostile_page(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A folder in which the tiny study has been trained, once for all tests that only read it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "study.yaml").write_text(TINY)
    done = ditlaw("run", folder / "study.yaml", "--out", folder / "tiny")
    assert done.code == 0, done.err
    return folder / "tiny"


@pytest.fixture(scope="session")
def noisy():
    """A law fitted to two noisy seeds a size of a known surface."""
    from laws_data import observed

    from ditlaw import laws

    return laws.fit(observed(sd=0.005, seeds=2, seed=3))


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes the user's module where the current folder is; returns what makes a family of it."""
    from own_cases import SOURCE

    from ditlaw.families import get_family

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    names = []

    def write(here: str = "", more: str = "", attribute: str = "Mine", **options):
        name = f"mine_{abs(hash((str(tmp_path), len(names))))}"
        (tmp_path / f"{name}.py").write_text(SOURCE.replace("HERE", here) + more)
        importlib.invalidate_caches()
        names.append(name)
        return get_family(f"{name}:{attribute}", options)

    yield write
    for name in names:
        sys.modules.pop(name, None)
