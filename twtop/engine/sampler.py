"""A source read at a bounded cost: the sockets as often as the CPU limit allows, the counters at every tick."""

import math
import time
from collections import deque
from dataclasses import dataclass

import numpy as np

from twtop.analysis.analysis import Analysis, Analyst
from twtop.filter.mask import mask
from twtop.filter.query import AddressTest, Everything, PortField, PortTest, Query, StateTest, joined_tests
from twtop.model import Direction, Owners, Snapshot
from twtop.sources.decode import decode
from twtop.sources.kernel_filter import is_service, pushed_down
from twtop.sources.probe import ALL_SOCKETS, COUNTERS_ONLY, Request
from twtop.sources.source import Source

MAX_CPU = 0.1
"""Share of one CPU that reading sockets may cost, unless the user says otherwise."""

SOCKET_S = 0.6e-6
"""CPU seconds that reading one socket takes on a machine of 2024: a first guess, before one is measured."""

SLACK = 0.05
"""How far below a whole number of ticks the cost must fall before sockets are read more often again."""

EVERYTHING = Everything()


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """The analysis of one tick, and how it came about. Its sockets are read anew each `every_s` seconds.

    `query` is the filter whose sockets alone were read, None for all sockets. `whole` is then the last tick that read
    all sockets, with the counters of now; None where there was none.
    """

    analysis: Analysis
    every_s: float
    query: Query | None = None
    whole: "Sampled | None" = None

    def answer(self, query: Query) -> "Sampled | None":
        """What there is for this filter: this tick, the last whole one, or nothing yet."""
        return self if self.query in (None, query) else self.whole


class Pace:
    """How many ticks one reading of the sockets has to last, so that it costs no more than its share of one CPU."""

    def __init__(self, max_cpu: float) -> None:
        self.ticks = 1
        self._max_cpu = max_cpu
        self._costs: deque[float] = deque(maxlen=3)

    def note(self, cost_s: float, interval_s: float) -> None:
        """A reading took this much CPU time. The least of the last three counts, so that one hiccup slows nothing down.

        >>> pace = Pace(0.1)
        >>> pace.note(0.25, interval_s=1.0), pace.ticks
        (None, 3)
        >>> pace.note(0.25, interval_s=5.0), pace.ticks
        (None, 1)
        """
        self._costs.append(cost_s)
        wanted = min(self._costs) / (self._max_cpu * interval_s)
        if not self.ticks - 1 - SLACK < wanted <= self.ticks:
            self.ticks = max(1, math.ceil(wanted))


class Sampler:
    """Reads a source tick by tick. Lives in the thread that opened it."""

    def __init__(self, source: Source, max_cpu: float = MAX_CPU) -> None:
        self._source = source
        self._analyst = Analyst()
        self._whole, self._part = Pace(max_cpu), Pace(max_cpu)
        self._last: Snapshot | None = None
        self._last_whole: Sampled | None = None
        self._part_of: Query | None = None
        self._in_vain: Query | None = None
        self._ticks_left = 0

    def tick(self, interval_s: float, query: Query = EVERYTHING, now: bool = False) -> Sampled:
        """Read once more; with `now` the sockets too, whatever that costs. Raises CollectError.

        Where reading all sockets at each tick is too dear, only those that the query may keep are read, if the kernel
        can tell them apart.
        """
        first, self._ticks_left = self._last is None, self._ticks_left - 1
        missing = self._last is not None and self._last.part and query != self._part_of
        if first and not isinstance(query, Everything):
            self._foresee(interval_s)
        if not (first or missing or now or self._ticks_left <= 0):
            return self._sampled(self._read(COUNTERS_ONLY), interval_s)
        begun = time.thread_time()
        analysis = self._dump(query)
        if not first:  # the first one costs more: nothing is in memory yet
            self._pace(analysis).note(time.thread_time() - begun, interval_s)
        self._ticks_left = self._pace(analysis).ticks
        return self._sampled(analysis, interval_s)

    def _dump(self, query: Query) -> Analysis:
        """Read the part that the kernel can tell apart, if that saves time and says all that is asked; else all."""
        request = pushed_down(query, self._last.limits) if self._last and query != self._in_vain else None
        if self._whole.ticks > 1 and request is not None:
            self._part_of = None  # until the part is read, and says all
            analysis = self._read(request)
            if not analysis.snapshot.part or is_whole(query, analysis):
                self._part_of = query
                return analysis
            self._in_vain = query
        return self._read(ALL_SOCKETS)

    def _read(self, request: Request) -> Analysis:
        self._last = decode(self._source.read(request), self._last)
        return self._analyst.analyse(self._last)

    def _foresee(self, interval_s: float) -> None:
        """Learn from the counters whether there are many sockets, before any is read."""
        self._last = decode(self._source.read(COUNTERS_ONLY))
        count = self._last.gauges.get("tw", 0) + self._last.gauges.get("inuse", 0)
        self._whole.note(count * SOCKET_S, interval_s)

    def _pace(self, analysis: Analysis) -> Pace:
        return self._part if analysis.snapshot.part else self._whole

    def _sampled(self, analysis: Analysis, interval_s: float) -> Sampled:
        every_s = self._pace(analysis).ticks * interval_s
        if not analysis.snapshot.part:
            self._last_whole = Sampled(analysis, every_s)
            return self._last_whole
        whole = self._last_whole
        if whole is not None:
            whole = Sampled(whole.analysis.at(analysis.snapshot), whole.every_s)
        return Sampled(analysis, every_s, self._part_of, whole)


def is_whole(query: Query, analysis: Analysis) -> bool:
    """Whether a dump that was cut down to this filter tells as much of what the filter keeps as a whole dump.

    A destination may be there in part if its port is not the one that the filter names: the port of a client outside
    the range, or one on which nobody listens. And a single connection to a port within the range or above is outbound
    only if another connection goes to the same port, which may not have been read.
    """
    sockets, ports = analysis.snapshot.sockets, analysis.reading.ports
    if ports is None:
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
    return not (~inbound & ports.chosen[sockets.lport[rows]] & (port >= ports.low)).any()
