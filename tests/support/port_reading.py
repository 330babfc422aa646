"""Port budgets of a snapshot or of described sockets, and the row of one destination."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.support.sock_diag_dump import Block, make_sample
from twtop.analysis.analysis import Analysis
from twtop.budgets.port_budgets import PortBudgets, port_budgets
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.dump.failures import Failures
from twtop.dump.reading import NOTHING, DumpSummary, Known, Reading, take_reading
from twtop.dump.reuse import PeerTimestamps, service_names
from twtop.formatting import address as text_of
from twtop.model import Direction, Snapshot, Timestamps
from twtop.sources.decode import decode

Ends = tuple[str, str, int]
"""Local address, remote address and service port, as twtop shows them."""


def find(reading: Reading | Analysis, ends: Ends, device: int = 0) -> int | None:
    """The destination with these ends on this device, as seen from the client; None where there is none.

    Outbound ones go first.
    """
    destinations, addresses = reading.destinations, reading.snapshot.sockets.addresses
    found = [
        destination
        for destination in np.flatnonzero(
            (destinations.direction != Direction.INBOUND) & (destinations.device == device)
        ).tolist()
        if (
            text_of(addresses.integer(destinations.local[destination])),
            text_of(addresses.integer(destinations.remote[destination])),
            int(destinations.port[destination]),
        )
        == ends
    ]
    found.sort(key=lambda destination: destinations.direction[destination] != Direction.OUTBOUND)
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Left:
    """How many more connections twtop says can be made: one number, or a range where it cannot be known."""

    at_least: int
    at_most: int

    def __str__(self) -> str:
        return f"{self.at_most}" if self.at_least == self.at_most else f"{self.at_least}–{self.at_most}"


def left(found: Analysis, ends: Ends) -> Left:
    """What twtop says is left to these ends. One without a socket has the whole budget of connect()."""
    destination, ports, budgets = find(found, ends), found.reading.ports, found.budgets
    assert ports
    if destination is None or found.destinations.direction[destination] != Direction.OUTBOUND:
        unclear = int(np.count_nonzero(ports.unclear)) + ports.skipped_ports
        return Left(max(ports.capacity - unclear, 0), ports.capacity)
    return Left(int(budgets.left_at_least[destination]), int(budgets.left_at_most[destination]))


@dataclass(frozen=True, slots=True)
class PortReading:
    """A reading and its port budgets."""

    reading: Reading
    ports: EphemeralPorts
    budgets: PortBudgets

    def find(self, ends: Ends, device: int = 0) -> int | None:
        """The destination with these ends on this device, as seen from the client; None where there is none."""
        return find(self.reading, ends, device)

    def left(self, ends: Ends, device: int = 0) -> float:
        """How many more connections twtop says can be made."""
        destination, budgets = self.find(ends, device), self.budgets
        if destination is None:
            return self.ports.capacity
        return float(budgets.capacity[destination] - budgets.used[destination] + budgets.reusable[destination])

    def summary(self) -> DumpSummary:
        """The summary with which the next reading compares itself."""
        return self.reading.summary(self.budgets.used, self.budgets.state(self.reading.names))


def analyse(
    snapshot: Snapshot,
    recent: Sequence[DumpSummary] = (),
    failures: Failures | None = None,
    known: Known = NOTHING,
) -> PortReading:
    """Read a snapshot and its budgets. The port range must be known."""
    reading = take_reading(snapshot, tuple(recent), failures, known)
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
    peers: Timestamps = Timestamps.USED,
) -> PortReading:
    """The same, of described sockets under these sysctls. `peers` is what is known of all services' timestamps."""
    sample = make_sample(
        *blocks,
        at=at,
        port_range=port_range,
        reserved=reserved,
        tw_reuse=tw_reuse,
        tw_reuse_delay=tw_reuse_delay,
        timestamps=timestamps,
    )
    snapshot = decode(sample)
    return analyse(snapshot, recent, failures, told(snapshot, peers))


def told(snapshot: Snapshot, peers: Timestamps) -> Known:
    """That all services of a snapshot have been seen to use timestamps, or not to, or nothing."""
    if peers is Timestamps.UNKNOWN:
        return NOTHING
    names = np.unique(service_names(snapshot.sockets, take_reading(snapshot).destinations))
    seen, never = np.zeros(len(names)), np.full(len(names), -np.inf)
    used = peers is Timestamps.USED
    return Known(timestamps=PeerTimestamps(names, seen if used else never, never if used else seen))
