"""What the interpreter, malloc and numpy are told, in the order in which it happens.

`python -m tests.benchmarks.runtime` measures each setting against runs without it. The figures here are its medians on
two busy cores, at 100,000 TIME_WAIT unless they say otherwise.
"""

import contextlib
import ctypes
import gc
import mmap
import os
import sys
from typing import NoReturn

from twtop.runtime import unused_modules

M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1
"""Options of glibc's mallopt(3)."""

MOST_IN_HEAP = 1 << 25
"""Bytes of one array: glibc takes no larger M_MMAP_THRESHOLD."""

HEAP, HUGE_PAGE = 15 << 21, 1 << 21
"""Bytes: what a report of 100,000 sockets takes of malloc at most, and a huge page."""

SEARCH_AFTER = 5000, 4, 5
"""New objects, and searches of the younger generation, before each of the three generations is searched.

Each search leaves in the next generation what is on the screen, and that is garbage soon: a line that Textual's Strip
has cut at its own end is in the line's own cache (Strip.divide). The oldest generation is searched every two minutes at
ten readings a second.
"""

SWITCH_S = 0.001
"""How long a thread that computes may keep another one waiting; Python's own value is 0.005."""

FRAMES_PER_S = "240"
"""How often Textual paints at most; its own value is 60."""


def while_loading() -> None:
    """Call this first: numpy reads the number of its threads when it is imported."""
    use_one_thread()
    unused_modules.leave_out()  # saves 8 ms of 150 ms that `twtop -1 -o json` takes of a CPU
    gc.disable()  # saves 7 ms of these


def before_a_single_report() -> None:
    """Let malloc take its memory from huge pages, and keep what is freed: 7,000 page faults take 12 ms of 250."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library, or another system
        libc = ctypes.CDLL(None)
        libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        libc.free.argtypes = [ctypes.c_void_p]
        libc.mallopt(M_MMAP_THRESHOLD, MOST_IN_HEAP)
        libc.mallopt(M_TRIM_THRESHOLD, MOST_IN_HEAP)
        memory = libc.malloc(HEAP)
        first = memory + -memory % HUGE_PAGE
        libc.madvise(first, memory + HEAP - first, mmap.MADV_HUGEPAGE)
        libc.free(memory)


def once_loaded() -> None:
    """Search for garbage again, in a process that goes on."""
    gc.enable()


def before_the_screen() -> None:
    """Call this before Textual is imported, and before other threads begin.

    Textual reads TEXTUAL_… from the environment then, and fails at a THEME, LOG or DRIVER that it cannot use. LINES and
    COLUMNS would count for more than the terminal's own size.
    """
    for name in [name for name in os.environ if name.startswith("TEXTUAL") or name in ("LINES", "COLUMNS")]:
        del os.environ[name]
    os.environ["TEXTUAL_FPS"] = FRAMES_PER_S  # a typed filter is answered in 20 ms, not 42 (at 3,000)
    sys.setswitchinterval(SWITCH_S)  # 95 % of drill-downs are answered within 84 ms, not 134
    share_one_pool()


def after_the_first_frame() -> None:
    """Leave what is loaded by now out of the search for garbage, and search less often. Later calls change nothing.

    What is left out once is never found: a second time, that would be the screen of the moment.
    """
    if gc.get_freeze_count():
        return
    gc.collect()
    gc.freeze()  # the longest search holds the screen for 21 ms, not 33
    gc.collect()  # finds nothing, so that the next one does not wait for a quarter more objects than are frozen
    gc.set_threshold(*SEARCH_AFTER)  # searches take 3 ms of each second, not 10


def use_one_thread() -> None:
    """Keep numpy's algebra, which twtop does not use, from starting threads: unshare(CLONE_NEWUSER) refuses them.

    This saves 38 ms of a CPU at each start too.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def share_one_pool() -> None:
    """Use one pool of memory for all threads to come. glibc makes a pool for each, which keeps what its peak took.

    The monitor takes 132 MB instead of 163 MB.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def end(status: int) -> NoReturn:
    """End the process without taking the interpreter down, which would take 21 ms of a CPU."""
    os._exit(status)
