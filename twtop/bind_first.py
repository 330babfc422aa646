"""Does a client bind() before it connect()s? Then its budget is one per local IP, over all destinations.

bind(ip, 0) takes a port that no other socket of that IP has (inet_csk_get_port), whatever the destination, and fails
with EADDRINUSE when there is none; the ports it took are closed to every connect(). IP_BIND_ADDRESS_NO_PORT leaves the
choice to connect(). No socket says how it got its port, but all of an address together do: connect() chooses for each
destination anew, and so uses ports twice by chance.
"""

from dataclasses import dataclass, fields

import numpy as np

from twtop.destinations import Destinations
from twtop.factorize import distinct, factorize, fused
from twtop.model import Codes, Counts, Direction, Floats, Mask, Sockets, freeze
from twtop.port_space import PortSpace

EXPECTED_SHARE = 0.2
"""Part of the sockets that connect() would have put on a port in use already, from which their lack tells something.

Then the walks of the destinations through the range, which take a port in four or five, overlap for certain: in
simulations of two to eighty of them connect() never came below three fifths of the mean.
"""

EXPECTED_SOCKETS = 16
SEEN_OF_EXPECTED = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class BindFirst:
    """One entry per local address that has outbound connections, TIME_WAIT included.

    `ports` are its distinct local ports, `by_connect` how many these would be, in the mean, had connect() chosen them.
    `holds`: the client binds first, so that at a `pressure` of 1 its bind() fails, whatever the destination.
    """

    local: Codes
    sockets: Counts
    destinations: Counts
    ports: Counts
    by_connect: Floats
    pressure: Floats
    holds: Mask

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)))


def bind_first(sockets: Sockets, space: PortSpace, places: Destinations) -> BindFirst:
    """Compare the local ports of each address with what connect() would have chosen.

    Of n ports that connect() tries first, a destination with k connections holds each with a chance of k/n. Over
    all destinations n·(1 − Π(1 − k/n)) are in use; past the cliff the rest of k falls to the other parity alike.
    """
    rows = np.flatnonzero((places.per_socket() == Direction.OUTBOUND) & space.available[sockets.lport])
    held = np.bincount(places.code[rows], minlength=len(places))
    used = np.flatnonzero(held)
    owner, bearers = factorize(places.local[used].astype(np.uint64))
    local, count = places.local[used][bearers], len(bearers)
    total = np.bincount(owner, held[used], count).astype(np.int64)
    first, second = space.first_parity, space.capacity - space.first_parity
    beyond = np.maximum(held[used] - first, 0)
    by_connect = _distinct(owner, held[used] - beyond, first, count) + _distinct(owner, beyond, second, count)
    number = np.zeros(len(sockets.addresses), np.int32)
    number[local] = np.arange(count)
    taken = distinct(fused((number[sockets.local[rows]], 32), (sockets.lport[rows], 16)))
    ports = np.bincount((taken >> np.uint64(16)).astype(np.intp), minlength=count)
    expected, seen = total - by_connect, total - ports
    telling = expected >= np.maximum(EXPECTED_SHARE * total, EXPECTED_SOCKETS)
    return BindFirst(
        local=local,
        sockets=total,
        destinations=np.bincount(owner, minlength=count),
        ports=ports,
        by_connect=by_connect,
        pressure=ports / max(space.capacity, 1),
        holds=telling & (seen <= SEEN_OF_EXPECTED * expected),
    )


def _distinct(owner: Codes, held: Counts, among: int, count: int) -> Floats:
    """How many of `among` ports are in use, in the mean, when each destination holds so many of them by chance.

    >>> _distinct(np.array([0, 0, 1], np.int32), np.array([50, 50, 7]), among=100, count=2).tolist()
    [75.0, 7.0]
    """
    if not among:
        return np.zeros(count)
    with np.errstate(divide="ignore"):
        log_free = np.bincount(owner, np.log1p(-np.minimum(held / among, 1.0)), count)
    return np.round(among * -np.expm1(log_free), 6)
