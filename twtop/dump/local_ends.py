"""The local ends of sockets, by number: a port that a socket holds is held for its address, and may be held twice."""

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import factorize, fused
from twtop.model import PORTS, Codes, Counts, Mask, Rows, Sockets, freeze


@dataclass(frozen=True, slots=True, eq=False)
class LocalEnds:
    """`number` (sockets,) is that of each socket's end. Of each end, (ends,), there are the `local` address, as in
    Sockets, and the `port`.

    `per_end` (ends,) and `per_port` (65536,) are how many sockets have each.
    """

    number: Rows
    local: Codes
    port: NDArray[np.uint16]
    per_end: Counts
    per_port: Counts = field(init=False)

    def __post_init__(self) -> None:
        per_port = np.bincount(self.port, self.per_end, PORTS).astype(np.int64)
        object.__setattr__(self, "per_port", per_port)
        freeze(*(getattr(self, f.name) for f in fields(self)))

    def __len__(self) -> int:
        return len(self.port)

    def count(self, which: Mask) -> Counts:
        """How many of these sockets have each end: (ends,). Those that are fewer are counted, these or all others."""
        rest = 2 * np.count_nonzero(which) > len(which)
        counted = np.bincount(self.number[~which if rest else which], minlength=len(self))
        return self.per_end - counted if rest else counted


def local_ends(sockets: Sockets) -> LocalEnds:
    """Number the local ends. Where addresses are few for so many sockets, address and port need no search."""
    local, lport = sockets.local, sockets.lport
    own = np.flatnonzero(np.bincount(local, minlength=len(sockets.addresses)))
    if len(own) * PORTS > 2 * len(local):
        number, rows = factorize(fused((local, 32), (lport, 16)))
        return LocalEnds(number, local[rows], lport[rows], np.bincount(number, minlength=len(rows)))
    place = np.zeros(len(sockets.addresses), np.intp)
    place[own] = np.arange(len(own)) * PORTS
    cell = place.take(local)
    cell += lport
    count = np.bincount(cell, minlength=len(own) * PORTS)
    held = np.flatnonzero(count)
    number = np.empty(len(count), np.intp)
    number[held] = np.arange(len(held))
    address, port = own.astype(np.int32).take(held // PORTS), (held % PORTS).astype(np.uint16)
    return LocalEnds(number.take(cell), address, port, count[held])
