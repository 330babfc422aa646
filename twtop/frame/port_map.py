"""The ephemeral range of one destination, port by port: what holds each, in the two halves that connect() searches."""

import enum

import numpy as np
from numpy.typing import NDArray

from twtop.dump.reading import Reading
from twtop.records import dataclass, freeze


class PortKind(enum.IntEnum):
    """What holds a port towards the destination. A blocked port is closed to every connect(), or where the client binds
    first, to every bind() on its local address.

    TIME_WAIT has closed FIN_WAIT2 too: their timer ends both.
    """

    LIVE = 0
    TIME_WAIT = 1
    REUSABLE = 2
    BLOCKED = 3
    FREE = 4


@dataclass(frozen=True, slots=True, eq=False)
class PortMap:
    """The PortKind of each port, in ascending order: `first` are ports of the low end's parity, `second` the others."""

    destination: int
    low: int
    first: NDArray[np.uint8]
    second: NDArray[np.uint8]

    def __post_init__(self) -> None:
        freeze(self.first, self.second)


def port_map(reading: Reading, destination: int) -> PortMap:
    """The range as seen from an outbound destination, which is given by its number. The range must be known."""
    sockets, destinations, ports = reading.snapshot.sockets, reading.destinations, reading.ports
    assert ports is not None
    open_ports = ports.available
    rows = np.flatnonzero(destinations.code == destination)
    lport, ending = sockets.lport.take(rows), sockets.is_timewait_object.take(rows)
    reusable = np.zeros(len(rows), np.bool_)
    if reading.reuse.allowed[destination]:
        reusable, _ = reading.reuse.rows(sockets.take(rows), destinations.code.take(rows))
    if reading.choices is not None and reading.choices.binds_first[destination]:
        open_ports, reusable = open_ports | reading.choices.closed, np.zeros_like(reusable)
        of_address = (sockets.local == destinations.local[destination]) & (destinations.code != destination)
        open_ports[sockets.lport[of_address]] = False
    kind = np.where(open_ports, np.uint8(PortKind.FREE), np.uint8(PortKind.BLOCKED))
    member = open_ports[lport]
    kind[lport[member & ~ending]] = PortKind.LIVE
    kind[lport[member & ending]] = PortKind.TIME_WAIT
    kind[lport[member & reusable]] = PortKind.REUSABLE
    whole = kind[ports.low : ports.high + 1]
    return PortMap(destination, ports.low, whole[::2].copy(), whole[1::2].copy())


def cells(kinds: NDArray[np.uint8], width: int) -> list[PortKind]:
    """A strip of at most `width` cells, each a block of ports.

    A cell can show only one kind. The share of the other kinds in its block is carried over to the next cells, so that
    the shares are right over several cells. A block of a single kind is shown where it is.

    >>> [kind.name for kind in cells(np.array([1, 4, 1, 4, 4, 4, 4, 4], np.uint8), 4)]
    ['TIME_WAIT', 'FREE', 'FREE', 'FREE']
    """
    width = max(0, min(width, len(kinds)))
    if not width:
        return []
    length, longer = divmod(len(kinds), width)
    number = np.arange(width)
    starts = number * length + np.minimum(number, longer)
    found = [kind for kind in PortKind if (kinds == kind).any()]
    held = np.array([np.add.reduceat(kinds == kind, starts, dtype=np.intp) for kind in found])
    shares = (held / np.diff(starts, append=len(kinds))).T.tolist()
    owed = [0.0] * len(found)
    strip = []
    for share in shares:
        owed = [before + more for before, more in zip(owed, share, strict=True)]
        most = owed.index(max(owed))
        owed[most] -= 1
        strip.append(found[most])
    return strip
