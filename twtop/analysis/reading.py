"""One dump of the socket table, with what every part of the analysis needs."""

from dataclasses import dataclass

import numpy as np

from twtop.analysis.destinations import Destinations, Names, find_destinations
from twtop.analysis.ephemeral_ports import EphemeralPorts, ephemeral_ports
from twtop.analysis.recent_dumps import LASTING_S, DumpSummary
from twtop.analysis.timer_wheel import Wheel, wheel
from twtop.model import Floats, Snapshot, Timer


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """`ports` is None where the port range is unknown. `names` (destinations,) are hashes that stay the same from dump
    to dump (Destinations.names). `recent` are summaries of the dumps of the last seconds, oldest first.
    """

    snapshot: Snapshot
    ports: EphemeralPorts | None
    destinations: Destinations
    names: Names
    wheel: Wheel
    recent: tuple[DumpSummary, ...]

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


def take_reading(snapshot: Snapshot, recent: tuple[DumpSummary, ...] = ()) -> Reading:
    """Find ports, destinations and the timer wheel of a dump; `recent` summarizes earlier dumps, oldest first."""
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
    )
