"""Where Samples come from. A source is opened in the thread that reads it; all else is the same downstream."""

from collections.abc import Callable

from twtop.probe import Sample, read_sample

Source = Callable[[], Sample]
"""Reads one Sample; raises CollectError when that fails, and may be called again."""

OpenSource = Callable[[], Source]


def open_local() -> Source:
    """This thread's own network namespace, by sock_diag."""
    return read_sample
