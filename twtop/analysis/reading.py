"""One dump of the socket table, with what every part of the analysis needs, and what is kept of the dumps before it."""

from collections import deque
from dataclasses import dataclass, fields

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


@dataclass(frozen=True, slots=True, eq=False)
class DumpSummary:
    """Counts of one dump by budget, sorted by name: (budgets,).

    `live` counts connections that are not in TIME_WAIT, `used` all sockets in the budget, `running` the TIME_WAIT with
    time left, and `lasting` those with more than LASTING_S left. Of the budget that an address has for all destinations
    these three counts are 0. `full_at` is when the budget was last full, −∞ for never, and `asked_per_s` what it was
    asked for, NaN for unknown. `held` counts all timewait objects, closed FIN_WAIT2 included. `mono` is when the dump
    was read. Times are seconds of the monotonic clock.
    """

    mono: float
    held: int
    names: Names
    live: Floats
    used: Floats
    running: Floats
    lasting: Floats
    full_at: Floats
    asked_per_s: Floats

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)[2:]))

    def of(self, column: Floats, names: Names, missing: float = 0.0) -> Floats:
        """The entries of a column for the budgets with these names; `missing` for one that this dump did not have."""
        if not len(self.names):
            return np.full(len(names), missing)
        at = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return np.where(self.names[at] == names, column[at], missing)


@dataclass(frozen=True, slots=True, eq=False)
class BudgetState:
    """What later readings need to know of some budgets: (budgets,), as in DumpSummary."""

    names: Names
    live: Floats
    full_at: Floats
    asked_per_s: Floats


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
    the failed connects of the last minute, None where they are unknown.
    """

    snapshot: Snapshot
    ports: EphemeralPorts | None
    destinations: Destinations
    names: Names
    wheel: Wheel
    recent: tuple[DumpSummary, ...]
    failures: Failures | None = None

    @property
    def skipped_ports(self) -> int:
        """Ports that may stay free while connect() fails (EphemeralPorts); 0 where the range is unknown."""
        return self.ports.skipped_ports if self.ports else 0

    def summary(self, used: Floats, own: BudgetState, shared: BudgetState | None = None) -> DumpSummary:
        """The summary of this dump, with which later readings compare themselves.

        `used` (destinations,) counts the sockets in each budget, and `own` is the state of those budgets. `shared` are
        the budgets that one local address has for all destinations.
        """
        sockets, code = self.snapshot.sockets, self.destinations.code
        states = (own,) if shared is None else (own, shared)
        names = np.concatenate([state.names for state in states])
        order = np.argsort(names)

        def counts(column: Floats) -> Floats:
            return np.append(column, np.zeros(len(names) - len(column)))[order]

        def with_more_than(left_ms: int) -> Floats:
            rows = sockets.is_time_wait & (sockets.timer_ms > left_ms)
            return counts(np.bincount(code[rows], minlength=len(self.destinations)).astype(np.float64))

        return DumpSummary(
            mono=self.snapshot.dumped,
            held=int(np.count_nonzero(sockets.timer == Timer.TIMEWAIT)),
            names=names[order],
            live=np.concatenate([state.live for state in states])[order],
            used=counts(used),
            running=with_more_than(0),
            lasting=with_more_than(LASTING_S * 1000),
            full_at=np.concatenate([state.full_at for state in states])[order],
            asked_per_s=np.concatenate([state.asked_per_s for state in states])[order],
        )


def take_reading(snapshot: Snapshot, recent: tuple[DumpSummary, ...] = (), failures: Failures | None = None) -> Reading:
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
    )
