"""Sockets → destinations: the unit that owns a port budget, with its direction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.directions import KnownDirections, destination_names, directions
from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.arrays import Column, Keys, address_names, factorize, fused
from twtop.model import Addresses, Codes, Direction, Mask, Sockets, freeze

Names = Keys


@dataclass(frozen=True, slots=True, eq=False)
class Destinations:
    """Distinct (direction, local IP, remote IP, service port, device). The service port of an inbound connection is the
    local one, otherwise it is the remote one. `device` is the interface that the sockets are bound to, 0 for none: two
    links may have the same addresses, and each then has a budget of its own (inet_sk_bound_dev_eq).

    `code` (sockets,) is the number of each socket's destination, −1 for listeners and bound sockets. The other columns
    are (destinations,). `local` and `remote` are indexes into the addresses of the sockets.
    """

    code: Codes
    direction: NDArray[np.uint8]
    local: Codes
    remote: Codes
    port: NDArray[np.uint16]
    device: NDArray[np.uint32]

    def __post_init__(self) -> None:
        freeze(self.code, self.direction, self.local, self.remote, self.port, self.device)

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
        return destination_names(ends[self.local] + inbound, ends[self.remote], self.port, self.device)


def find_destinations(
    sockets: Sockets,
    ports: EphemeralPorts | None,
    known: KnownDirections | None = None,
    inherited: Mask | None = None,
) -> Destinations:
    """Number the destinations of all connections; `known` and `inherited` are as in `directions`."""
    rows = np.flatnonzero(sockets.is_connection)
    side = directions(sockets, ports, known, inherited)[rows]
    port = np.where(side == Direction.INBOUND, sockets.lport[rows], sockets.rport[rows])
    bits = sockets.addresses.bits
    key: list[Column] = [(sockets.local[rows], bits), (sockets.remote[rows], bits), (port, 16), (side, 2)]
    device = sockets.device[rows]
    if device.any():
        key.append((device, 32))
    numbers, example = factorize(fused(*key))
    code = np.full(len(sockets), -1, np.int32)
    code[rows] = numbers
    row = rows[example]
    return Destinations(code, side[example], sockets.local[row], sockets.remote[row], port[example], device[example])
