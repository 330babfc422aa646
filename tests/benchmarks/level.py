"""A steady number of real TIME_WAIT in this network namespace, whose connections come and go while it is read.

Each TIME_WAIT stands for a minute, so a table that stays at its level gets as many as it loses at every moment only if
it got as many a minute before. The load therefore plays the same minute again and again: where the churn alone cannot
hold the level, it begins with a phase in which the others are made, and then comes the calm, in which connections come
and go at the rate of the churn. What is measured is measured in the calm.

What this costs must not count as a reader's: the load has processes of its own, and in the calm they stay on the last
CPU, where both ends of each connection are handled. A reader stays on the others (`readers_cpus`). While the last
CPU is idle the kernel may let another one end TIME_WAIT whose time has come.
"""

import itertools
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_int64
from dataclasses import dataclass
from pathlib import Path

from tests.support.in_namespace import sysctl
from twtop.demo.load import ConnectStats, Server, Stream, client_closes, connect, run
from twtop.demo.private_netns import add_local_network, die_with_parent

LIFE_S = 61.0
"""How long a TIME_WAIT stands on average: 60 s and half a step of its timer."""

SMEAR_S = 2.0
"""So much sooner or later it ends."""

CHURN_PER_S = 1500
FILL_S, FILL_PER_S = 25.0, 25_000
"""How long the phase before the calm takes at least, and how many connections a second it makes at most."""

HASTE = 1.25
"""That phase makes them so much sooner, where the machine can. Two idle cores make 35,000 a second."""

PORTS, ADDRESSES = 20, 250
"""5,000 destinations: this many listening ports on this many addresses."""

FIRST_PORT = 443
PROCESSES = 2
LACK = 0.1
"""Share of the level that may be missing. Tables tell how many there were."""


def time_waits() -> int:
    """How many there are, by sockstat."""
    words = Path("/proc/self/net/sockstat").read_text().split()
    return int(words[words.index("tw") + 1])


def readers_cpus() -> set[int]:
    """All CPUs but the last, which is the load's; on a machine with a single one both share it."""
    usable = os.sched_getaffinity(0)
    return usable - {max(usable)} or usable


@dataclass(frozen=True)
class Schedule:
    """The connections per second that hold `count` TIME_WAIT. Moments are in seconds since the load began."""

    count: int

    @property
    def churn_per_s(self) -> float:
        return min(CHURN_PER_S, self.count / LIFE_S)

    @property
    def fill_s(self) -> float:
        """How long each minute's first phase takes; 0 where the churn holds the level by itself."""
        missing = self.count - LIFE_S * self.churn_per_s
        return max(FILL_S, missing / (FILL_PER_S - self.churn_per_s)) if missing >= 1 else 0.0

    @property
    def phases(self) -> list[tuple[float, float, bool]]:
        """(connections per second, seconds, whether it is the calm) of each phase of a minute."""
        calm_s, churn = LIFE_S - self.fill_s, self.churn_per_s
        filling = [((self.count - churn * calm_s) / self.fill_s, self.fill_s, False)] if self.fill_s else []
        return [*filling, (churn, calm_s, True)]

    @property
    def longest_s(self) -> float:
        """How long a calm is."""
        return LIFE_S - self.fill_s - 2 * SMEAR_S if self.fill_s else math.inf

    def left_s(self, moment: float) -> float:
        """How long the calm lasts from this moment on; 0 while there is none."""
        if moment < LIFE_S + self.fill_s + SMEAR_S:  # the level is not reached yet
            return 0.0
        if not self.fill_s:
            return math.inf
        phase = moment % LIFE_S
        return max(0.0, LIFE_S - SMEAR_S - phase) if phase >= self.fill_s + SMEAR_S else 0.0


class Level:
    """Processes that make connections by a Schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        fork = multiprocessing.get_context("fork")
        self._made = [fork.RawValue(c_int64) for _ in range(PROCESSES)]
        self._began = time.monotonic()
        self._load = [
            fork.Process(target=_play, args=(schedule, self._began, number, made, os.getpid()))
            for number, made in enumerate(self._made)
        ]
        for process in self._load:
            process.start()

    @property
    def made(self) -> int:
        """How many connections were made so far."""
        return sum(made.value for made in self._made)

    def left_s(self) -> float:
        """How long the calm lasts from now on; 0 while there is none."""
        return self.schedule.left_s(time.monotonic() - self._began)

    def await_calm(self, seconds: float = 1.0, wait: Callable[[float], object] = time.sleep) -> None:
        """Wait until the calm lasts so many seconds more, or as many as it can. `wait` passes the time."""
        while self.left_s() < min(seconds, self.schedule.longest_s - 1):
            wait(0.05)

    def close(self) -> None:
        for process in self._load:
            process.kill()
            process.join()


@contextmanager
def held(wanted: int) -> Iterator[Level]:
    """Bring this namespace to so many TIME_WAIT, which takes a minute, and keep them there while some come and go.

    Raises RuntimeError where the machine is too slow for it.
    """
    add_local_network("10.0.0.0", 8)
    sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    sysctl("net.ipv4.tcp_max_tw_buckets", 2 * wanted + 1000)
    level = Level(Schedule(wanted))
    try:
        level.await_calm()
        if (present := time_waits()) < wanted * (1 - LACK):
            raise RuntimeError(f"this machine is too slow or too busy: {present:,} TIME_WAIT of {wanted:,}")
        yield level
    finally:
        level.close()


def _play(schedule: Schedule, began: float, number: int, made: c_int64, parent: int) -> None:
    """Make this process's share of the connections, minute by minute, until it is killed."""
    die_with_parent(parent)
    cpus = sorted(os.sched_getaffinity(0))
    stats, ports = ConnectStats(), PORTS // PROCESSES
    servers = [Server(("0.0.0.0", FIRST_PORT + ports * number + i)) for i in range(ports)]

    def step() -> None:
        place = stats.calls % (ports * ADDRESSES)
        client_closes(connect(servers[place % ports], stats, to=f"10.0.0.{1 + place // ports}"))
        made.value = stats.done

    end = began
    for per_s, seconds, is_calm in itertools.cycle(schedule.phases):
        os.sched_setaffinity(0, {cpus[-1 if is_calm else number % len(cpus)]})
        end += seconds
        own, haste = per_s / PROCESSES, 1.0 if is_calm else HASTE
        for _ in run([Stream(own * haste, step)], end - time.monotonic(), steps=math.ceil(own * seconds)):
            pass
        time.sleep(max(0.0, end - time.monotonic()))
