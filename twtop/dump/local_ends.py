"""The local ends of sockets, by number: a port that a socket holds is held for its address, and may be held twice."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import factorize, fused
from twtop.model import PORTS, Codes, Counts, Mask, Rows, Sockets
from twtop.records import dataclass, freeze


class _Numbered(NamedTuple):
    """See LocalEnds."""

    number: Rows
    local: Codes
    port: NDArray[np.uint16]
    per_end: Counts


@dataclass(frozen=True, eq=False)
class LocalEnds:
    """`number` (sockets,) is that of each socket's end. Of each end, (ends,), there are the `local` address, as in
    Sockets, and the `port`.

    `per_end` (ends,) and `per_port` (65536,) are how many sockets have each. The ends are numbered when somebody asks:
    most tables are judged by the ports alone.
    """

    sockets: Sockets

    @cached_property
    def per_port(self) -> Counts:
        count = np.bincount(self.sockets.lport, minlength=PORTS)
        freeze(count)
        return count

    @cached_property
    def _numbered(self) -> _Numbered:
        found = _number(self.sockets)
        freeze(*found)
        return found

    @property
    def number(self) -> Rows:
        return self._numbered.number

    @property
    def local(self) -> Codes:
        return self._numbered.local

    @property
    def port(self) -> NDArray[np.uint16]:
        return self._numbered.port

    @property
    def per_end(self) -> Counts:
        return self._numbered.per_end

    def __len__(self) -> int:
        return len(self.port)

    def count(self, which: Mask) -> Counts:
        """How many of these sockets have each end: (ends,). Those that are fewer are counted, these or all others."""
        rest = 2 * np.count_nonzero(which) > len(which)
        counted = np.bincount(self.number[~which if rest else which], minlength=len(self))
        return self.per_end - counted if rest else counted


def _number(sockets: Sockets) -> _Numbered:
    """Number the local ends. Where addresses are few for so many sockets, address and port need no search."""
    local, lport = sockets.local, sockets.lport
    own = np.flatnonzero(np.bincount(local, minlength=len(sockets.addresses)))
    if len(own) * PORTS > 2 * len(local):
        number, rows = factorize(fused((local, 32), (lport, 16)))
        return _Numbered(number, local[rows], lport[rows], np.bincount(number, minlength=len(rows)))
    place = np.zeros(len(sockets.addresses), np.intp)
    place[own] = np.arange(len(own)) * PORTS
    cell = place.take(local)
    cell += lport
    count = np.bincount(cell, minlength=len(own) * PORTS)
    held = np.flatnonzero(count)
    number = np.empty(len(count), np.intp)
    number[held] = np.arange(len(held))
    address, port = own.astype(np.int32).take(held // PORTS), (held % PORTS).astype(np.uint16)
    return _Numbered(number.take(cell), address, port, count[held])
