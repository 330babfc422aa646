"""The local ports from which connect() may pick in this namespace."""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from twtop.model import PORTS, Counts, Limits, Mask, Sockets
from twtop.records import dataclass, freeze

FALSE_ALARM = 1e-9
"""The chance, for a whole range, that a port which only connect() uses is taken for a bound one."""


@dataclass(frozen=True, slots=True, eq=False)
class EphemeralPorts:
    """The ports of ip_local_port_range, `low` and `high` included. Masks are over all port numbers: (65536,).

    `unreserved` are those that ip_local_reserved_ports leaves. If a port of `chosen` is in use, a client chose it: it
    is neither reserved, nor has it more connections than clients give to one port. `available` are those of them that
    connect() can choose now, because nobody holds them by bind(). Of these, `unclear` ones may be held so: nobody sees
    how they were chosen (port_choice). connect() first tries the ports of the same parity as `low`.
    """

    low: int
    high: int
    unreserved: Mask
    chosen: Mask
    available: Mask
    unclear: Mask

    def __post_init__(self) -> None:
        freeze(self.unreserved, self.chosen, self.available, self.unclear)

    def without(self, closed: NDArray[np.uint16]) -> "EphemeralPorts":
        """The same, where connect() cannot choose these ports now."""
        available = self.available.copy()
        available[closed] = False
        return replace(self, available=available)

    @property
    def capacity(self) -> int:
        """The most ports that one destination can hold. connect() may fail while `skipped_ports` of them are free."""
        return int(np.count_nonzero(self.available))

    @property
    def skipped_ports(self) -> int:
        """Ports that may stay free while connect() fails with EADDRNOTAVAIL: 1 in a range of an odd size, else 0.

        __inet_hash_connect rounds the size of the range down to an even number, and jumps back by that much at the high
        end. So in an odd range it skips one port of the low end's parity: the low end itself, or the high end if the
        search begins at the low one. The search begins elsewhere only after a connect() that succeeds, so repeating the
        one that failed does not help. Measured on Linux 6.18: about one destination in eight gets one port less.
        """
        size = self.high - self.low + 1
        return size % 2 if size > 1 else 0

    @property
    def first_parity(self) -> int:
        """How many available ports have the low end's parity. connect() tries these first."""
        return int(np.count_nonzero(self.available[self.low % 2 :: 2]))


def ephemeral_ports(limits: Limits, sockets: Sockets, per_port: Counts) -> EphemeralPorts | None:
    """The range without reserved, listening and visibly bound ports; None where the range is unknown.

    `per_port` is as in LocalEnds. A port that any socket got by bind() is closed to every connect() of the namespace,
    whatever the address. So is a port whose listener left connections or TIME_WAIT behind (tb->fastreuse ≥ 0 in
    __inet_hash_connect). A port that connect() chose stays open to a connect() to any other destination.
    """
    if limits.port_range is None:
        return None
    low, high = limits.port_range
    unreserved = np.zeros(PORTS, np.bool_)
    unreserved[low : high + 1] = True
    for first, last in limits.reserved or ():
        unreserved[first : last + 1] = False
    bound = np.zeros(PORTS, np.bool_)
    bound[sockets.lport[sockets.unconnected]] = True
    chosen = unreserved & ~_overfull(low, high, unreserved & ~bound, per_port)
    return EphemeralPorts(low, high, unreserved, chosen, chosen & ~bound, np.zeros(PORTS, np.bool_))


def _overfull(low: int, high: int, open_ports: Mask, per_port: Counts) -> Mask:
    """Mask of the open ports with more connections than connect() can have given them: somebody bound these ports.

    connect() searches a port for each destination (local IP, remote IP, remote port) on its own. The search begins
    where a keyed hash of the destination says, and takes a port at most once. So the number of connections on one port
    is a sum of independent yes-or-no variables. One connect() takes a given port with a chance of at most w/n, where n
    ports have its parity and w is the longest distance from one open port to the next. With M connections, the mean on
    a port is at most μ = M·w/n, and by Chernoff's bound the chance of b or more is at most exp(b·(1 + ln(μ/b)) − μ). A
    port beyond that belongs to a listener that is gone, to clients that bound it, or to clients with a range of their
    own (IP_LOCAL_PORT_RANGE).

    In a table of few sockets, four connections on one port of the default range are enough to tell.
    """
    within = slice(low, high + 1)
    load = per_port[within] * open_ports[within]
    halves = [open_ports[start : high + 1 : 2] for start in (low, low + 1) if start <= high]
    mean = load.sum() * max(_widest_step(half.tobytes()) / len(half) for half in halves)
    count = np.arange(math.floor(mean) + 1, load.max() + 1)
    log_chance = count * (1 + np.log(mean / count)) - mean if mean else np.zeros(0)
    too_many = count[log_chance < math.log(FALSE_ALARM / (high - low + 1))]
    overfull = np.zeros(PORTS, np.bool_)
    overfull[within] = load >= (too_many[0] if len(too_many) else PORTS**2)
    return overfull


@lru_cache(maxsize=8)
def _widest_step(open_ports: bytes) -> int:
    """The longest distance from one open port to the next; after the last port comes the first. Remembered, since ports
    are bound and listened on seldom.

    >>> _widest_step(bytes([1, 1, 0, 0, 1])), _widest_step(bytes([0, 0, 1, 0])), _widest_step(bytes([0]))
    (3, 4, 1)
    """
    at = np.flatnonzero(np.frombuffer(open_ports, np.bool_))
    return int(np.diff(at, append=at[0] + len(open_ports)).max()) if len(at) else len(open_ports)
