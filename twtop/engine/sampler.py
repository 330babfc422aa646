"""A source read at a bounded cost: the sockets as often as the budget allows, the counters at every tick."""

import math
import time
from collections import deque
from dataclasses import replace

import numpy as np

from twtop.analysis.analysis import Analysis, Analyst
from twtop.filter.mask import mask
from twtop.filter.query import (
    AddressTest,
    Everything,
    PortField,
    PortTest,
    Query,
    StateTest,
    joined_tests,
)
from twtop.model import Direction, Owners, Snapshot
from twtop.sources.decode import decode
from twtop.sources.kernel_filter import is_service, pushed_down
from twtop.sources.probe import ALL_SOCKETS, COUNTERS_ONLY, Request
from twtop.sources.source import Source

CPU_LIMIT = 0.1
"""Share of one CPU that reading sockets may cost, unless the user says otherwise."""

SOCKET_S = 0.6e-6
"""CPU seconds that reading one socket takes on a machine of 2024; a first guess, before one is measured."""

SLACK = 0.05
"""How far below a whole number of ticks the cost must fall before sockets are read more often again."""


EVERYTHING = Everything()


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

    def __init__(self, source: Source, budget: float = CPU_LIMIT) -> None:
        self._read = source.read
        self._analyst = Analyst()
        self._whole, self._part = Pace(budget), Pace(budget)
        self._last: Snapshot | None = None
        self._last_whole: Analysis | None = None
        self._part_of: Query | None = None
        self._in_vain: Query | None = None
        self._ticks_left = 0

    def tick(self, interval_s: float, query: Query = EVERYTHING, now: bool = False) -> Analysis:
        """The next reading; with `now` of the sockets, whatever it costs. Raises CollectError.

        Where reading all sockets is too dear for each tick, the kernel is asked for those alone that the query may
        keep, if it can tell.
        """
        first, self._ticks_left = self._last is None, self._ticks_left - 1
        missing = self._last is not None and self._last.part and query != self._part_of
        if first and not isinstance(query, Everything):
            self._foresee(interval_s)
        if not (first or missing or now or self._ticks_left <= 0):
            return self._told(self._reading(COUNTERS_ONLY), interval_s)
        begun = time.thread_time()
        analysis = self._dump(query)
        if not first:  # that one is dearer: nothing is in memory yet
            self._pace(analysis).note(time.thread_time() - begun, interval_s)
        self._ticks_left = self._pace(analysis).ticks
        return self._told(analysis, interval_s)

    def _dump(self, query: Query) -> Analysis:
        """The part that the kernel can tell, if that is worth it and says all that is asked for; else all."""
        request = pushed_down(query, self._last.limits) if self._last and query != self._in_vain else None
        if self._whole.ticks > 1 and request is not None:
            self._part_of = None  # until the part is there, and says all
            analysis = self._reading(request)
            if not analysis.snapshot.part or is_whole(query, analysis):
                self._part_of = query
                return analysis
            self._in_vain = query
        return self._reading(ALL_SOCKETS)

    def _reading(self, request: Request) -> Analysis:
        self._last = decode(self._read(request), self._last)
        return self._analyst.analyse(self._last)

    def _foresee(self, interval_s: float) -> None:
        """Whether all sockets are many, by their number, before any is read."""
        self._last = decode(self._read(COUNTERS_ONLY))
        count = self._last.gauges.get("tw", 0) + self._last.gauges.get("inuse", 0)
        self._whole.note(count * SOCKET_S, interval_s)

    def _pace(self, analysis: Analysis) -> Pace:
        return self._part if analysis.snapshot.part else self._whole

    def _told(self, analysis: Analysis, interval_s: float) -> Analysis:
        analysis = replace(analysis, every_s=self._pace(analysis).ticks * interval_s)
        if not analysis.snapshot.part:
            self._last_whole = analysis
            return analysis
        whole = self._last_whole.at(analysis.snapshot) if self._last_whole else None
        return replace(analysis, query=self._part_of, whole=whole)


def is_whole(query: Query, analysis: Analysis) -> bool:
    """Whether a dump that was cut down to this filter says of what it keeps all that a whole one would.

    A destination may be there in part when its own port is not the one that the filter names: that of a client with
    a port outside the range, or one that nobody listens on. And a single connection to a port within the range or
    above is outbound only if another one, maybe one that was not read, goes to the same port.
    """
    sockets, space = analysis.snapshot.sockets, analysis.space
    if space is None:
        return False
    nobody = Owners.unknown(sockets)
    shown = sockets.is_connection.copy()
    for test in joined_tests(query):
        if isinstance(test, PortTest | AddressTest | StateTest):
            shown &= mask(test, sockets, analysis.direction, nobody)
    rows = np.flatnonzero(shown)
    inbound = analysis.direction[rows] == Direction.INBOUND
    port = np.where(inbound, sockets.lport[rows], sockets.rport[rows])
    for test in joined_tests(query):
        if isinstance(test, PortTest) and is_service(test, analysis.snapshot.limits):
            side = {PortField.LOCAL: inbound, PortField.REMOTE: ~inbound}.get(test.field, np.True_)
            if not (side & (port >= test.low) & (port <= test.high)).all():
                return False
    return not (~inbound & space.chosen[sockets.lport[rows]] & (port >= space.low)).any()
