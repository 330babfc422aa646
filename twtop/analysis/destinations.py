"""Sockets → destinations: the unit that owns a port budget, with its direction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.directions import directions
from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.arrays import Keys, factorize, fused, mixed
from twtop.model import Addresses, Codes, Direction, Sockets, freeze

Names = Keys


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

    def names(self, addresses: Addresses) -> Names:
        """A 64-bit hash per destination that is the same in every dump, unlike its number.

        What is not inbound has one name, whether its direction is known yet or not.
        """
        ends = address_names(addresses)
        inbound = (self.direction == Direction.INBOUND).astype(np.uint64)
        return mixed(mixed(ends[self.local] + inbound) + ends[self.remote] + self.port)


def find_destinations(sockets: Sockets, space: EphemeralPorts | None) -> Destinations:
    """Number the destinations of all connections."""
    rows = np.flatnonzero(sockets.is_connection)
    side = directions(sockets, space)[rows]
    port = np.where(side == Direction.INBOUND, sockets.lport[rows], sockets.rport[rows])
    bits = sockets.addresses.bits
    ends = (sockets.local[rows], bits), (sockets.remote[rows], bits)
    numbers, first = factorize(fused(*ends, (port, 16), (side, 2)))
    code = np.full(len(sockets), -1, np.int32)
    code[rows] = numbers
    bearer = rows[first]
    return Destinations(code, side[first], sockets.local[bearer], sockets.remote[bearer], port[first])


def address_names(addresses: Addresses) -> Names:
    """The same for addresses: a hash that is none of a destination's."""
    return mixed(mixed(addresses.hi) + addresses.lo)
