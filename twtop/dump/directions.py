"""Who opened each connection, as far as the socket table shows it, or showed it before.

A table tells less as time goes by: a listener goes while its connections stay, a SYN_SENT becomes ESTABLISHED, and of
several connections to a service one is left. KnownDirections keeps what a table told, for as long as the sockets live
about which it told that.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Keys, address_names, among, distinct, fused, mixed
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.model import MAPPED, PORTS, Codes, Counts, Direction, Floats, Mask, Rows, Sockets, TcpState
from twtop.records import dataclass, freeze, freeze_columns

LISTENERS_LAST_S = 60.0
"""A dump so much later than the one before says nothing of its listeners: another socket may have got their ports."""


@dataclass(frozen=True, slots=True, eq=False)
class Connections:
    """Some connections of a dump, to be found again in the next one: their `names` in ascending order, and a mask of
    their local ports (65536,), so that few sockets have to be looked up."""

    names: Keys
    ports: Mask

    def __post_init__(self) -> None:
        freeze(self.names, self.ports)

    @classmethod
    def of(cls, sockets: Sockets, rows: Rows) -> "Connections":
        if not len(rows):
            return NOBODY
        ports = np.zeros(PORTS, np.bool_)
        ports[sockets.lport[rows]] = True
        return cls(distinct(_connection_names(sockets, rows)), ports)

    def within(self, sockets: Sockets) -> Mask:
        """Mask of those sockets that are among these."""
        found = np.zeros(len(sockets), np.bool_)
        if len(self.names):
            rows = np.flatnonzero(sockets.is_connection & self.ports[sockets.lport])
            found[rows] = among(_connection_names(sockets, rows), self.names)
        return found


NOBODY = Connections(np.empty(0, np.uint64), np.zeros(PORTS, np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class Listeners:
    """The ends on which somebody listens: (listeners,). Addresses are as in model.Addresses; `names` are hashes."""

    hi: NDArray[np.uint64]
    lo: NDArray[np.uint64]
    port: NDArray[np.uint16]
    names: Keys

    def __post_init__(self) -> None:
        freeze_columns(self)

    @classmethod
    def of(cls, sockets: Sockets) -> "Listeners":
        rows = sockets.in_state(TcpState.LISTEN)
        hi, lo = sockets.addresses.hi[sockets.local[rows]], sockets.addresses.lo[sockets.local[rows]]
        port = sockets.lport[rows].copy()
        return cls(hi, lo, port, _end_names(hi, lo, port))

    def gone(self, now: "Listeners") -> "Listeners":
        """Those of these that are not there any more."""
        left = ~among(self.names, np.sort(now.names))
        return Listeners(self.hi[left], self.lo[left], self.port[left], self.names[left])

    def accepted(self, sockets: Sockets) -> Mask:
        """Mask of the connections whose local end one of these owned, by the same rule as `listened`."""
        found = np.zeros(len(sockets), np.bool_)
        if not len(self.port):
            return found
        any_ipv4, any_ipv6, here = (np.zeros(PORTS, np.bool_) for _ in range(3))
        any_ipv4[self.port[(self.hi == 0) & ((self.lo == 0) | (self.lo == MAPPED))]] = True
        any_ipv6[self.port[(self.hi == 0) & (self.lo == 0)]] = True
        here[self.port] = True
        rows = np.flatnonzero(sockets.is_connection & here[sockets.lport])
        local, port, addresses = sockets.local[rows], sockets.lport[rows], sockets.addresses
        by_wildcard = np.where(addresses.is_ipv4[local], any_ipv4[port], any_ipv6[port])
        by_address = among(_end_names(addresses.hi[local], addresses.lo[local], port), np.sort(self.names))
        found[rows] = by_wildcard | by_address
        return found


@dataclass(frozen=True, slots=True, eq=False)
class KnownDirections:
    """What the dumps up to `mono` (seconds of the monotonic clock) told of connections that still exist.

    - `listeners` are those of the last dump. When one goes, the connections that it owned are `inherited`: inbound.
    - `destinations` are the names of the outbound ones (Destinations.names) whose service port is in the range or above
      it, in ascending order. Others need no memory.
    - `outbound` are connections that are known to be outbound, although connect() did not choose their port.

    It never holds more than the last dump had of sockets.
    """

    mono: float
    listeners: Listeners
    inherited: Connections
    destinations: Keys
    outbound: Connections

    def __post_init__(self) -> None:
        freeze(self.destinations)

    def accepted(self, sockets: Sockets, mono: float) -> Mask:
        """Mask of the sockets of a dump at `mono` that were accepted by a listener which has gone."""
        inherited = self.inherited.within(sockets)
        if mono - self.mono <= LISTENERS_LAST_S:
            gone = self.listeners.gone(Listeners.of(sockets))
            inherited = inherited | gone.accepted(sockets) if len(gone.port) else inherited
        return inherited


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What decides the direction of a TIME_WAIT, beside its ends and the connections to the same service.

    `chosen` and `low` are of EphemeralPorts, None where these are unknown. `by_name` says that earlier dumps told
    something of single connections.
    """

    listeners: Listeners
    chosen: Mask | None
    low: int | None
    by_name: bool

    def __post_init__(self) -> None:
        freeze(self.chosen)

    @classmethod
    def of(
        cls, sockets: Sockets, ports: EphemeralPorts | None, known: KnownDirections | None, inherited: Mask | None
    ) -> "Rules":
        """The rules of a dump; the arguments are those of `directions`."""
        return cls(
            listeners=Listeners.of(sockets),
            chosen=None if ports is None else ports.chosen,
            low=None if ports is None else ports.low,
            by_name=(inherited is not None and bool(inherited.any()))
            or (known is not None and len(known.outbound.names) > 0),
        )

    def hold_as_in(self, before: "Rules") -> bool:
        """Whether the same rules held before."""
        if self.by_name or before.by_name or self.low != before.low:
            return False
        same_ports = self.chosen is before.chosen or (
            self.chosen is not None and before.chosen is not None and np.array_equal(self.chosen, before.chosen)
        )
        return same_ports and np.array_equal(np.sort(self.listeners.names), np.sort(before.listeners.names))


class Beside(NamedTuple):
    """What is known of a whole table, of which only some sockets are judged.

    `services` (65536,) is how many of the others are outbound, by their remote port, and `local` has the local address
    of each socket of the table.
    """

    services: Floats | Counts
    local: Codes


def directions(
    sockets: Sockets,
    ports: EphemeralPorts | None,
    known: KnownDirections | None = None,
    inherited: Mask | None = None,
    beside: Beside | None = None,
) -> NDArray[np.uint8]:
    """The Direction of each socket: (sockets,). Without a known port range (None) only a SYN_SENT is outbound.

    A SYN_SENT is outbound and a SYN_RECV inbound, whatever else holds. A connection is inbound if a listener owns its
    local port, or owned it (`inherited`). It is outbound if connect() can have chosen its local port and its remote
    port is a service: a port below the range, one that several connections share, one that this namespace listens on,
    or the remote end of a SYN_SENT. What was `known` before stays so. Otherwise the direction is unknown:
    - The local port is outside the range. Either a listener that is gone accepted it, or a client bound it.
    - The local port is in the range, but has more connections than connect() gives to one port (ephemeral_ports).
    - The remote port is in the range or above it, and no other connection has it. Either end may be the service.
    On loopback the table has both ends, and each is judged by itself. If a listener is gone, the clients' ends share
    its port as their remote port, while each of the server's ends has a remote port of its own.

    `beside` is of the table where these are only some of its sockets, but all listeners and SYN_SENT among them.
    """
    inbound = listened(sockets, sockets.local, sockets.lport)
    if inherited is not None:
        inbound |= inherited
    opening = sockets.state == TcpState.SYN_SENT
    outbound = opening.copy()
    if known is not None:
        outbound |= known.outbound.within(sockets)
    if ports is not None:
        chosen = sockets.is_connection & ~inbound & ports.chosen.take(sockets.lport)
        shared = np.bincount(sockets.rport[chosen], minlength=PORTS).take(sockets.rport)
        others = 0 if beside is None else beside.services.take(sockets.rport)
        outbound |= chosen & ((sockets.rport < ports.low) | (shared + others > 1))
        unclear = np.flatnonzero(chosen & ~outbound)
        if len(unclear):
            local = sockets.local if beside is None else beside.local
            found = listened_here(sockets, sockets.remote[unclear], sockets.rport[unclear], local)
            found |= _opened(sockets, unclear, np.flatnonzero(opening))
            if known is not None:
                found |= among(outbound_names(sockets, unclear), known.destinations)
            outbound[unclear] = found
    inbound |= sockets.state == TcpState.SYN_RECV
    direction = np.where(inbound, np.uint8(Direction.INBOUND), np.uint8(Direction.UNKNOWN))
    direction[outbound] = Direction.OUTBOUND
    return direction


def _opened(sockets: Sockets, rows: Rows, opening: Rows) -> Mask:
    """Mask of those of `rows` whose remote end is also that of one of the rows `opening`."""
    if not len(opening):
        return np.zeros(len(rows), np.bool_)
    ends = (fused((sockets.remote[each], 32), (sockets.rport[each], 16)) for each in (rows, opening))
    wanted, there = ends
    return among(wanted, np.sort(there))


def listened_here(sockets: Sockets, address: Codes, port: NDArray[np.uint16], local: Codes) -> Mask:
    """Mask of those remote ends (address, port) that are a listener of this namespace.

    An address belongs to this namespace if it is a loopback address or a `local` one, that of some socket.
    """
    here = sockets.addresses.is_loopback.copy()
    here[local] = True
    return listened(sockets, address, port) & here[address]


def listened(sockets: Sockets, address: Codes, port: NDArray[np.uint16]) -> Mask:
    """Mask of those ends (address, port) that a listener owns, by the same address or by the wildcard.

    A listener on `::` is taken to accept IPv4 too: the table does not show IPV6_V6ONLY.
    """
    listeners = sockets.in_state(TcpState.LISTEN)
    own, ports = sockets.local[listeners], sockets.lport[listeners]
    wildcard, ipv4 = sockets.addresses.is_wildcard[own], sockets.addresses.is_ipv4
    any_ipv4, any_ipv6 = np.zeros(PORTS, np.bool_), np.zeros(PORTS, np.bool_)
    any_ipv4[ports[wildcard]] = True
    any_ipv6[ports[wildcard & ~ipv4[own]]] = True
    owned: Mask = np.where(ipv4[address], any_ipv4[port], any_ipv6[port])
    if wildcard.all():
        return owned
    narrow = np.zeros(PORTS, np.bool_)
    narrow[ports[~wildcard]] = True
    rows = np.flatnonzero(narrow[port])
    owned_ends = fused((own[~wildcard], 32), (ports[~wildcard], 16))
    owned[rows] |= np.isin(fused((address[rows], 32), (port[rows], 16)), owned_ends)
    return owned


def outbound_names(sockets: Sockets, rows: Rows) -> Keys:
    """The name that the destination of each of these sockets has if it is not inbound (Destinations.names)."""
    ends = address_names(sockets.addresses)
    local, remote = ends[sockets.local[rows]], ends[sockets.remote[rows]]
    return destination_names(local, remote, sockets.rport[rows], sockets.device[rows])


def destination_names(local: Keys, remote: Keys, port: NDArray[np.uint16], device: NDArray[np.uint32]) -> Keys:
    """A 64-bit hash of each (local address, remote address, service port, device), given hashes of the addresses."""
    return mixed(mixed(local) + remote + port + (device.astype(np.uint64) << np.uint64(16)))


def _connection_names(sockets: Sockets, rows: Rows) -> Keys:
    """A 64-bit hash of each of these connections that is the same in every dump."""
    return mixed(outbound_names(sockets, rows) + sockets.lport[rows])


def _end_names(hi: NDArray[np.uint64], lo: NDArray[np.uint64], port: NDArray[np.uint16]) -> Keys:
    """A 64-bit hash of each end that is the same in every dump."""
    return mixed(mixed(mixed(hi) + lo) + port)
