"""One dump of the socket table, with what every part of the analysis needs, and what is kept of the dumps before it."""

from collections import deque
from dataclasses import dataclass, field, fields

import numpy as np

from twtop.analysis.destinations import Destinations, Names, find_destinations
from twtop.analysis.ephemeral_ports import EphemeralPorts, ephemeral_ports
from twtop.analysis.failures import Failures
from twtop.analysis.timer_wheel import Wheel, wheel
from twtop.model import Floats, Snapshot, Timer, freeze

LONG_S = 10
"""Summaries reach back at least this far."""

LASTING_S = 12
"""A TIME_WAIT with more time left than this is still there LONG_S later, unless it ended early."""

NO_NAMES: Names = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True, eq=False)
class DumpSummary:
    """Counts of one dump by budget, sorted by name: (budgets,).

    `live` counts connections that are not in TIME_WAIT, `used` all sockets in the budget, `running` the TIME_WAIT with
    time left, and `lasting` those with more than LASTING_S left. Of the budget that an address has for all destinations
    only `live` is known; its other counts are 0. `held` counts all timewait objects, closed FIN_WAIT2 included. `mono`
    is when the dump was read, in seconds of the monotonic clock.
    """

    mono: float
    held: int
    names: Names
    live: Floats
    used: Floats
    running: Floats
    lasting: Floats

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)[2:]))

    def of(self, column: Floats, names: Names) -> Floats:
        """The entries of a column for the budgets with these names; 0 for one that this dump did not have."""
        if not len(self.names):
            return np.zeros(len(names))
        at = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return np.where(self.names[at] == names, column[at], 0.0)


class RecentDumps:
    """Keeps the summaries of the last seconds."""

    def __init__(self) -> None:
        self._kept: deque[DumpSummary] = deque()

    def before(self, mono: float) -> tuple[DumpSummary, ...]:
        """The summaries of the LONG_S before `mono`, and the last one before those; oldest first."""
        while len(self._kept) > 1 and self._kept[1].mono <= mono - LONG_S:
            self._kept.popleft()
        return tuple(summary for summary in self._kept if summary.mono < mono)

    def keep(self, summary: DumpSummary) -> None:
        """Remember the newest dump."""
        self._kept.append(summary)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """`ports` is None where the port range is unknown. `names` (destinations,) are hashes that stay the same from dump
    to dump (Destinations.names). `recent` are summaries of the dumps of the last seconds, oldest first. `failures` are
    the failed connects of the last minute, None where they are unknown. `full_lately` are the names of destinations
    whose budget was full within that minute.
    """

    snapshot: Snapshot
    ports: EphemeralPorts | None
    destinations: Destinations
    names: Names
    wheel: Wheel
    recent: tuple[DumpSummary, ...]
    failures: Failures | None = None
    full_lately: Names = field(default_factory=lambda: NO_NAMES)

    @property
    def skipped_ports(self) -> int:
        """Ports that may stay free while connect() fails (EphemeralPorts); 0 where the range is unknown."""
        return self.ports.skipped_ports if self.ports else 0

    def summary(self, used: Floats, time_wait: Floats, shared: tuple[Names, Floats] | None = None) -> DumpSummary:
        """The summary of this dump, with which later readings compare themselves.

        `used` (destinations,) counts the sockets in each budget, and `time_wait` those of them in TIME_WAIT. `shared`
        are (names, connections not in TIME_WAIT) of the budgets that one local address has for all destinations.
        """
        sockets, code = self.snapshot.sockets, self.destinations.code
        names, live = self.names, used - time_wait
        if shared is not None:
            names, live = np.append(names, shared[0]), np.append(live, shared[1])
        order = np.argsort(names)

        def sorted_by_name(column: Floats) -> Floats:
            return np.append(column, np.zeros(len(names) - len(column)))[order]

        def with_more_than(left_ms: int) -> Floats:
            rows = sockets.is_time_wait & (sockets.timer_ms > left_ms)
            counts = np.bincount(code[rows], minlength=len(self.destinations))
            return sorted_by_name(counts.astype(np.float64))

        return DumpSummary(
            mono=self.snapshot.dumped,
            held=int(np.count_nonzero(sockets.timer == Timer.TIMEWAIT)),
            names=names[order],
            live=live[order],
            used=sorted_by_name(used),
            running=with_more_than(0),
            lasting=with_more_than(LASTING_S * 1000),
        )


def take_reading(
    snapshot: Snapshot,
    recent: tuple[DumpSummary, ...] = (),
    failures: Failures | None = None,
    full_lately: Names = NO_NAMES,
) -> Reading:
    """Find ports, destinations and the timer wheel of a dump; the other arguments are those of Reading."""
    sockets = snapshot.sockets
    ports = ephemeral_ports(snapshot.limits, sockets)
    destinations = find_destinations(sockets, ports)
    return Reading(
        snapshot=snapshot,
        ports=ports,
        destinations=destinations,
        names=destinations.names(sockets.addresses),
        wheel=wheel(sockets.timer_ms[sockets.is_time_wait], snapshot.dumped, snapshot.timer_unit_ms),
        recent=recent,
        failures=failures,
        full_lately=full_lately,
    )
