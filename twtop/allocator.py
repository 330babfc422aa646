"""glibc's malloc. Each thread has a pool of its own there, and each pool keeps what its largest moment took."""

import contextlib
import ctypes

M_ARENA_MAX = -8


def share_one_pool() -> None:
    """One pool for all threads to come; elsewhere than in glibc nothing changes."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
