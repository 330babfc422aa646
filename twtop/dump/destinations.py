"""Sockets → destinations: the unit that owns a port budget, with its direction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Column, Keys, address_names, among, factorize, fused, index_of
from twtop.dump.directions import KnownDirections, destination_names, directions
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.model import Addresses, Codes, Direction, Mask, Rows, Sockets, freeze

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


def with_unbound(destinations: Destinations, sockets: Sockets) -> tuple[Rows | None, Codes]:
    """The sockets that hold a port of each budget: (their rows, None for all as they are; the budget of each).

    A connect() on a device finds a port taken if a socket of the same ends has it that is bound to this device or to
    none (inet_sk_bound_dev_eq). So the unbound ones stand in the budget of each device again, unless a socket of the
    device itself has that port. A connect() without a device meets the unbound ones alone.
    """
    outbound, code = destinations.direction == Direction.OUTBOUND, destinations.code
    bound = np.flatnonzero(outbound & (destinations.device != 0))
    if not len(bound):
        return None, code
    bits = sockets.addresses.bits
    ends = fused((destinations.local, bits), (destinations.remote, bits), (destinations.port, 16))
    unbound = np.flatnonzero(outbound & (destinations.device == 0))
    unbound = unbound[np.argsort(ends[unbound])]
    at = index_of(ends[bound], ends[unbound])
    bound, beside = bound[at >= 0], unbound[at[at >= 0]]
    rows = np.argsort(code, kind="stable")
    start, end = (np.searchsorted(code[rows], beside, side) for side in ("left", "right"))
    count = end - start
    again = rows[np.repeat(end - np.cumsum(count), count) + np.arange(count.sum())]
    budget = np.repeat(bound, count).astype(np.int32)
    own = np.sort(fused((code, 32), (sockets.lport, 16))[np.isin(code, bound)])
    new = ~among(fused((budget, 32), (sockets.lport[again], 16)), own)
    return np.append(np.arange(len(code)), again[new]), np.append(code, budget[new])
