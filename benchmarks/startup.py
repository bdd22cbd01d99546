"""How long ``ditlaw --help`` takes beside a bare Typer application of as many commands.

The peer has the same names and one line of help each, no options, nothing else imported. Both are
processes of their own, run in turn; medians of one run.

    OMP_NUM_THREADS=1 python benchmarks/startup.py
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ditlaw.cli.app import COMMANDS

PEER = """import typer

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
"""
COMMAND = '''

@app.command({name!r})
def {name}_():
    """{help}"""
'''
GOAL = 2.5


def peer() -> str:
    """The source of the bare application."""
    commands = [
        COMMAND.format(name=command.__name__.rstrip("_"), help=(command.__doc__ or "").strip())
        for command in COMMANDS
    ]
    return PEER + "".join(commands) + "\n\napp()\n"


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "peer.py"
        file.write_text(peer())
        programs = {
            "bare Typer": [sys.executable, str(file), "--help"],
            "ditlaw": [sys.executable, "-m", "ditlaw", "--help"],
        }
        taken: dict[str, list[float]] = {name: [] for name in programs}
        for turn in range(rounds + 1):
            for name, command in programs.items():
                took = seconds(command)
                if turn:  # the first fills the caches
                    taken[name].append(took)
    bare, own = (statistics.median(taken[name]) for name in programs)
    print(
        f"{len(COMMANDS)} commands, {rounds} rounds: ditlaw --help {own * 1e3:.0f} ms, "
        f"bare Typer {bare * 1e3:.0f} ms, ratio {own / bare:.2f} (goal: at most {GOAL})"
    )


if __name__ == "__main__":
    main()
