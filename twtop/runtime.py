"""The memory of a process that runs for long: malloc's pools, and Python's search for garbage."""

import contextlib
import ctypes
import gc

M_ARENA_MAX = -8
SEARCH_AFTER = 5000, 4, 250
"""New objects, and searches of the younger generation, before each of the three generations is searched."""


def share_one_pool() -> None:
    """One pool for all threads to come: glibc has one for each, and each keeps what its largest moment took.

    Elsewhere than in glibc nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def spare_what_is_loaded() -> None:
    """Leave out what is there now when garbage is searched for: modules and style sheets take 25 ms each time. And look
    less often through what has come since and stays, which takes 10 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SEARCH_AFTER)
