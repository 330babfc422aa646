"""Snapshot → Analysis: what one dump shows whatever the view. Another view of the same dump needs no new analysis."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.bind_first import BindFirst, bind_first
from twtop.analysis.bottleneck import Bottleneck, find_bottleneck
from twtop.analysis.close_wait import CloseWaitWatch
from twtop.analysis.destinations import Destinations
from twtop.analysis.failures import FailureHistory, Failures
from twtop.analysis.forecast import Forecast, Minute, forecast
from twtop.analysis.kernel_costs import Memory, memory
from twtop.analysis.peak_hold import PeakHold
from twtop.analysis.port_budgets import PortBudgets, port_budgets
from twtop.analysis.reading import DumpSummary, Reading, RecentDumps, take_reading
from twtop.model import Floats, Rows, Snapshot, TcpState, freeze


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """`direction` (sockets,) is a Direction. `peak` (destinations,) is the highest pressure of the run, NaN if unknown.

    `bind_first` is None where the port range is unknown or only a part of the sockets was read. `bottleneck` is None
    where no outbound connection holds an ephemeral port.

    `time_wait` are the rows of all TIME_WAIT, and `minute` counts them by second. `counted` is the number of timewait
    objects by /proc/net/sockstat when the dump was read, None where that was unknown. `staying_close_wait` is how many
    CLOSE_WAIT stay (close_wait).
    """

    reading: Reading
    direction: NDArray[np.uint8]
    budgets: PortBudgets
    peak: Floats
    bind_first: BindFirst | None
    bottleneck: Bottleneck | None
    memory: Memory
    time_wait: Rows
    forecast: Forecast
    minute: Minute
    staying_close_wait: int
    counted: int | None

    def __post_init__(self) -> None:
        freeze(self.direction, self.peak, self.time_wait)

    @property
    def snapshot(self) -> Snapshot:
        """The sockets of the dump, with the counters of now."""
        return self.reading.snapshot

    @property
    def destinations(self) -> Destinations:
        return self.reading.destinations

    @property
    def grown(self) -> int:
        """How many more timewait objects there are now than when the dump was read, by sockstat; 0 where unknown."""
        now = self.snapshot.gauges.get("tw")
        return 0 if now is None or self.counted is None else now - self.counted

    def at(self, later: Snapshot) -> "Analysis":
        """The same sockets with the counters of a later moment."""
        own = self.snapshot
        snapshot = replace(later, sockets=own.sockets, dumped=own.dumped, part=own.part, holders=own.holders)
        return replace(self, reading=replace(self.reading, snapshot=snapshot))


class Analyst:
    """Analyses the snapshots of a run in turn. Remembers recent dumps, peaks and CLOSE_WAIT."""

    def __init__(self) -> None:
        self._last: Analysis | None = None
        self._recent = RecentDumps()
        self._peaks = PeakHold()
        self._close_wait = CloseWaitWatch()
        self._failures = FailureHistory()

    def analyse(self, snapshot: Snapshot) -> Analysis:
        """Analyse the next snapshot. If its sockets are those of the one before, only the counters are replaced."""
        last, failures = self._last, self._failures.advance(snapshot.failed_connects, snapshot.mono)
        if last is not None and last.snapshot.sockets is snapshot.sockets:
            self._last = replace(last, reading=replace(last.reading, snapshot=snapshot, failures=failures))
        else:
            found = analyse(snapshot, self._recent.before(snapshot.dumped), failures)
            budgets, binders = found.budgets, found.bind_first
            own, shared = budgets.state(found.reading.names), binders.state if binders else None
            self._recent.keep(found.reading.summary(budgets.used, own, shared))
            self._last = replace(
                found,
                peak=self._peaks.hold(found.reading.names, budgets.pressure),
                staying_close_wait=self._close_wait.count_staying(found.reading),
            )
        return self._last


def analyse(snapshot: Snapshot, recent: tuple[DumpSummary, ...] = (), failures: Failures | None = None) -> Analysis:
    """Analyse one dump by itself; `recent` and `failures` are as in Reading."""
    reading, sockets = take_reading(snapshot, recent, failures), snapshot.sockets
    binders = bind_first(reading)
    budgets = port_budgets(reading, binders)
    if binders is not None:
        budgets = _with_shared_budgets(budgets, binders, reading.destinations)
    outcome, time_wait = forecast(reading, budgets, binders), np.flatnonzero(sockets.is_time_wait)
    return Analysis(
        reading=reading,
        direction=reading.destinations.per_socket(),
        budgets=budgets,
        peak=budgets.pressure,
        bind_first=binders,
        bottleneck=find_bottleneck(reading, budgets, binders),
        memory=memory(snapshot),
        time_wait=time_wait,
        forecast=outcome,
        minute=outcome.minute(reading, time_wait),
        staying_close_wait=int(np.count_nonzero(sockets.state == TcpState.CLOSE_WAIT)),
        counted=snapshot.gauges.get("tw"),
    )


def _with_shared_budgets(budgets: PortBudgets, binders: BindFirst, destinations: Destinations) -> PortBudgets:
    """The same, where they may end with the budget that an address has for all destinations. Nobody can count a bind()
    that fails, so what fails there is unknown."""
    shared = binders.is_client_of(destinations)
    return replace(
        budgets,
        full_in_s=binders.bound(destinations, budgets.full_in_s),
        is_now=budgets.is_now | binders.of(destinations, binders.is_now),
        waits=budgets.waits | binders.of(destinations, binders.waits),
        failed_per_s=np.where(shared, np.nan, budgets.failed_per_s),
        failed_60s=np.where(shared, np.nan, budgets.failed_60s),
    )
