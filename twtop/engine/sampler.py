"""A source read at a bounded cost: the sockets as often as the CPU limit allows, the counters at every tick."""

import math
import time
from collections import deque
from dataclasses import replace

import numpy as np

from twtop.analysis.analysis import Analysis, Analyst
from twtop.engine.bound_sockets import completed, narrowed
from twtop.engine.failure_watch import FailureWatch, nearest_end
from twtop.engine.timestamp_watch import TimestampWatch
from twtop.filter.mask import mask
from twtop.filter.query import AddressTest, Everything, PortField, PortTest, Query, StateTest, joined_tests
from twtop.model import Direction, Owners, Snapshot, Sockets
from twtop.records import dataclass
from twtop.sources.decode import decode
from twtop.sources.kernel_filter import is_service, pushed_down
from twtop.sources.kinds import KINDS
from twtop.sources.probe import ALL_SOCKETS, BOUND_ONLY, COUNTERS_ONLY, HELD_ONLY, WITH_OPTIONS, Request
from twtop.sources.source import Source

MAX_CPU = 0.1
"""The share of one CPU that reading sockets may take, unless the user says otherwise."""

SOCKET_S = 0.6e-6
"""CPU seconds that reading one socket takes on a machine of 2024; used before the cost is measured."""

SLACK = 0.05
"""How far below a whole number of ticks the cost must fall before sockets are read more often again."""

EVERYTHING = Everything()


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """The analysis of one tick. `every_s` is how many seconds lie between two dumps.

    `query` is None if all sockets were read. Otherwise only the sockets of this filter were read, and `whole` is the
    last tick that read all sockets, with the counters of now; None where there was none.
    """

    analysis: Analysis
    every_s: float
    query: Query | None = None
    whole: "Sampled | None" = None

    def answer(self, query: Query) -> "Sampled | None":
        """The tick to show for this filter: this one, the last whole one, or None where there is none yet."""
        return self if self.query in (None, query) else self.whole


class Pace:
    """How many ticks apart two dumps must be, so that they take no more than their share of one CPU.

    `spare` is what they leave of it.
    """

    def __init__(self, max_cpu: float) -> None:
        self.ticks = 1
        self.spare = max_cpu
        self._max_cpu = max_cpu
        self._costs: deque[float] = deque(maxlen=3)

    def note(self, cost_s: float, interval_s: float) -> None:
        """Take note of the CPU seconds of a dump. The least of the last three counts, so an outlier changes nothing.

        >>> pace = Pace(0.1)
        >>> pace.note(0.25, interval_s=1.0), pace.ticks
        (None, 3)
        >>> pace.note(0.25, interval_s=5.0), pace.ticks
        (None, 1)
        """
        self._costs.append(cost_s)
        needed = min(self._costs) / (self._max_cpu * interval_s)
        if not self.ticks - 1 - SLACK < needed <= self.ticks:
            self.ticks = max(1, math.ceil(needed))
        self.spare = max(0.0, self._max_cpu * (1 - needed / self.ticks))


class Sampler:
    """Reads a source tick by tick, in the thread that opened the source."""

    def __init__(self, source: Source, max_cpu: float = MAX_CPU) -> None:
        self._source = source
        self._analyst = Analyst()
        self._failures, self._timestamps = FailureWatch(), TimestampWatch()
        self._whole, self._part = Pace(max_cpu), Pace(max_cpu)
        self._last: Snapshot | None = None
        self._last_whole: Sampled | None = None
        self._part_of: Query | None = None
        self._needs_all: Query | None = None
        self._ticks_left = 0

    def tick(self, interval_s: float, query: Query = EVERYTHING, now: bool = False) -> Sampled:
        """Read once more. With `now`, read the sockets too, whatever the cost. Raises CollectError.

        If reading all sockets at each tick costs too much, only those that the query may keep are read, provided that
        the kernel can filter them.
        """
        first, self._ticks_left = self._last is None, self._ticks_left - 1
        missing = self._last is not None and self._last.part and query != self._part_of
        if first and not isinstance(query, Everything):
            self._estimate_cost(interval_s)
        if not (first or missing or now or self._ticks_left <= 0):
            return self._sampled(self._read(COUNTERS_ONLY), interval_s)
        begun = time.thread_time()
        analysis = self._dump(query)
        if not first:  # the first one costs more, because nothing is in memory yet
            self._pace(analysis).note(time.thread_time() - begun, interval_s)
        self._ticks_left = self._pace(analysis).ticks
        return self._sampled(analysis, interval_s)

    def held(self, bytecode: bytes) -> Sockets:
        """The connections that processes hold now, at least those that pass this filter. Raises CollectError.

        Nothing else is read, and no tick knows of it. Its cost is not noted: it is the caller's to stay within `spare`.
        """
        sample = self._source.read(replace(HELD_ONLY, bytecode=bytecode))
        return KINDS[sample.source].decode(sample.dump or b"", None)

    @property
    def spare(self) -> float:
        """The share of one CPU that is left of the limit."""
        return (self._part if self._last and self._last.part else self._whole).spare

    def _dump(self, query: Query) -> Analysis:
        """Read only the query's sockets if that saves time and shows all that is asked, otherwise all sockets."""
        request = pushed_down(query, self._last.limits) if self._last and query != self._needs_all else None
        if self._whole.ticks > 1 and request is not None:
            self._part_of = None  # until the part is read and known to be enough
            analysis = self._read(request)
            if not analysis.snapshot.part or is_whole(query, analysis):
                self._part_of = query
                return analysis
            self._needs_all = query
        return self._read(ALL_SOCKETS)

    def _read(self, request: Request) -> Analysis:
        asks = bool(request.states) and self._timestamps.wanted
        options = WITH_OPTIONS if asks else 0
        wanted = replace(request, failed_connects=self._failures.wanted, extensions=request.extensions | options)
        found = decode(self._source.read(narrowed(wanted, self._last, time.monotonic())), self._last)
        if request.states:
            found = completed(found, self._last, lambda: decode(self._source.read(BOUND_ONLY)))
        self._last = found
        analysis, failed = self._analyst.analyse(self._last), self._last.failed_connects
        self._timestamps.observe(analysis, asked=asks)
        count = failed.total + failed.lost if failed else 0
        self._failures.observe(self._last.mono, *nearest_end(analysis), failed=count, whole=not self._last.part)
        return analysis

    def _estimate_cost(self, interval_s: float) -> None:
        """Estimate what a dump will cost from the counters, before any socket is read."""
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
    """Whether a dump of this filter's sockets alone shows as much of what the filter keeps as a whole dump does.

    It does not where a part of some destination may be missing: where the destination's port is not the one that the
    filter names, such as a client's port outside the range or a port on which nobody listens. Nor does it where the
    direction of a connection may be unclear: a single connection to a port in the range or above is outbound only if
    another connection goes to the same port, and that one may not have been read.
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
