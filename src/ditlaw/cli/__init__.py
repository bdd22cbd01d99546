"""The command line: each command parses, calls one function, prints. ``main`` maps errors."""

import io
import signal
import sys

INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> None:
    """Run ``ditlaw``; every expected error is one line on standard error and an exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an ASCII terminal gets "?" for "µ"
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code (see docs/commands.md)."""
    import typer

    from ditlaw.cli.app import app
    from ditlaw.errors import DitlawError

    try:
        code = app(arguments or ["--help"], prog_name="ditlaw", standalone_mode=False)
    except DitlawError as error:
        return _say(str(error), error.exit_code)
    except typer.TyperException as error:
        return _say(error.format_message().replace("Value error, ", ""), 2)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:  # a full disk, a folder without permission
        return _say(f"{error.filename or 'a file'}: {error.strerror or error}", 2)
    if code == INTERRUPTED:  # Typer turns an interrupt into this code by itself
        return _say("interrupted; repeat the command to resume", INTERRUPTED)
    return code if isinstance(code, int) else 0


def _say(message: str, code: int) -> int:
    line = " ".join(message.split())
    sys.stderr.write(f"ditlaw: {line}\n")
    return code
