"""The local ports from which connect() may pick in this namespace."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.model import PORTS, Limits, Mask, Sockets, freeze

FALSE_ALARM = 1e-9
"""How likely connect() alone may be to fill some port as if it had been bound."""


@dataclass(frozen=True, slots=True, eq=False)
class EphemeralPorts:
    """Ports of ip_local_port_range, True per port (65536,).

    `chosen` are those that connect() chose if they are in use: neither reserved nor visibly bound by somebody else.
    `available` are those of them that it can choose now: neither listened on nor merely bound. `low` sets the parity
    that it tries first.
    """

    low: int
    high: int
    chosen: Mask
    available: Mask

    def __post_init__(self) -> None:
        freeze(self.chosen, self.available)

    @property
    def capacity(self) -> int:
        """C: what one destination can hold at all; connect() may fail `skipped_ports` ports before."""
        return int(np.count_nonzero(self.available))

    @property
    def skipped_ports(self) -> int:
        """Ports that may stay free while connect() fails with EADDRNOTAVAIL: 1 in a range of an odd size, else 0.

        __inet_hash_connect rounds the size of the range down to an even number and jumps back by that much at the high
        end. So in an odd range one port of the low end's parity is passed over: the low end itself, or the high end if
        the search begins at the low one. Where it begins moves only when a connect() succeeds: to repeat the one that
        failed is in vain. Measured on 6.18: about one destination in eight gets one port less.
        """
        size = self.high - self.low + 1
        return size % 2 if size > 1 else 0

    @property
    def first_parity(self) -> int:
        """Ports of the low end's parity: the ones that connect() tries first."""
        return int(np.count_nonzero(self.available[self.low % 2 :: 2]))


def ephemeral_ports(limits: Limits, sockets: Sockets) -> EphemeralPorts | None:
    """The range less reserved, listening and otherwise bound ports; None when the range is unknown.

    A port that any socket got by bind() is closed to every connect() of the namespace, whatever its address, and so is
    one whose listener left connections or TIME_WAIT behind (tb->fastreuse ≥ 0 in __inet_hash_connect). A port that
    connect() chose stays open to connect() towards other destinations.
    """
    if limits.port_range is None:
        return None
    low, high = limits.port_range
    chosen = np.zeros(PORTS, np.bool_)
    chosen[low : high + 1] = True
    for first, last in limits.reserved or ():
        chosen[first : last + 1] = False
    bound = np.zeros(PORTS, np.bool_)
    bound[sockets.lport[~sockets.is_connection]] = True
    chosen &= ~_overfull(low, high, chosen & ~bound, sockets)
    return EphemeralPorts(low, high, chosen, chosen & ~bound)


def _overfull(low: int, high: int, open_ports: Mask, sockets: Sockets) -> Mask:
    """Open ports with more connections than connect() can have given them: somebody bound them.

    connect() picks by 4-tuple: each destination (local IP, remote IP, remote port) searches on its own, from a place
    that a keyed hash of it sets, and takes a port at most once. So the connections on one port are a sum of
    independent yes-or-no's. One connect() comes upon a given port with a chance of at most w/n, where n ports have
    its parity and w is the longest way from one open port to the next. M connections then put at most μ = M·w/n on a
    port in the mean, and Chernoff bounds the chance of b or more by exp(b·(1 + ln(μ/b)) − μ). A port beyond belongs
    to a listener that is gone, to clients that bound it, or to a range of their own (IP_LOCAL_PORT_RANGE).

    Where few other sockets are, four connections on one port of the default range are enough to know.
    """
    load = np.bincount(sockets.lport[sockets.is_connection], minlength=PORTS) * open_ports
    halves = [open_ports[start : high + 1 : 2] for start in (low, low + 1) if start <= high]
    mean = load.sum() * max(_widest_step(half) / len(half) for half in halves)
    used = np.flatnonzero(load > mean)
    count = load[used].astype(np.float64)
    log_chance = count * (1 + np.log(mean / count)) - mean if mean else np.zeros(0)
    overfull = np.zeros(PORTS, np.bool_)
    overfull[used[log_chance < math.log(FALSE_ALARM / (high - low + 1))]] = True
    return overfull


def _widest_step(open_ports: NDArray[Any]) -> int:
    """The longest way from one open port to the next, round the end.

    >>> _widest_step(np.array([1, 1, 0, 0, 1])), _widest_step(np.array([0, 0, 1, 0])), _widest_step(np.array([0]))
    (3, 4, 1)
    """
    at = np.flatnonzero(open_ports)
    return int(np.diff(at, append=at[0] + len(open_ports)).max()) if len(at) else len(open_ports)
