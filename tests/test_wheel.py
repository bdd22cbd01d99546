"""The built wheel works alone: every file is in it, and it needs no source tree."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "ditlaw"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        tree.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tree)
    shutil.copytree(PACKAGE, tree / "src" / "ditlaw", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "wheel", "--no-index"]
    command = [*pip, "--no-build-isolation", "--no-deps", "-w", str(folder), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tree)
    return next(folder.glob("*.whl"))


def test_it_holds_every_file_of_the_package(wheel):
    files = {path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*") if path.is_file()}
    wanted = {path.as_posix() for path in files if "__pycache__" not in path.parts}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted
    for kind in (".j2", ".css", ".js", ".json", ".yaml", ".safetensors", "py.typed"):
        assert any(name.endswith(kind) for name in held), kind


def test_it_works_from_another_folder_without_the_source_tree(wheel, tmp_path):
    here, place = tmp_path / "here", tmp_path / "installed"
    here.mkdir()
    zipfile.ZipFile(wheel).extractall(place)  # as pip unpacks a wheel of pure Python
    # -S: no site, whose .pth files would find the source tree; what ditlaw needs comes after it.
    libraries = [path for path in sys.path if path.endswith("-packages")]
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV"))}
    env["PYTHONPATH"] = os.pathsep.join([str(place), *libraries])

    source = f"{ROOT / 'examples' / 'three_families.csv'}@family=in-context"
    lines = [
        ["--version"],
        ["fit", source, "--save", "x.law.json"],
        ["report", "x.law.json"],
        ["init", "study.yaml", "--preset", "paper-small"],
        ["plan", "study.yaml"],
        ["laws"],
        ["place"],
    ]
    program = (
        "import ditlaw, sys; from ditlaw.cli import run\n"
        "print(ditlaw.__file__, *sys.path, sep='\\n')\n"
        f"sys.exit(any([run(line) for line in {lines!r}]))\n"
    )
    command = [sys.executable, "-S", "-P", "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=here)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    assert told[0].startswith(str(place))
    assert str(ROOT / "src") not in told
    for said in ("N* = k·C^a", "report: x.report.html", "dit-in-context", "DiT-XL/2"):
        assert said in done.stdout
    assert (here / "x.report.html").stat().st_size > 1e6
    assert (here / "study.yaml").exists()
