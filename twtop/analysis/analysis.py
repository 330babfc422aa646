"""Snapshot → Analysis: what one dump shows whatever the view. Another view of the same dump needs no new analysis."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.close_wait import CloseWaitWatch
from twtop.analysis.forecast import Forecast, Minute, forecast
from twtop.analysis.kernel_costs import Dropper, DropperWatch, Memory, memory
from twtop.analysis.peak_hold import PeakHold
from twtop.analysis.unanswered import Unanswered, UnansweredWatch
from twtop.budgets.bind_first import BindFirst, bind_first
from twtop.budgets.bottleneck import Bottleneck, find_bottleneck
from twtop.budgets.port_budgets import PortBudgets, port_budgets
from twtop.dump.destinations import Destinations
from twtop.dump.failures import FailureHistory, Failures, differ
from twtop.dump.reading import NOTHING, DumpSummary, Known, Reading, RecentDumps, take_reading
from twtop.model import Floats, Rows, Snapshot, TcpState
from twtop.records import dataclass, freeze


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """`budgets` are what each destination's client has: where it binds first that of its address, else connect()'s.
    `connect_budgets` are connect()'s for all of them. `direction` (sockets,) is a Direction. `peak` (destinations,) is
    the highest pressure of the run, NaN if unknown.

    `bind_first` is None where the port range is unknown or only a part of the sockets was read. `bottleneck` is None
    where no outbound connection holds an ephemeral port.

    `minute` counts the TIME_WAIT by second. `counted` is the number of timewait objects by /proc/net/sockstat when the
    dump was read, None where that was unknown. `staying_close_wait` is how many CLOSE_WAIT stay (close_wait).
    `unanswered` are the SYN_SENT that wait for an answer.
    `dropper` is the listener that has dropped most since the dump before, None for none or unknown.
    """

    reading: Reading
    budgets: PortBudgets
    connect_budgets: PortBudgets
    peak: Floats
    bind_first: BindFirst | None
    bottleneck: Bottleneck | None
    memory: Memory
    forecast: Forecast
    minute: Minute
    staying_close_wait: int
    unanswered: Unanswered
    counted: int | None
    dropper: Dropper | None = None

    def __post_init__(self) -> None:
        freeze(self.peak)

    @property
    def snapshot(self) -> Snapshot:
        """The sockets of the dump, with the counters of now."""
        return self.reading.snapshot

    @property
    def direction(self) -> NDArray[np.uint8]:
        return self.destinations.side

    @property
    def destinations(self) -> Destinations:
        return self.reading.destinations

    @property
    def time_wait(self) -> Rows:
        """The rows of all TIME_WAIT."""
        return np.flatnonzero(self.snapshot.sockets.is_time_wait)

    @property
    def grown(self) -> int:
        """How many more timewait objects there are now than when the dump was read, by sockstat; 0 where unknown."""
        now = self.snapshot.gauges.get("tw")
        return 0 if now is None or self.counted is None else now - self.counted

    def at(self, later: Snapshot) -> "Analysis":
        """The same sockets with the counters of a later moment, at which the next port is free so much sooner."""
        own, passed_s = self.snapshot, later.mono - self.snapshot.mono
        snapshot = replace(later, sockets=own.sockets, dumped=own.dumped, part=own.part, holders=own.holders)
        return replace(
            self,
            reading=replace(self.reading, snapshot=snapshot),
            budgets=self.budgets.in_seconds(passed_s),
            bottleneck=self.bottleneck and self.bottleneck.in_seconds(passed_s),
        )


class Analyst:
    """Analyses the snapshots of a run in turn.

    Remembers recent dumps, what they told, peaks, CLOSE_WAIT and silent endpoints.
    """

    def __init__(self) -> None:
        self._dump: Analysis | None = None
        self._last: Analysis | None = None
        self._recent = RecentDumps()
        self._peaks = PeakHold()
        self._close_wait = CloseWaitWatch()
        self._unanswered = UnansweredWatch()
        self._droppers = DropperWatch()
        self._failures = FailureHistory()
        self._known = Known()

    def analyse(self, snapshot: Snapshot) -> Analysis:
        """Analyse the next snapshot. If its sockets are those of the one before, only the counters are replaced, and
        what depends on failed connects."""
        failures = self._failures.advance(snapshot.failed_connects, snapshot.mono)
        dump, last = self._dump, self._last
        if dump is not None and last is not None and dump.snapshot.sockets is snapshot.sockets:
            if differ(last.reading.failures, failures):
                last = _with_failures(dump, failures)
            last = last.at(snapshot)
            self._last = replace(last, reading=replace(last.reading, failures=failures))
        else:
            recent = self._recent.before(snapshot.dumped)
            found = analyse(snapshot, recent, failures, self._known, self._unanswered)
            self._known = found.reading.known(self._known)
            budgets, binders = found.connect_budgets, found.bind_first
            own, shared = budgets.state(found.reading.names), binders.state if binders else None
            self._recent.keep(found.reading.summary(budgets.used, own, shared))
            self._dump = self._last = replace(
                found,
                peak=self._peaks.hold(found.reading.names, found.budgets.pressure),
                staying_close_wait=self._close_wait.count_staying(found.reading),
                dropper=self._droppers.find(snapshot),
            )
        return self._last


def analyse(
    snapshot: Snapshot,
    recent: tuple[DumpSummary, ...] = (),
    failures: Failures | None = None,
    known: Known = NOTHING,
    unanswered: UnansweredWatch | None = None,
) -> Analysis:
    """Analyse one dump; `unanswered` knows those before it, the other arguments are those of `take_reading`."""
    reading, sockets = take_reading(snapshot, recent, failures, known), snapshot.sockets
    binders = bind_first(reading)
    own, budgets = _budgets(reading, binders)
    outcome = forecast(reading, own, binders)
    return Analysis(
        reading=reading,
        budgets=budgets,
        connect_budgets=own,
        peak=budgets.pressure,
        bind_first=binders,
        bottleneck=find_bottleneck(reading, budgets, binders),
        memory=memory(snapshot, reading.bind_buckets),
        forecast=outcome,
        minute=outcome.minute(reading),
        staying_close_wait=len(sockets.in_state(TcpState.CLOSE_WAIT)),
        unanswered=(unanswered or UnansweredWatch()).find(snapshot),
        counted=snapshot.gauges.get("tw"),
    )


def _budgets(reading: Reading, binders: BindFirst | None) -> tuple[PortBudgets, PortBudgets]:
    """(the budgets that connect() has, those that each destination's client has)."""
    own = port_budgets(reading, binders)
    return own, own if binders is None else _with_shared_budgets(own, binders)


def _with_failures(dump: Analysis, failures: Failures | None) -> Analysis:
    """The analysis of a dump, with failed connects of later in budgets and bottleneck.

    Demand is what enters and what fails, so that rates and times to full are found anew. What the sockets alone tell
    stays as it is.
    """
    reading, binders = replace(dump.reading, failures=failures), dump.bind_first
    own, budgets = _budgets(reading, binders)
    bottleneck = find_bottleneck(reading, budgets, binders)
    return replace(dump, reading=reading, budgets=budgets, connect_budgets=own, bottleneck=bottleneck)


def _with_shared_budgets(own: PortBudgets, binders: BindFirst) -> PortBudgets:
    """The same, where a client binds first with the budget that its address has for all destinations.

    Nobody can count a bind() that fails, so what fails there is unknown. Where clients of both kinds may connect to a
    destination, what is left depends on which of them asks.
    """
    binds, either, address = binders.certain, binders.certain | binders.may, binders.of_destination

    def shared(column: NDArray[np.number], connects: Floats) -> Floats:
        return np.where(binds, column[address], connects)

    if not either.any():
        return own
    least, most = (left[address].astype(np.float64) for left in (binders.left_at_least, binders.left_at_most))
    least = np.where(binders.both, np.fmin(least, own.left_at_least), least)
    most = np.where(binders.both, np.fmax(most, own.left_at_most), most)
    return replace(
        own,
        used=shared(binders.ports, own.used),
        ending=shared(binders.waiting, own.ending),
        time_wait=shared(binders.waiting, own.time_wait),
        reusable=np.where(binds, 0.0, own.reusable),
        capacity=shared(binders.capacity, own.capacity),
        max_per_s=shared(binders.max_per_s, own.max_per_s),
        full_in_s=binders.time_to_full(own.full_in_s),
        is_now=np.where(binds, binders.of(binders.is_now), own.is_now),
        waits=np.where(binds, binders.of(binders.waits), own.waits),
        next_free_s=shared(binders.next_free_s, own.next_free_s),
        freed_per_s=shared(binders.freed_per_s, own.freed_per_s),
        failed_per_s=np.where(binds, np.nan, own.failed_per_s),
        failed_60s=np.where(binds, np.nan, own.failed_60s),
        failed_shared_per_s=np.where(binds, np.nan, own.failed_shared_per_s),
        failed_shared_60s=np.where(binds, np.nan, own.failed_shared_60s),
        left_at_least=np.where(either, least, own.left_at_least),
        left_at_most=np.where(either, most, own.left_at_most),
    )
