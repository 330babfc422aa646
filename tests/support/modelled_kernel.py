"""A model of the kernel for loads that last minutes: what it shows in each second, without the wait.

A TIME_WAIT lasts 60 s and is then released at the next move of the timer wheel. A connect() that finds no port fails
and is counted.
"""

import heapq
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tests.support.sock_diag_dump import make_sample, many
from tests.support.timed_loads import PORTS, Load, Said, Seconds
from twtop.analysis.analysis import Analyst
from twtop.dump.timer_wheel import wheel
from twtop.failed_connects import FailedConnects
from twtop.model import MAPPED, Direction, Snapshot
from twtop.sources.decode import decode

LOW = 32_768
START = 1000
SERVER = MAPPED | 10 << 24 | 5


def lives(asked: Seconds, late_s: float = 0.0) -> tuple[Seconds, Seconds, Seconds]:
    """(when each TIME_WAIT began, when it ended, when a connect() failed). The wheel moves `late_s` late."""
    moves = wheel(np.empty(0, np.int32), START - late_s)
    began, ended, failed = list[float](), list[float](), list[float]()
    oldest = 0
    for now in asked.tolist():
        while oldest < len(began) and ended[oldest] <= now:
            oldest += 1
        if len(began) - oldest >= PORTS:
            failed.append(now)
            continue
        began.append(now)
        ended.append(moves.next_s + moves.step_s * (math.floor((now + 60 - moves.next_s) / moves.step_s) + 1))
    return np.array(began), np.array(ended), np.array(failed)


def chosen_ports(began: Seconds, ended: Seconds, first: int = 0) -> NDArray[np.int64]:
    """The local port of each TIME_WAIT: one of the `first` parity as long as there is one, then one of the other.

    connect() begins with the parity of the low end, and bind() with the other one.
    """
    free = [port + PORTS * (port % 2 != first) for port in range(PORTS)]
    heapq.heapify(free)
    held, found = list[tuple[float, int]](), list[int]()
    for begin, end in zip(began.tolist(), ended.tolist(), strict=True):
        while held and held[0][0] <= begin:
            heapq.heappush(free, heapq.heappop(held)[1])
        found.append(heapq.heappop(free))
        heapq.heappush(held, (end, found[-1]))
    return LOW + np.array(found, np.int64) % PORTS


def snapshots(
    asked: Seconds, moments: Seconds, late_s: float = 0.0, counts: bool = True
) -> Iterator[tuple[float, Snapshot]]:
    """What twtop reads at these moments of the load; `counts` says whether it counts what fails."""
    began, ended, failed = lives(asked, late_s)
    lports, before = chosen_ports(began, ended), -math.inf
    for now in moments.tolist():
        there = (began <= now) & (now < ended)
        left = np.maximum(np.round((began[there] + 60 - now) * 250) / 250, 0)
        blocks = []
        if there.any():
            blocks = [many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=lports[there], remaining=left)]
        sample = make_sample(*blocks, at=now, port_range=(LOW, LOW + PORTS - 1), tw_reuse=0)
        lately = failed[(failed > before) & (failed <= now)]
        tenth, count = np.unique(np.floor((lately + START) * 10).astype(np.int64), return_counts=True)
        hi, lo = np.zeros(len(tenth), np.uint64), np.full(len(tenth), SERVER, np.uint64)
        counted = FailedConnects(
            START, START + now, hi, lo, np.zeros(len(tenth), np.uint32), tenth, count.astype(np.int64)
        )
        yield now, replace(decode(sample), failed_connects=counted if counts else None)
        before = now


def said_of(load: Load, moments: Seconds, late_s: float = 0.0) -> Said:
    """What twtop says of a load at these moments."""
    analyst, said = Analyst(), Said(load, [*load.changes], failures=lives(load.asked, late_s)[2].tolist())
    for now, snapshot in snapshots(load.asked, moments, late_s):
        found = analyst.analyse(snapshot)
        for row in np.flatnonzero(found.destinations.direction == Direction.OUTBOUND).tolist():
            full = bool(found.budgets.used[row] >= PORTS)
            said.readings.append((now, float(found.budgets.full_in_s[row]), full))
    return said
