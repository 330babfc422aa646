"""What the interpreter, malloc and numpy are told, in the order in which it happens.

`python -m tests.benchmarks.runtime` measures each setting against a run without it.
"""

import contextlib
import gc
import os
import sys
from typing import NoReturn

M_ARENA_MAX = -8
"""The option of glibc's mallopt(3)."""

SEARCH_AFTER = 5000, 4, 250
"""New objects, and searches of the younger generation, before each of the three generations is searched."""

SWITCH_S = 0.001
FRAMES_PER_S = "240"


def while_loading() -> None:
    """Call this first: numpy reads the number of its threads when it is imported."""
    use_one_thread()
    gc.disable()


def once_loaded() -> None:
    """For a process that goes on."""
    gc.enable()


def before_the_screen() -> None:
    """Before Textual is imported, which reads TEXTUAL_FPS then, and before other threads begin."""
    os.environ.setdefault("TEXTUAL_FPS", FRAMES_PER_S)
    sys.setswitchinterval(SWITCH_S)
    share_one_pool()


def after_the_first_frame() -> None:
    """Leave out of the search for garbage what is loaded by now, and search less often through what stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SEARCH_AFTER)


def use_one_thread() -> None:
    """Keep numpy's algebra, which twtop does not use, from starting threads: unshare(CLONE_NEWUSER) refuses them."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def share_one_pool() -> None:
    """One pool of memory for all threads to come. glibc makes a pool for each, which keeps what its peak took."""
    import ctypes  # a report does without

    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def end(status: int) -> NoReturn:
    """End the process without taking the interpreter down."""
    os._exit(status)
