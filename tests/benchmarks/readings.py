"""One socket table, read by twtop and by the usual tools in turns, while its connections come and go.

What compares is CPU time of the reader in runs that lie together, so that neither the load nor whoever else uses the
machine falls into the figures. Each second brings one turn: a later reading of a monitor that reads once a second, the
unit (a dump without bound sockets, its bytes not looked at), and one contender. Chance decides which of the three comes
first, since the first to walk the table finds it outside of the CPU's caches.

All of them stay away from the load's CPU (`level`). On two cores a pipeline has a single one for all its processes:
that costs it no CPU time, and no more of the clock than its CPU time says.
"""

import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from tests.benchmarks.level import FIRST_PORT, Level, readers_cpus, time_waits
from tests.benchmarks.reading import Reader, Reading
from tests.benchmarks.spans import Contender, Span, command, within
from twtop.runtime.interpreter import after_the_first_frame
from twtop.sources.open_source import open_local, open_source
from twtop.sources.probe import ALL_SOCKETS
from twtop.sources.procfs_source import PROCFS

SS, CAT, PSUTIL = "ss -tanoH", "cat /proc/net/tcp", "psutil.net_connections"
NETSTAT = f"netstat -nat | grep :{FIRST_PORT} | grep TIME_WAIT | wc -l"
COLD = "twtop -1 -o json"
COLD_FILTERED = f"{COLD} -f 'port {FIRST_PORT}'"
BY_PROCFS = "twtop: later reading by --source procfs"

INTERVAL_S = 1.0
LEAST_CALM_S = 3.0
"""So long a turn waits for the second to pass, after another reading if need be."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What lies together: one contender, one later reading and one dump without bound sockets.

    There were `time_wait` when it began, and `made` connections came and went in the seconds that it lasted.
    """

    contender: str
    span: Span
    later: Reading
    unit: Span
    time_wait: int
    made: int
    lasted_s: float


@dataclass(frozen=True)
class Measured:
    """Of each round the first reading of a new twtop, and a turn for each contender."""

    firsts: list[Reading]
    turns: list[Turn]

    @property
    def time_wait(self) -> int:
        return round(statistics.median(turn.time_wait for turn in self.turns))

    @property
    def churn_per_s(self) -> float:
        return sum(turn.made for turn in self.turns) / sum(turn.lasted_s for turn in self.turns)


def contenders() -> dict[str, Contender]:
    """Those that this machine has. A reading by procfs remembers the one before too."""
    found = {
        COLD: command(f"{sys.executable} -m {COLD}"),
        NETSTAT: command(NETSTAT),
        SS: command(SS),
        CAT: command(CAT),
        COLD_FILTERED: command(f"{sys.executable} -m {COLD_FILTERED}"),
        BY_PROCFS: within(Reader(open_source(PROCFS)).read),
        PSUTIL: within(lambda: psutil.net_connections("tcp")),
    }
    return {name: each for name, each in found.items() if name in (COLD, COLD_FILTERED) or _is_here(name)}


def _is_here(name: str) -> bool:
    return name in (BY_PROCFS, PSUTIL) or shutil.which(name.split()[0]) is not None


def measure(level: Level, rounds: int) -> Measured:
    """Run so many rounds on this level."""
    with _on_cpus(readers_cpus()):
        every, source = contenders(), open_local()
        turns = Turns(level, Reader(), within(lambda: source.read(ALL_SOCKETS.without_bound())))
        for name, contender in every.items():
            turns.take(name, contender)  # what is loaded and compiled once is not counted
        after_the_first_frame()  # as in the monitor
        measured = Measured([], [])
        for _ in range(rounds):
            level.await_calm(LEAST_CALM_S)
            measured.firsts.append(Reader().read())
            measured.turns.extend(turns.take(name, contender) for name, contender in every.items())
        return measured


class Turns:
    """Takes turns, each in a calm of the level and INTERVAL_S after the reading before."""

    def __init__(self, level: Level, reader: Reader, unit: Contender) -> None:
        self._level, self._reader, self._unit = level, reader, unit
        self._chance = random.Random(1)
        self._lasts_s: dict[str, float] = {}
        self._read_at = 0.0

    def take(self, name: str, contender: Contender) -> Turn:
        """Take the turn of a contender, and remember how long it takes."""
        self._level.await_calm(LEAST_CALM_S + 1.5 * self._lasts_s.get(name, 0.0))
        if time.monotonic() > self._read_at + 2 * INTERVAL_S:
            self._read()  # so that the next one has to do with the news of a second
        time.sleep(max(0.0, self._read_at + INTERVAL_S - time.monotonic()))
        made, begun, present = self._level.made, time.monotonic(), time_waits()
        span: list[Span] = []
        later: list[Reading] = []
        unit: list[Span] = []
        works: list[Callable[[], object]] = [
            lambda: span.append(contender()),
            lambda: later.append(self._read()),
            lambda: unit.append(self._unit()),
        ]
        self._chance.shuffle(works)
        for work in works:
            work()
        self._lasts_s[name] = time.monotonic() - begun
        return Turn(name, span[0], later[0], unit[0], present, self._level.made - made, self._lasts_s[name])

    def _read(self) -> Reading:
        self._read_at = time.monotonic()
        return self._reader.read()


@contextmanager
def _on_cpus(cpus: set[int]) -> Iterator[None]:
    """Stay on these CPUs, and so does what is started."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
