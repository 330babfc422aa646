"""What one run took, and the ways to make one: within this process, or a shell command in a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

SMALL_PARENT = """
import os, subprocess, sys, time
start = time.perf_counter()
process = subprocess.Popen(["sh", "-c", sys.argv[1]], stdout=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
print([used.ru_utime + used.ru_stime, time.perf_counter() - start, used.ru_maxrss * 1024 / 1e6])
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""What a child held at most includes what its parent held when it was forked, so a small one starts it."""

SMALL_MB = 15
"""More than that parent holds."""


@dataclass(frozen=True, slots=True)
class Span:
    """Seconds of CPU time and of the clock. `memory_mb` is the most that one process of it held, 0 within this one."""

    cpu_s: float
    wall_s: float
    memory_mb: float = 0.0


Contender = Callable[[], Span]
"""Runs once."""


class Stopwatch:
    """Adds up the spans of what it times in this process."""

    def __init__(self) -> None:
        self.cpu_s = self.wall_s = 0.0

    def __enter__(self) -> "Stopwatch":
        self.cpu_s -= time.process_time()
        self.wall_s -= time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s += time.perf_counter()
        self.cpu_s += time.process_time()

    @property
    def span(self) -> Span:
        return Span(self.cpu_s, self.wall_s)


def within(work: Callable[[], object]) -> Contender:
    """Work in this process."""

    def run() -> Span:
        with Stopwatch() as watch:
            work()
        return watch.span

    return run


def command(line: str) -> Contender:
    """A shell command whose output is discarded. Raises CalledProcessError where it fails."""

    def run() -> Span:
        small = [sys.executable, "-I", "-S", "-c", SMALL_PARENT, line]
        return Span(*json.loads(subprocess.run(small, check=True, capture_output=True).stdout))

    return run
