"""The local ends of sockets, by number: a port that a socket holds is held for its address, and may be held twice."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import factorize, fused
from twtop.model import PORTS, Codes, Counts, Mask, Rows, Sockets, freeze

FEW = 8
"""Of so many local addresses, each port has a number of its own: 512 KiB of counters for each address."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalEnds:
    """`number` (sockets,) is below `size`, and equal for two sockets if they have the same local address and port.

    `per_end` (size,) and `per_port` (65536,) are how many sockets have each. `examples` (size,) are a socket of each
    end. Where addresses are few it is None, and the ends are all ports of each of `own`, their indexes, in turn.
    """

    number: Rows
    size: int
    local: Codes
    lport: NDArray[np.uint16]
    own: Rows
    examples: Rows | None
    per_end: Counts = field(init=False)
    per_port: Counts = field(init=False)

    def __post_init__(self) -> None:
        per_end = np.bincount(self.number, minlength=self.size)
        few = self.examples is None
        per_port = per_end.reshape(-1, PORTS).sum(axis=0) if few else np.bincount(self.lport, minlength=PORTS)
        object.__setattr__(self, "per_end", per_end)
        object.__setattr__(self, "per_port", per_port)
        freeze(self.number, self.own, self.examples, self.per_end, self.per_port)

    def count(self, which: Mask) -> Counts:
        """How many of these sockets have each end: (size,). Those that are fewer are counted, these or all others."""
        rest = 2 * np.count_nonzero(which) > len(which)
        counted = np.bincount(self.number[~which if rest else which], minlength=self.size)
        return self.per_end - counted if rest else counted

    def places(self, ends: Rows) -> tuple[Codes, NDArray[np.uint16]]:
        """(the local address, the port) of each of these ends, at least one socket of which there is."""
        if self.examples is None:
            return self.own.astype(np.int32).take(ends // PORTS), (ends % PORTS).astype(np.uint16)
        rows = self.examples.take(ends)
        return self.local.take(rows), self.lport.take(rows)


def local_ends(sockets: Sockets) -> LocalEnds:
    """Number the local ends. Where addresses are few nothing is searched or sorted: address and port are the number."""
    local, lport = sockets.local, sockets.lport
    own = np.flatnonzero(np.bincount(local, minlength=len(sockets.addresses)))
    if len(own) > FEW:
        numbers, examples = factorize(fused((local, 32), (lport, 16)))
        return LocalEnds(numbers, len(examples), local, lport, own, examples)
    place = np.zeros(len(sockets.addresses), np.intp)
    place[own] = np.arange(len(own)) * PORTS
    return LocalEnds(place.take(local) + lport, len(own) * PORTS, local, lport, own, None)
