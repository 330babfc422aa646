"""How many TIME_WAIT begin and end per second: the kernel's counters, and what the table says of them.

The kernel counts timewait objects. A closed FIN_WAIT2 is one too: it is counted when it begins, not again when it
becomes a TIME_WAIT, and not at all when its own timer ends it (inet_twsk_schedule, inet_twsk_reschedule). And the
kernel releases what has run out in bursts. So where the table shows timers, a TIME_WAIT ends here when its minute is
over, and a FIN_WAIT2 is none.
"""

import re
from collections import deque
from dataclasses import dataclass

import numpy as np

from twtop.analysis.timer_wheel import RATE_WINDOW_S
from twtop.model import Snapshot, TcpState, Timer

COUNTED_AT_ENTRY = (5, 18)
"""Since then TW and TWKilled count a timewait object that begins (__inet_twsk_schedule), before one that a timer ended
(tw_timer_handler)."""


PerSecond = tuple[float | None, float | None]
"""(begun, ended) per second, None for unknown."""


@dataclass(frozen=True, slots=True)
class Point:
    """Those that ever `began` and ever `ended`, up to a number that stays the same; None for unknown."""

    mono: float
    began: int | None
    ended: int | None


class Series:
    """Points of the last seconds, and the last one before those."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def add(self, point: Point) -> None:
        self._points.append(point)
        while len(self._points) > 2 and self._points[1].mono <= point.mono - RATE_WINDOW_S:
            self._points.popleft()

    def per_s(self) -> PerSecond:
        """Means over these seconds."""
        if not self._points or self._points[-1].mono <= self._points[0].mono:
            return None, None
        first, last = self._points[0], self._points[-1]

        def rate(before: int | None, now: int | None) -> float | None:
            return None if before is None or now is None else max(now - before, 0) / (last.mono - first.mono)

        return rate(first.began, last.began), rate(first.ended, last.ended)


class Churn:
    """Follows one namespace's snapshots."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, counted: int) -> None:
        """Forget what was: the counters begin anew."""
        self._counted = counted
        self._objects, self._seen = Series(), Series()
        self._closed_ms, self._read_at, self._lapsed = np.zeros(0, np.int32), 0.0, 0

    def advance(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot whose counters are new; its sockets may be older."""
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
        timed = not (snapshot.sockets.timer_ms[snapshot.sockets.is_time_wait] < 0).any()
        if snapshot.part or not timed:
            self._seen = Series()
        elif not snapshot.age_s and objects.began is not None:
            self._seen.add(self._look(snapshot, objects.began))

    def per_s(self) -> PerSecond:
        """TIME_WAIT that begin and end, means over some seconds: as of the last two dumps, where these are whole and
        have timers, else timewait objects of any kind by the counters alone."""
        seen = self._seen.per_s()
        return self._objects.per_s() if seen == (None, None) else seen

    def growth_per_s(self) -> float | None:
        """Timewait objects of any kind."""
        began, ended = self._objects.per_s()
        return None if began is None or ended is None else began - ended

    def _look(self, snapshot: Snapshot, began: int) -> Point:
        """What the table says: which of those that began are closed FIN_WAIT2, and which TIME_WAIT have time left."""
        sockets = snapshot.sockets
        runs = sockets.timer_ms > 0
        waiting = int(np.count_nonzero(sockets.is_time_wait & runs))
        closed = (sockets.state == TcpState.FIN_WAIT2) & (sockets.timer == Timer.TIMEWAIT) & runs
        passed_ms = (snapshot.dumped - self._read_at) * 1000
        self._lapsed += int(np.count_nonzero(self._closed_ms <= passed_ms))
        self._closed_ms, self._read_at = sockets.timer_ms[closed], snapshot.dumped
        began -= len(self._closed_ms) + self._lapsed
        return Point(snapshot.mono, began, began - waiting)


def _version(kernel: str) -> tuple[int, ...]:
    """
    >>> _version("5.15.0-91-generic"), _version("6.18.44"), _version("")
    ((5, 15), (6, 18), ())
    """
    return tuple(int(part) for part in re.findall(r"\d+", kernel[:32])[:2])
