"""Where Samples come from. A source is opened in the thread that reads it; all else is the same downstream."""

from collections.abc import Callable
from functools import partial

from twtop.probe import Ask, Room, Sample, read_sample

Source = Callable[[Ask], Sample]
"""Reads one Sample, of the sockets that are asked for or of more; raises CollectError when that fails, and may be
called again. The bytes of a sample may be gone with the next one."""

OpenSource = Callable[[], Source]


def open_local() -> Source:
    """This thread's own network namespace, by sock_diag."""
    return partial(read_sample, "/proc", room=Room())
