"""How every subcommand prints: exit statuses, complaints of one line, and an output that may be closed."""

import contextlib
import os
import sys
from collections.abc import Callable

DONE, UNREADABLE, USAGE = 0, 1, 2
"""Exit statuses: done, the kernel could not be read (or the output not be written), bad usage."""


class OutputError(Exception):
    """stdout cannot be written to. The cause is the OSError that says why."""


def complain(message: str, status: int) -> int:
    """Print one line on stderr and return the status, also where nobody can be told: stderr may be full or closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"twtop: {message}", file=sys.stderr)
    return status


def show(text: str) -> None:
    """Print a text on stdout at once. Raises OutputError."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise OutputError from error


def printed(command: Callable[[], int]) -> int:
    """Run something that prints by `show` and returns its exit status.

    The status is UNREADABLE if the output cannot be written, and DONE if its reader has closed it.
    """
    try:
        return command()
    except OutputError as lost:
        error = lost.__cause__
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains as it exits
        if isinstance(error, BrokenPipeError):
            return DONE
        return complain(f"cannot write the output: {getattr(error, 'strerror', None) or error}", UNREADABLE)
