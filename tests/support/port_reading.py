"""A snapshot through the whole port-budget engine, and one route's row of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.support.sock_diag_dump import Block, make_sample
from twtop.analysis.destinations import Destinations, find_destinations
from twtop.analysis.ephemeral_ports import EphemeralPorts, ephemeral_ports
from twtop.analysis.port_budgets import PortBudgets, port_budgets
from twtop.analysis.recent_dumps import DumpSummary, summarize_dump
from twtop.analysis.timer_wheel import Wheel, wheel
from twtop.formatting import address as text_of
from twtop.model import Direction, Snapshot
from twtop.sources.decode import decode

Ends = tuple[str, str, int]
"""Local address, remote address and service port, as twtop shows them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What twtop makes of one snapshot."""

    snapshot: Snapshot
    space: EphemeralPorts
    destinations: Destinations
    clock: Wheel
    budget: PortBudgets

    def find(self, ends: Ends) -> int | None:
        """The client's side of these ends; None without a connection."""
        table, destinations = self.snapshot.sockets.addresses, self.destinations
        found = [
            destination
            for destination in np.flatnonzero(destinations.direction != Direction.INBOUND).tolist()
            if (
                text_of(table.integer(destinations.local[destination])),
                text_of(table.integer(destinations.remote[destination])),
                int(destinations.port[destination]),
            )
            == ends
        ]
        assert len(found) <= 1, f"{ends} is there {len(found)} times"
        return found[0] if found else None

    def left(self, ends: Ends) -> float:
        """How many more connections twtop says can be made."""
        destination = self.find(ends)
        if destination is None:
            return self.space.capacity
        return float(
            self.budget.capacity[destination] - self.budget.used[destination] + self.budget.reusable[destination]
        )

    def summarize_dump(self) -> DumpSummary:
        """What the next reading wants to know of this one."""
        return summarize_dump(self.snapshot, self.destinations, self.budget.used, self.budget.time_wait)


def analyse(snapshot: Snapshot, past: Sequence[DumpSummary] = ()) -> Reading:
    """The namespace must have a port range."""
    sockets = snapshot.sockets
    space = ephemeral_ports(snapshot.limits, sockets)
    assert space
    destinations = find_destinations(sockets, space)
    clock = wheel(sockets.timer_ms[sockets.is_time_wait], snapshot.mono)
    return Reading(snapshot, space, destinations, clock, port_budgets(snapshot, space, destinations, clock, past))


def described(
    *blocks: Block,
    at: float = 0,
    past: Sequence[DumpSummary] = (),
    port_range: tuple[int, int] = (32_768, 60_999),
    reserved: str = "",
    tw_reuse: int | None = 0,
    tw_reuse_delay: int | None = 1000,
    timestamps: int | None = 1,
) -> Reading:
    """The same for described sockets."""
    sample = make_sample(
        *blocks,
        at=at,
        port_range=port_range,
        reserved=reserved,
        tw_reuse=tw_reuse,
        tw_reuse_delay=tw_reuse_delay,
        timestamps=timestamps,
    )
    return analyse(decode(sample), past)
