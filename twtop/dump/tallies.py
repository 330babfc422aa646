"""How many sockets of each kind every destination has: all kinds are counted in one pass over the table."""

import enum
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.model import Counts, Mask, Rows, Sockets, freeze


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
        total: Counts = self.counts[rows].sum(axis=0)
        return total


def kinds(sockets: Sockets, ports: EphemeralPorts | None) -> Kinds:
    """The Kind of each socket, as far as it shows that itself: (sockets,). If the range is unknown, none is open."""
    found = marked(sockets.is_time_wait, Kind.TIME_WAIT) | marked(sockets.is_timewait_object, Kind.ENDING)
    if ports is not None:
        found |= marked(ports.available.take(sockets.lport), Kind.OPEN)
        found |= marked(sockets.lport & 1 == ports.low & 1, Kind.FIRST)
    return found


def marked(which: Mask, kind: Kind) -> Kinds:
    """This kind for each of these sockets, and none for the others."""
    return which * np.uint8(int(kind))


def tallies(kind: Kinds, code: Rows, count: int) -> Tallies:
    """The tallies of `count` destinations; `kind` and `code` are those of each socket, −1 for none."""
    size, combinations = count + 1, int(kind.max(initial=0)) + 1
    cell = kind * np.intp(size)
    cell += code
    cell += 1
    return Tallies(np.bincount(cell, minlength=combinations * size).reshape(combinations, size)[:, 1:])
