"""How every subcommand prints: exit statuses, complaints of one line, and an output that may be closed."""

import io
import os
import sys
from collections.abc import Callable

DONE, UNREADABLE, USAGE = 0, 1, 2
"""Exit statuses: done, the kernel could not be read (or the output not be written), bad usage."""


def complain(message: str, status: int) -> int:
    """Print one line on stderr and return the status."""
    if sys.stderr is not None:  # closed by whoever started twtop
        print(f"twtop: {message}", file=sys.stderr)
    return status


def printed(command: Callable[[], int]) -> int:
    """Run something that prints and returns its exit status.

    The status is UNREADABLE if the output cannot be written, and DONE if its reader has closed it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # an encoding without “–” shows “?”
    try:
        status = command()
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # otherwise Python complains as it exits
        gone = isinstance(error, BrokenPipeError)
        return DONE if gone else complain(f"cannot write the output: {error.strerror}", UNREADABLE)
    return status
