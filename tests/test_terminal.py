"""The terminal: help at once, 80 columns, no colour where unwanted, completion, errors."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from report_pages import table

import startup
from ditlaw.cli import run
from ditlaw.cli.app import COMMANDS

EXAMPLES = Path(__file__).parent.parent / "examples"
HEAVY = ("torch", "pandas", "numpy", "scipy", "pydantic", "plotly", "jinja2", "matplotlib", "yaml")


def test_the_help_imports_nothing_heavy():
    program = (
        "import sys; from ditlaw.cli import run\n"
        "assert run(['--help']) == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == "[]\n"


def test_the_benchmarks_peer_has_as_many_commands(tmp_path):
    file = tmp_path / "peer.py"
    file.write_text(startup.peer())
    done = subprocess.run([sys.executable, str(file), "--help"], capture_output=True, text=True)
    listed = done.stdout.partition("Commands:")[2].strip().splitlines()
    assert len(listed) == len(COMMANDS)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return table(tmp_path_factory.mktemp("terminal") / "runs.csv")


def answering(source: Path) -> dict[str, list[str]]:
    """A command line of every command that answers at once, from a table or from nothing."""
    log = source.with_name("log.csv")
    rows = [f"{step},{step * 5e12},{3.5 - step / 1e4}" for step in range(100, 2000, 100)]
    log.write_text("step,flops,loss\n" + "\n".join(rows))
    by_family = f"{EXAMPLES}/three_families.csv"
    return {
        "plan": [f"{EXAMPLES}/three_families.yaml"],
        "fit": [str(source)],
        "forecast": [str(source), "--flops", "1e18", "--size", "3e7"],
        "compare": [by_family, "--by", "family", "--at", "1e12", "2e12"],
        "metrics": [str(source)],
        "shapes": [f"{EXAMPLES}/depth_or_width.csv"],
        "rates": [f"{EXAMPLES}/learning_rates.csv"],
        "audit": [str(source)],
        "laws": [],
        "next": [str(source), "--target", "1e18", "--spend", "1e17"],
        "place": ["published:dit-in-context"],
        "watch": [str(source), str(log), "--flops", "1e16", "--params", "1e6"],
        "report": [str(source), "--out", str(source.parent / "page.html")],
        "import": [str(source), "--out", str(source.parent / "imported.csv")],
        "budget": ["--gpus", "64xh100", "--days", "3"],
        "count": ["--depth", "4", "--family", "flux"],
    }


# They train, measure, write, or read what others made: their own tests look at their tables.
ELSEWHERE = {"demo", "run", "verify", "evaluate", "sample", "time", "encode", "export"}
ELSEWHERE |= {"coordinates", "status", "check", "init"}


def test_no_line_is_longer_than_the_screen(source, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    lines = answering(source)
    assert set(lines) | ELSEWHERE == {command.__name__.rstrip("_") for command in COMMANDS}
    for command, arguments in [*lines.items(), *((name, ["--help"]) for name in lines)]:
        assert run([command, *arguments]) == 0, command
        told = capsys.readouterr()
        assert told.err == ""
        for line in told.out.splitlines():
            whole = len(line) <= 80 or " " not in line.strip()  # a path stays whole
            assert whole, f"{command}: {line}"


def test_in_a_file_each_sentence_keeps_its_line(source, monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run(["fit", str(source)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) > 80


def on_a_terminal(*arguments: str, **env: str) -> tuple[int, str]:
    """Exit code, and what a command prints to a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ditlaw", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=base | {"TERM": "xterm-256color", "COLUMNS": "80", **env},
    )
    os.close(theirs)
    seen = b""
    while select.select([ours], [], [], 120)[0]:
        try:
            more = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not more:
            break
        seen += more
    os.close(ours)
    return process.wait(timeout=60), seen.decode()


def test_no_color_leaves_no_escape_even_on_a_terminal():
    code, coloured = on_a_terminal("place")
    assert code == 0
    assert "\x1b[" in coloured
    code, plain = on_a_terminal("place", NO_COLOR="1", FORCE_COLOR="1")
    assert code == 0
    assert "\x1b" not in plain
    assert plain == re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    code, plain = on_a_terminal("fti", NO_COLOR="1", FORCE_COLOR="1")
    assert (code, "\x1b" in plain) == (2, False)


def completed(*words: str) -> list[str]:
    """What bash would offer for the last word."""
    asked = {"_DITLAW_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    done = subprocess.run(
        [sys.executable, "-m", "ditlaw"],
        capture_output=True,
        text=True,
        env=os.environ | asked | {"COMP_CWORD": str(len(words) - 1)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_shell_completes_commands_options_and_choices():
    assert completed("ditlaw", "fo") == ["forecast"]
    assert completed("ditlaw", "report", "--fig") == ["--figures"]
    assert completed("ditlaw", "fit", "--method", "iso") == ["isoflop"]


def test_completion_is_shown_and_installed_where_bash_finds_it(tmp_path):
    told = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}

    def asked(option: str, shell: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "ditlaw", option, shell]
        return subprocess.run(command, capture_output=True, text=True, env=os.environ | told)

    shown = asked("--show-completion", "bash")
    assert shown.returncode == 0
    assert "_DITLAW_COMPLETE=complete_bash" in shown.stdout
    assert asked("--install-completion", "bash").returncode == 0
    script = tmp_path / ".bash_completions" / "ditlaw.sh"
    bash = shutil.which("bash")
    assert bash
    sourced = f"source {tmp_path}/.bashrc && complete -p ditlaw"
    done = subprocess.run([bash, "-c", sourced], capture_output=True, text=True)
    assert script.exists()
    assert "_ditlaw_completion" in done.stdout
    wrong = asked("--show-completion", "tcsh")
    assert wrong.returncode == 2
    assert len(wrong.stderr.strip().splitlines()) == 1


# Of every command, what is not there, not what it says, or not a number.
BAD: dict[str, list[list[str]]] = {
    "demo": [["--workers", "0"], ["--out", "FILE"]],
    "init": [[], ["FILE"], ["s.yaml", "--target", "nan"], ["s.yaml", "--target", "-1"]],
    "plan": [[], ["none.yaml"], ["BINARY"], ["FILE"], ["."], ["LIST"]],
    "run": [["none.yaml"], ["BINARY"], ["."], ["LIST", "--executor", "moon"]],
    "status": [["none"], ["FILE"], ["."]],
    "import": [
        ["TABLE"],
        ["none.csv", "--out", "x.csv"],
        ["BINARY", "--out", "x.csv"],
        ["FILE", "--out", "x.csv"],
        ["TABLE", "--out", "x.csv", "--columns", "loss"],
    ],
    "fit": [["none.csv"], ["BINARY"], ["."], ["FILE"], ["TABLE", "--metric", "colour"]],
    "forecast": [
        ["TABLE"],
        ["TABLE", "--flops", "nan"],
        ["TABLE", "--flops", "-1"],
        ["TABLE", "--flops", "1e99"],
        ["TABLE", "--flops", "x"],
        ["TABLE", "--gpus", "8xabacus", "--days", "1"],
        ["published:gpt"],
        ["TABLE@family", "--flops", "1e18"],
    ],
    "compare": [["TABLE"], ["TABLE", "none.csv", "--at", "1e17"], ["TABLE", "--by", "colour"]],
    "metrics": [["TABLE", "--metric", "colour"], ["none.csv"]],
    "shapes": [["TABLE"], ["none.csv"], ["TABLE", "--tolerance", "-1"]],
    "rates": [["TABLE"], ["none.csv"], ["TABLE", "--setting", "colour"]],
    "audit": [["none.csv"], ["TABLE", "--level", "2"]],
    "laws": [["please"]],
    "next": [["TABLE"], ["TABLE", "--target", "1e18", "--spend", "much"]],
    "place": [["TABLE", "--model", "nobody"], ["--level", "0.5"]],
    "verify": [["none"], [".", "--flops", "1e18"]],
    "check": [["none.json"], ["BINARY"], ["LIST"]],
    "watch": [["TABLE"], ["TABLE", "none.csv"], ["TABLE", "BINARY"]],
    "report": [["none.csv"], ["TABLE", "--out", "x.pdf"]],
    "encode": [["none", "--out", "c"], ["FILE", "--out", "c", "--size", "big"]],
    "export": [["none", "--out", "c"], [".", "--out", "c", "--to", "paper"]],
    "evaluate": [["none"], ["."], [".", "--samples", "1"]],
    "sample": [["none", "--out", "c"], [".", "--out", "c", "--steps", "0"]],
    "time": [["none"], ["."]],
    "budget": [["--gpus", "many"], ["--gpus", "8xh100"], ["--gpus", "8xh100", "--days", "nan"]],
    "count": [["--depth", "x"], ["--depth", "2", "--latent", "axb"]],
    "coordinates": [["none.yaml"], ["BINARY"], ["LIST", "--widths", "wide"]],
}


def test_bad_lines_are_of_every_command():
    assert set(BAD) == {command.__name__.rstrip("_") for command in COMMANDS}


@pytest.mark.parametrize("command", sorted(BAD))
def test_every_error_is_one_line(command, source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    files = {"TABLE": source, "BINARY": tmp_path / "binary.csv", "FILE": tmp_path / "file"}
    files["LIST"] = tmp_path / "list.yaml"
    files["BINARY"].write_bytes(bytes(range(256)) * 4)
    files["FILE"].write_text("words\n")
    files["LIST"].write_text("- 1\n- 2\n")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for arguments in [*BAD[command], ["--levle"]]:
        spelt = [re.sub("^[A-Z]+", lambda m: str(files.get(m[0], m[0])), a) for a in arguments]
        code = run([command, *spelt])
        told = capsys.readouterr()
        assert code in (2, 3), (arguments, code, told.err)
        assert told.out == "", arguments
        assert len(told.err.splitlines()) == 1, (arguments, told.err)
        assert told.err.startswith("ditlaw: "), arguments
        assert "Traceback" not in told.err
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_ditlaw_alone_is_its_help_and_says_each_command_whole(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    listed = said.out.partition("Commands:")[2].strip().splitlines()
    assert len(listed) == len(COMMANDS)
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
