"""Errors that a user sees: one line each, with the exit code that scripts rely on."""


class DitlawError(Exception):
    """Base of every error that is shown to the user as one line.

    The message names the file, field or row, says what is wrong, and how to mend it.
    """

    exit_code = 1


class BadInput(DitlawError):
    """The input or the usage is wrong (exit 2)."""

    exit_code = 2


class Refused(DitlawError):
    """The evidence or a stated limit does not allow an answer (exit 3)."""

    exit_code = 3


class Held(Refused):
    """Another process is at work where this one would be (exit 3)."""


class RunsFailed(DitlawError):
    """A sweep ended with failed runs (exit 4)."""

    exit_code = 4


def reason_of(error: Exception) -> str:
    """Any error in one line."""
    said = str(error) if isinstance(error, DitlawError) else f"{type(error).__name__}: {error}"
    return said.splitlines()[0] if said else type(error).__name__
