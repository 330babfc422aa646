"""Snapshot → Analysis: what a dump tells whatever the view, so that another view costs only what it picks."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.bind_first import BindFirst, bind_first
from twtop.analysis.close_wait import Unclosed
from twtop.analysis.destinations import Destinations, find_destinations
from twtop.analysis.ephemeral_ports import EphemeralPorts, ephemeral_ports
from twtop.analysis.forecast import Forecast, forecast
from twtop.analysis.kernel_costs import Memory, memory
from twtop.analysis.peak_hold import PeakHold
from twtop.analysis.port_budgets import PortBudgets, port_budgets
from twtop.analysis.recent_dumps import DumpSummary, RecentDumps, summarize_dump
from twtop.analysis.timer_wheel import Wheel, entries, releases, wheel
from twtop.filter.query import Query
from twtop.model import Counts, Floats, Rows, Snapshot, TcpState, freeze


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """`space` and `binders` are None where the port range is unknown.

    The sockets are read anew `every_s` seconds, or only those that `query` may keep. `direction` is per socket.
    `entered` and `releases` (60,) are of all TIME_WAIT, as the timers stood in the dump, None where one is unknown;
    `waiting` are their rows, `ahead` (61,) how many there will be by `forecast`, now first, None where a timer is
    unknown; `held` is how many sockstat counted then. `peak` is the highest pressure of each destination in this run,
    NaN for unknown. `unclosed` are CLOSE_WAIT that stay (close_wait.Unclosed). Beside a part stands the last `whole`
    analysis, with the counters of now.
    """

    snapshot: Snapshot
    space: EphemeralPorts | None
    destinations: Destinations
    direction: NDArray[np.uint8]
    clock: Wheel
    budget: PortBudgets
    peak: Floats
    binders: BindFirst | None
    memory: Memory
    waiting: Rows
    entered: Counts | None
    releases: Counts | None
    forecast: Forecast
    ahead: Floats | None
    unclosed: int
    held: int | None = None
    every_s: float = 0.0
    query: Query | None = None
    whole: "Analysis | None" = None

    @property
    def grown(self) -> int:
        """TIME_WAIT more than when the sockets were read, by sockstat."""
        now = self.snapshot.gauges.get("tw")
        return 0 if now is None or self.held is None else now - self.held

    def answer(self, query: Query) -> "Analysis | None":
        """What there is for this filter: itself, the last whole one, or nothing yet."""
        return self if self.query in (None, query) else self.whole

    def at(self, later: Snapshot) -> "Analysis":
        """The same sockets with the counters of a later moment."""
        snapshot = replace(later, sockets=self.snapshot.sockets, dumped=self.snapshot.dumped, part=self.snapshot.part)
        return replace(self, snapshot=snapshot)

    def __post_init__(self) -> None:
        freeze(self.direction, self.peak, self.waiting, self.entered, self.releases)


class Analyst:
    """Analyses one snapshot after the other; remembers what the dumps of the last seconds left, and peaks."""

    def __init__(self) -> None:
        self._last: Analysis | None = None
        self._past = RecentDumps()
        self._peaks = PeakHold()
        self._unclosed = Unclosed()

    def analyse(self, snapshot: Snapshot) -> Analysis:
        """Only new sockets cost something."""
        last = self._last
        if last is not None and last.snapshot.sockets is snapshot.sockets:
            self._last = replace(last, snapshot=snapshot)
        else:
            found = analyse(snapshot, self._past.before(snapshot.dumped))
            names = found.destinations.names(snapshot.sockets.addresses)
            self._past.keep(_trace(found))
            self._last = replace(
                found,
                peak=self._peaks.hold(names, found.budget.pressure),
                unclosed=self._unclosed.count(snapshot.dumped, snapshot.sockets, found.destinations, names),
            )
        return self._last


def analyse(snapshot: Snapshot, past: tuple[DumpSummary, ...] = ()) -> Analysis:
    """One dump on its own; `past` is what earlier ones left, oldest first."""
    sockets = snapshot.sockets
    waiting = np.flatnonzero(sockets.is_time_wait)
    left_ms = sockets.timer_ms[waiting]
    clock = wheel(left_ms, snapshot.dumped, snapshot.timer_unit_ms)
    space = ephemeral_ports(snapshot.limits, sockets)
    destinations = find_destinations(sockets, space)
    budget = port_budgets(snapshot, space, destinations, clock, past)
    binders = bind_first(snapshot, space, destinations, clock, past) if space and not snapshot.part else None
    if binders is not None:
        budget = replace(budget, full_in_s=binders.bound(destinations, budget.full_in_s))
    foreseen = forecast(snapshot, destinations, budget, binders, space.skipped_ports if space else 0, past)
    age_ms = sockets.age_ms[waiting]
    return Analysis(
        snapshot=snapshot,
        held=snapshot.gauges.get("tw"),
        space=space,
        destinations=destinations,
        direction=destinations.per_socket(),
        clock=clock,
        budget=budget,
        peak=budget.pressure,
        binders=binders,
        memory=memory(snapshot),
        waiting=waiting,
        entered=entries(age_ms),
        releases=releases(left_ms, clock),
        forecast=foreseen,
        ahead=foreseen.ahead(destinations.code[waiting], age_ms, clock.release_s(left_ms)),
        unclosed=int(np.count_nonzero(sockets.state == TcpState.CLOSE_WAIT)),
    )


def _trace(found: Analysis) -> DumpSummary:
    """What the next dumps want to know of this one."""
    budget, binders = found.budget, found.binders
    shared = (binders.names, binders.live) if binders else None
    return summarize_dump(found.snapshot, found.destinations, budget.used, budget.time_wait, shared)
