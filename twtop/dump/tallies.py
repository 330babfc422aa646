"""How many sockets of each kind every destination has: all kinds are counted in one pass over the table."""

import enum
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from twtop.dump.destinations import Destinations
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.model import Counts, Mask, Rows, Sockets
from twtop.records import dataclass, freeze


class Kind(enum.IntFlag):
    """What may be true of a socket. A timer ends all timewait objects, TIME_WAIT and closed FIN_WAIT2. `OPEN` are on a
    port that connect() can choose now, and `FIRST` on one of the parity that it tries first.

    The others are not told by the socket alone. `ALONE` are on a port that no other outbound connection of their
    address has, `BOUND` on one that their client bound. connect() takes over `REUSABLE` ones, and nobody knows whether
    it does `DOUBTFUL` ones.
    """

    ANY = 0
    TIME_WAIT = 1
    ENDING = 2
    OPEN = 4
    FIRST = 8
    ALONE = 16
    BOUND = 32
    REUSABLE = 64
    DOUBTFUL = 128


Kinds = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """`counts` (kinds, destinations) are the sockets of each combination of kinds, up to the last one that occurs."""

    counts: Counts
    _present: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_present", np.flatnonzero(self.counts.any(axis=1)).tolist())
        freeze(self.counts)

    def of(self, has: Kind = Kind.ANY, lacks: Kind = Kind.ANY) -> Counts:
        """How many sockets of each destination are of all kinds that it `has`, and of none that it `lacks`."""
        wanted, unwanted = int(has), int(lacks)
        rows = [kind for kind in self._present if kind & wanted == wanted and not kind & unwanted]
        total: Counts = self.counts[rows[0]] if len(rows) == 1 else self.counts[rows].sum(axis=0)
        return total


@dataclass(frozen=True, slots=True, eq=False)
class SocketKinds:
    """`of_each` (sockets,) is the Kind of each socket, and `tallies` count them by destination."""

    of_each: Kinds
    tallies: Tallies

    def __post_init__(self) -> None:
        freeze(self.of_each)

    def also(self, which: Mask, kind: Kind, destinations: Destinations) -> Tallies:
        """The tallies if these sockets are of one more kind."""
        return tallies(self.of_each | marked(which, kind), destinations.code, len(destinations))


def socket_kinds(sockets: Sockets, ports: EphemeralPorts | None, destinations: Destinations) -> SocketKinds:
    """The kinds that the sockets show by themselves."""
    of_each = kinds(sockets, ports)
    return SocketKinds(of_each, tallies(of_each, destinations.code, len(destinations)))


def kinds(sockets: Sockets, ports: EphemeralPorts | None) -> Kinds:
    """The Kind of each socket, as far as it shows that itself: (sockets,). If the range is unknown, none is open."""
    waits, others = np.uint8(Kind.TIME_WAIT | Kind.ENDING), sockets.others
    if ports is None:
        found = np.full(len(sockets), waits)
    else:
        of_port = marked(ports.available, Kind.OPEN)
        of_port[ports.low & 1 :: 2] |= np.uint8(Kind.FIRST)
        found = (of_port | waits).take(sockets.lport)
    found[others] &= ~waits
    found[others] |= marked(sockets.is_timewait_object[others], Kind.ENDING)
    return found


def marked(which: Mask, kind: Kind) -> Kinds:
    """This kind for each of these sockets, and none for the others."""
    return which * np.uint8(int(kind))


def tallies(kind: Kinds, code: Rows, count: int) -> Tallies:
    """The tallies of `count` destinations; `kind` and `code` are those of each socket, −1 for none."""
    combinations = 1 << int(kind.max(initial=0)).bit_length()
    cell = (code + 1) * combinations
    cell += kind
    by_destination = np.bincount(cell, minlength=combinations * (count + 1)).reshape(-1, combinations)
    return Tallies(np.ascontiguousarray(by_destination[1:].T))
