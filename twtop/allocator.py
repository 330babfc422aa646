"""The memory of a process that runs for long: malloc's pools, and Python's search for garbage."""

import contextlib
import ctypes
import gc

M_ARENA_MAX = -8


def share_one_pool() -> None:
    """One pool for all threads to come: glibc has one for each, and each keeps what its largest moment took.

    Elsewhere than in glibc nothing changes.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def spare_what_is_loaded() -> None:
    """Leave out what is there now when garbage is searched for: modules and style sheets take 25 ms each time."""
    gc.collect()
    gc.freeze()
