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
    """Distinct (direction, local IP, remote IP, service port). The service port of an inbound connection is the local
    one, otherwise it is the remote one.

    `code` (sockets,) is the number of each socket's destination, −1 for listeners and bound sockets. The other columns
    are (destinations,). `local` and `remote` are indexes into the addresses of the sockets.
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
        """The direction of each socket: (sockets,); unknown for listeners and bound sockets."""
        return np.append(self.direction, np.uint8(Direction.UNKNOWN))[self.code]

    def names(self, addresses: Addresses) -> Names:
        """A 64-bit hash of each destination that is the same in every dump, unlike its number: (destinations,).

        Outbound and unknown destinations are hashed alike, so that a name stays when the direction becomes known.
        """
        ends = address_names(addresses)
        inbound = (self.direction == Direction.INBOUND).astype(np.uint64)
        return mixed(mixed(ends[self.local] + inbound) + ends[self.remote] + self.port)


def find_destinations(sockets: Sockets, ports: EphemeralPorts | None) -> Destinations:
    """Number the destinations of all connections."""
    rows = np.flatnonzero(sockets.is_connection)
    side = directions(sockets, ports)[rows]
    port = np.where(side == Direction.INBOUND, sockets.lport[rows], sockets.rport[rows])
    bits = sockets.addresses.bits
    ends = (sockets.local[rows], bits), (sockets.remote[rows], bits)
    numbers, example = factorize(fused(*ends, (port, 16), (side, 2)))
    code = np.full(len(sockets), -1, np.int32)
    code[rows] = numbers
    row = rows[example]
    return Destinations(code, side[example], sockets.local[row], sockets.remote[row], port[example])


def address_names(addresses: Addresses) -> Names:
    """A 64-bit hash of each address that is the same in every dump, and is not the name of a destination."""
    return mixed(mixed(addresses.hi) + addresses.lo)
