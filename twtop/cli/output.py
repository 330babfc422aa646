"""What every subcommand prints by: exit statuses, one line for a complaint, and an output that may be closed."""

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


def printed(work: Callable[[], int]) -> int:
    """The status of work that prints: UNREADABLE where the output cannot be written, DONE where nobody reads on."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where there is no “–” to show, “?” says the same
    try:
        status = work()
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains while it exits
        gone = isinstance(error, BrokenPipeError)
        return DONE if gone else complain(f"cannot write the output: {error.strerror}", UNREADABLE)
    return status
