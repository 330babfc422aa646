"""The local ends of sockets, by number: a port that a socket holds is held for its address, and may be held twice."""

from dataclasses import dataclass

import numpy as np

from twtop.arrays import factorize, fused
from twtop.model import PORTS, Counts, Mask, Rows, Sockets, freeze

FEW = 64
"""Of so many local addresses, each port has a number of its own: 512 KiB of counters for each address."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalEnds:
    """`number` (sockets,) is below `size`, and equal for two sockets if they have the same local address and port."""

    number: Rows
    size: int

    def __post_init__(self) -> None:
        freeze(self.number)

    def count(self, rows: Rows | Mask) -> Counts:
        """How many of these sockets have each end: (size,)."""
        return np.bincount(self.number[rows], minlength=self.size)


def local_ends(sockets: Sockets) -> LocalEnds:
    """Number the local ends. Where addresses are few nothing is searched or sorted: address and port are the number."""
    own = np.flatnonzero(np.bincount(sockets.local, minlength=len(sockets.addresses)))
    if len(own) > FEW:
        codes, examples = factorize(fused((sockets.local, 32), (sockets.lport, 16)))
        return LocalEnds(codes, len(examples))
    place = np.zeros(len(sockets.addresses), np.intp)
    place[own] = np.arange(len(own)) * PORTS
    return LocalEnds(place[sockets.local] + sockets.lport, len(own) * PORTS)
