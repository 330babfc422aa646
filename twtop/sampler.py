"""A source read at a bounded cost: the sockets as often as the budget allows, the counters at every tick."""

import math
import time
from collections import deque
from dataclasses import replace

from twtop.analysis import Analysis, Analyst
from twtop.decode import decode
from twtop.model import Snapshot
from twtop.probe import ALL_SOCKETS, COUNTERS_ONLY
from twtop.sources import Source

BUDGET = 0.1
"""Share of one CPU that reading sockets may cost, unless the user says otherwise."""

SLACK = 0.05
"""How far below a whole number of ticks the cost must fall before sockets are read more often again."""


class Pace:
    """How many ticks one reading of the sockets has to last, so that it costs no more than its share of a CPU."""

    def __init__(self, budget: float) -> None:
        self.ticks = 1
        self._budget = budget
        self._costs: deque[float] = deque(maxlen=3)

    def note(self, cost_s: float, interval_s: float) -> None:
        """A reading took this much CPU time; the least of the last three counts, lest one hiccup slow it down.

        >>> pace = Pace(0.1)
        >>> pace.note(0.25, interval_s=1.0), pace.ticks
        (None, 3)
        >>> pace.note(0.25, interval_s=5.0), pace.ticks
        (None, 1)
        """
        self._costs.append(cost_s)
        wanted = min(self._costs) / (self._budget * interval_s)
        if not self.ticks - 1 - SLACK < wanted <= self.ticks:
            self.ticks = max(1, math.ceil(wanted))


class Sampler:
    """Reads a source tick by tick. Lives in the thread that opened it."""

    def __init__(self, read: Source, budget: float = BUDGET) -> None:
        self._read = read
        self._pace = Pace(budget)
        self._analyst = Analyst()
        self._last: Snapshot | None = None
        self._ticks_left = 0

    def tick(self, interval_s: float, now: bool = False) -> Analysis:
        """The next reading; with `now` of the sockets, whatever it costs. Raises CollectError."""
        begun, first = time.thread_time(), self._last is None
        self._ticks_left -= 1
        due = first or now or self._ticks_left <= 0
        sample = self._read(ALL_SOCKETS if due else COUNTERS_ONLY)
        self._last = decode(sample, self._last)
        analysis = self._analyst.analyse(self._last)
        if sample.dump is not None:
            if not first:  # that one is dearer: nothing is in memory yet
                self._pace.note(time.thread_time() - begun, interval_s)
            self._ticks_left = self._pace.ticks
        return replace(analysis, every_s=self._pace.ticks * interval_s)
