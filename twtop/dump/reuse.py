"""Which TIME_WAIT connect() may take over (tcp_tw_reuse), as far as the peers' timestamps are known.

tcp_twsk_unique() allows it to all peers if tcp_tw_reuse is 1, and to loopback alone if it is 2. In both cases the old
connection must have had timestamps (RFC 7323), which both ends have to offer. No TIME_WAIT shows whether it had them,
but a live connection to the same service does (TCPI_OPT_TIMESTAMPS).
"""

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import address_names, factorize, index_of, mixed
from twtop.dump.destinations import Destinations, Names
from twtop.dump.directions import listened_here
from twtop.model import Direction, Floats, Limits, Mask, Rows, Sockets, Timestamps
from twtop.records import dataclass, freeze, freeze_columns

DEFAULT_REUSE_DELAY_MS = 1000
"""Kernels without tcp_tw_reuse_delay wait a whole second (tcp_twsk_unique)."""

LOOPBACK_IFINDEX = 1
"""include/net/net_namespace.h: `lo` has this number in every namespace."""

AGREE_S = 120.0
"""Where a service's connections of so many seconds differ, several machines stand behind it: its timestamps are
unknown."""

MOST_SERVICES = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class PeerTimestamps:
    """What live connections have shown of the services that they lead to: (services,), in ascending order of `names`.

    `with_at` and `without_at` are when a connection with timestamps and one without were last seen, in seconds of the
    monotonic clock, −∞ for never.
    """

    names: Names
    with_at: Floats
    without_at: Floats

    def __post_init__(self) -> None:
        freeze_columns(self)

    @classmethod
    def nothing(cls) -> "PeerTimestamps":
        return cls(np.zeros(0, np.uint64), np.zeros(0), np.zeros(0))

    def of(self, services: Names) -> NDArray[np.uint8]:
        """The Timestamps of each of these services."""
        at = index_of(services, self.names)
        seen, unseen = np.append(self.with_at, -np.inf)[at], np.append(self.without_at, -np.inf)[at]
        with np.errstate(invalid="ignore"):
            differ = np.abs(seen - unseen) <= AGREE_S
        newest = np.where(seen > unseen, np.uint8(Timestamps.USED), np.uint8(Timestamps.NOT_USED))
        return np.where(differ | (seen == unseen), np.uint8(Timestamps.UNKNOWN), newest)

    def after(self, sockets: Sockets, destinations: Destinations, mono: float) -> "PeerTimestamps":
        """The same with what the sockets of a dump at `mono` show. The oldest beyond MOST_SERVICES are forgotten."""
        rows = sockets.others[sockets.timestamps[sockets.others] != Timestamps.UNKNOWN]
        rows = rows[destinations.code[rows] >= 0]
        if not len(rows):
            return self
        count, code = len(destinations), destinations.code[rows]
        used = sockets.timestamps[rows] == Timestamps.USED
        has, lacks = (np.bincount(code[some], minlength=count) > 0 for some in (used, ~used))
        shown = np.flatnonzero((has | lacks) & (destinations.direction != Direction.INBOUND))
        found = service_names(sockets, destinations)[shown]
        names = np.append(found, self.names)
        with_at = np.append(np.where(has[shown], mono, -np.inf), self.with_at)
        without_at = np.append(np.where(lacks[shown], mono, -np.inf), self.without_at)
        number, example = factorize(names)
        with_last, without_last = (np.full(len(example), -np.inf) for _ in range(2))
        np.maximum.at(with_last, number, with_at)
        np.maximum.at(without_last, number, without_at)
        newest = np.argsort(-np.maximum(with_last, without_last), kind="stable")[:MOST_SERVICES]
        kept = newest[np.argsort(names[example][newest])]
        return PeerTimestamps(names[example][kept], with_last[kept], without_last[kept])


def service_names(sockets: Sockets, destinations: Destinations) -> Names:
    """A 64-bit hash of (remote address, service port, device) of each destination that is the same in every dump."""
    remote = address_names(sockets.addresses)[destinations.remote]
    return mixed(remote + destinations.port + (destinations.device.astype(np.uint64) << np.uint64(16)))


@dataclass(frozen=True, slots=True, eq=False)
class Reuse:
    """What connect() may do with the TIME_WAIT of each destination once they are older than `delay_ms`.

    `allowed` and `unclear` are masks (destinations,): it takes them over for certain, or it does if the connections had
    timestamps, which nobody knows. All are unclear where a sysctl is unknown. `by_peer` masks those where it depends on
    the peer's timestamps, which live connections show.
    """

    delay_ms: int
    allowed: Mask
    unclear: Mask
    by_peer: Mask

    def __post_init__(self) -> None:
        freeze(self.allowed, self.unclear, self.by_peer)

    def rows(self, sockets: Sockets, code: Rows) -> tuple[Mask, Mask]:
        """Masks (sockets,) of the TIME_WAIT that connect() takes over now, and of those about which that is unclear.

        `code` is the destination of each socket, −1 for none. connect() never takes over a closed FIN_WAIT2.
        """
        old = sockets.age_ms > self.delay_ms

        def old_of(which: Mask) -> Mask:
            if not which.any():
                return np.zeros(len(old), np.bool_)
            found: Mask = old & np.append(which, False).take(code)
            return found

        return old_of(self.allowed), old_of(self.unclear)


def reuse_of(limits: Limits, sockets: Sockets, destinations: Destinations, known: PeerTimestamps) -> Reuse:
    """What connect() may do with the TIME_WAIT of each destination of a dump.

    A peer in this very namespace offers timestamps as this end does, so it is known by tcp_timestamps.
    """
    delay_ms = reuse_delay_ms(limits)
    clients = destinations.direction != Direction.INBOUND
    nothing = np.zeros(len(destinations), np.bool_)
    if limits.tw_reuse == 0 or limits.timestamps == 0:
        return Reuse(delay_ms, nothing, nothing, nothing)
    if limits.tw_reuse is None or limits.timestamps is None:
        return Reuse(delay_ms, nothing, clients, nothing)
    loopback = sockets.addresses.is_loopback
    inside = loopback[destinations.local] | loopback[destinations.remote]
    reached = clients if limits.tw_reuse == 1 else clients & (inside | (destinations.device == LOOPBACK_IFINDEX))
    rows = np.flatnonzero(reached)
    if not len(rows):
        return Reuse(delay_ms, nothing, nothing, nothing)
    inside = inside[rows] | listened_here(sockets, destinations.remote[rows], destinations.port[rows], sockets.local)
    told = known.of(service_names(sockets, destinations)[rows])
    allowed, unclear, by_peer = (nothing.copy() for _ in range(3))
    allowed[rows] = (told == Timestamps.USED) | (inside & (told == Timestamps.UNKNOWN))
    unclear[rows] = ~inside & (told == Timestamps.UNKNOWN)
    by_peer[rows] = ~inside
    return Reuse(delay_ms, allowed, unclear, by_peer)


def reuse_delay_ms(limits: Limits) -> int:
    """The age in ms beyond which connect() may take over a TIME_WAIT."""
    return DEFAULT_REUSE_DELAY_MS if limits.tw_reuse_delay_ms is None else limits.tw_reuse_delay_ms
