"""Port budgets of a snapshot or of described sockets, and the row of one destination."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.support.sock_diag_dump import Block, make_sample
from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.analysis.failures import Failures
from twtop.analysis.port_budgets import PortBudgets, port_budgets
from twtop.analysis.reading import DumpSummary, Reading, take_reading
from twtop.formatting import address as text_of
from twtop.model import Direction, Snapshot
from twtop.sources.decode import decode

Ends = tuple[str, str, int]
"""Local address, remote address and service port, as twtop shows them."""


@dataclass(frozen=True, slots=True)
class PortReading:
    """A reading and its port budgets."""

    reading: Reading
    ports: EphemeralPorts
    budgets: PortBudgets

    def find(self, ends: Ends) -> int | None:
        """The destination with these ends, as seen from the client; None where there is none."""
        table, destinations = self.reading.snapshot.sockets.addresses, self.reading.destinations
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
        destination, budgets = self.find(ends), self.budgets
        if destination is None:
            return self.ports.capacity
        return float(budgets.capacity[destination] - budgets.used[destination] + budgets.reusable[destination])

    def summary(self) -> DumpSummary:
        """The summary with which the next reading compares itself."""
        return self.reading.summary(self.budgets.used, self.budgets.state(self.reading.names))


def analyse(snapshot: Snapshot, recent: Sequence[DumpSummary] = (), failures: Failures | None = None) -> PortReading:
    """Read a snapshot and its budgets. The port range must be known."""
    reading = take_reading(snapshot, tuple(recent), failures)
    assert reading.ports
    return PortReading(reading, reading.ports, port_budgets(reading))


def described(
    *blocks: Block,
    at: float = 0,
    recent: Sequence[DumpSummary] = (),
    port_range: tuple[int, int] = (32_768, 60_999),
    reserved: str = "",
    tw_reuse: int | None = 0,
    tw_reuse_delay: int | None = 1000,
    timestamps: int | None = 1,
    failures: Failures | None = None,
) -> PortReading:
    """The same, of described sockets under these sysctls."""
    sample = make_sample(
        *blocks,
        at=at,
        port_range=port_range,
        reserved=reserved,
        tw_reuse=tw_reuse,
        tw_reuse_delay=tw_reuse_delay,
        timestamps=timestamps,
    )
    return analyse(decode(sample), recent, failures)
