"""How many TIME_WAIT begin and end per second, by the kernel's counters and by the socket table.

The kernel counts timewait objects, and a closed FIN_WAIT2 is one too. It is counted when it begins. It is not counted
again when it becomes a TIME_WAIT, nor when its own timer ends it (inet_twsk_schedule, inet_twsk_reschedule). The kernel
also releases in bursts what has run out. Where the table shows timers, this file therefore counts a TIME_WAIT as ended
when its minute is over, and never counts a FIN_WAIT2.
"""

import re
from collections import deque
from functools import lru_cache

import numpy as np

from twtop.dump.timer_wheel import RATE_WINDOW_S
from twtop.model import Snapshot
from twtop.records import dataclass

COUNTED_AT_ENTRY = (5, 18)
"""From this version of Linux on, TW and TWKilled count a timewait object when it begins (__inet_twsk_schedule). Before,
they count it when a timer ends it (tw_timer_handler)."""


PerSecond = tuple[float | None, float | None]
"""(begun, ended) per second, None for unknown."""


@dataclass(frozen=True, slots=True)
class Point:
    """How many have begun and ended up to `mono`, each less some constant; None for unknown."""

    mono: float
    began: int | None
    ended: int | None


class Series:
    """The points of the last RATE_WINDOW_S, and the last one before them."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def add(self, point: Point) -> None:
        self._points.append(point)
        while len(self._points) > 2 and self._points[1].mono <= point.mono - RATE_WINDOW_S:
            self._points.popleft()

    def per_s(self) -> PerSecond:
        """The means between the first and the last point."""
        if not self._points or self._points[-1].mono <= self._points[0].mono:
            return None, None
        first, last = self._points[0], self._points[-1]

        def rate(before: int | None, now: int | None) -> float | None:
            return None if before is None or now is None else max(now - before, 0) / (last.mono - first.mono)

        return rate(first.began, last.began), rate(first.ended, last.ended)


class Churn:
    """Follows the snapshots of one network namespace."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, counted: int) -> None:
        """Forget everything, because the counters have begun anew."""
        self._counted = counted
        self._objects, self._in_table = Series(), Series()
        self._closed_ms, self._read_at, self._lapsed = np.zeros(0, np.int32), 0.0, 0

    def advance(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot with new counters. Its sockets may be older."""
        counters, held = snapshot.counters, snapshot.gauges.get("tw")
        counted = counters.get("TW", -1) + counters.get("TWKilled", 0)
        if counted < self._counted:
            self._begin(counted)
        if "TW" not in counters:
            return
        self._counted = counted
        if _version(snapshot.kernel) >= COUNTED_AT_ENTRY:
            objects = Point(snapshot.mono, counted, None if held is None else counted - held)
        else:
            ended = counted + counters.get("TWRecycled", 0)
            objects = Point(snapshot.mono, None if held is None else ended + held, ended)
        self._objects.add(objects)
        timed = not (snapshot.sockets.is_time_wait & (snapshot.sockets.timer_ms < 0)).any()
        if snapshot.part or not timed:
            self._in_table = Series()
        elif not snapshot.age_s and objects.began is not None:
            self._in_table.add(self._count_in_table(snapshot, objects.began))

    def per_s(self) -> PerSecond:
        """TIME_WAIT that begin and end per second, means over some seconds.

        Where the last two dumps are whole and have timers, these are counted by the table. Otherwise they are timewait
        objects of any kind, by the counters alone.
        """
        in_table = self._in_table.per_s()
        return self._objects.per_s() if in_table == (None, None) else in_table

    def growth_per_s(self) -> float | None:
        """How many more timewait objects of any kind there are per second; None for unknown."""
        began, ended = self._objects.per_s()
        return None if began is None or ended is None else began - ended

    def _count_in_table(self, snapshot: Snapshot, began: int) -> Point:
        """TIME_WAIT by the table, of `began` timewait objects.

        A closed FIN_WAIT2 has not begun. A TIME_WAIT without time left has ended.
        """
        sockets = snapshot.sockets
        runs = sockets.timer_ms > 0
        waiting = int(np.count_nonzero(sockets.is_time_wait & runs))
        closed = np.flatnonzero(sockets.is_timewait_object & ~sockets.is_time_wait & runs)
        passed_ms = (snapshot.dumped - self._read_at) * 1000
        self._lapsed += int(np.count_nonzero(self._closed_ms <= passed_ms))
        self._closed_ms, self._read_at = sockets.timer_ms[closed], snapshot.dumped
        began -= len(self._closed_ms) + self._lapsed
        return Point(snapshot.mono, began, began - waiting)


@lru_cache
def _version(kernel: str) -> tuple[int, ...]:
    """The first two numbers of a kernel's version.

    >>> _version("5.15.0-91-generic"), _version("6.18.44"), _version("")
    ((5, 15), (6, 18), ())
    """
    return tuple(int(part) for part in re.findall(r"\d+", kernel[:32])[:2])
