"""Sockets → destinations: the unit that owns a port budget, with its direction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.factorize import factorize, pair
from twtop.model import PORTS, Codes, Direction, Limits, Mask, Sockets, TcpState, freeze


@dataclass(frozen=True, slots=True, eq=False)
class PortSpace:
    """Which local ports connect() may pick in this namespace: True per port; `low` sets the first parity."""

    low: int
    high: int
    available: Mask

    def __post_init__(self) -> None:
        freeze(self.available)

    @property
    def capacity(self) -> int:
        return int(np.count_nonzero(self.available))

    @property
    def first_parity(self) -> int:
        """Ports of the low end's parity: the ones that connect() tries first."""
        return int(np.count_nonzero(self.available[self.low % 2 :: 2]))


def port_space(limits: Limits, sockets: Sockets) -> PortSpace | None:
    """The range less reserved, listening and bound-but-unconnected ports; None when the range is unknown.

    A port that any socket got by bind() is closed to every connect(), whatever its address (__inet_hash_connect).
    """
    if limits.port_range is None:
        return None
    low, high = limits.port_range
    available = np.zeros(PORTS, np.bool_)
    available[low : high + 1] = True
    for first, last in limits.reserved or ():
        available[first : last + 1] = False
    available[sockets.lport[~sockets.is_connection]] = False
    return PortSpace(low, high, available)


@dataclass(frozen=True, slots=True, eq=False)
class Destinations:
    """Distinct (direction, local IP, remote IP, service port); the port is the remote one unless inbound.

    `code` is per socket, −1 for listeners and bound sockets; the rest is per destination.
    """

    code: Codes
    direction: NDArray[np.uint8]
    local: Codes
    remote: Codes
    port: NDArray[np.uint16]

    def __post_init__(self) -> None:
        freeze(self.code, self.direction, self.local, self.remote, self.port)

    def __len__(self) -> int:
        return len(self.port)

    def per_socket(self) -> NDArray[np.uint8]:
        """The direction of each socket; unknown for listeners and bound sockets."""
        return np.append(self.direction, np.uint8(Direction.UNKNOWN))[self.code]


def find_destinations(sockets: Sockets, space: PortSpace | None) -> Destinations:
    """Number the destinations of all connections."""
    rows = np.flatnonzero(sockets.is_connection)
    side = _directions(sockets, space)[rows]
    port = np.where(side == Direction.INBOUND, sockets.lport[rows], sockets.rport[rows])
    ends, _ = factorize(pair(sockets.local[rows], sockets.remote[rows], 32))
    numbers, first = factorize(pair(ends, pair(side, port, 16), 32))
    code = np.full(len(sockets), -1, np.int32)
    code[rows] = numbers
    bearer = rows[first]
    return Destinations(code, side[first], sockets.local[bearer], sockets.remote[bearer], port[first])


def _directions(sockets: Sockets, space: PortSpace | None) -> NDArray[np.uint8]:
    """Inbound when a listener owns the local port, outbound when that port is ephemeral, else unknown."""
    direction = np.zeros(len(sockets), np.uint8)
    if space is not None:
        direction[(sockets.lport >= space.low) & (sockets.lport <= space.high)] = Direction.OUTBOUND
    direction[_behind_listener(sockets)] = Direction.INBOUND
    return direction


def _behind_listener(sockets: Sockets) -> Mask:
    """Sockets whose local port a listener owns, on their own address or on any."""
    listeners = sockets.state == TcpState.LISTEN
    wildcard = sockets.addresses.is_wildcard[sockets.local] & listeners
    everywhere = np.zeros(PORTS, np.bool_)
    everywhere[sockets.lport[wildcard]] = True
    owned = everywhere[sockets.lport]
    narrow = listeners & ~wildcard
    if narrow.any():
        ends = sockets.local.astype(np.int64) << 16 | sockets.lport
        owned |= np.isin(ends, np.unique(ends[narrow]))
    return owned
