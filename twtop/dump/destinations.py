"""Sockets → destinations: the unit that owns a port budget, with its direction."""

from dataclasses import fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Column, Keys, address_names, among, factorize, fused, index_of
from twtop.dump.directions import Beside, KnownDirections, Rules, destination_names, directions
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.model import PORTS, Addresses, Codes, Counts, Direction, Mask, Rows, Sockets
from twtop.records import dataclass, freeze
from twtop.table.turnover import Turnover

Names = Keys


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """(direction, local IP, remote IP, service port, device), a column each. The service port of an inbound connection
    is the local one, otherwise it is the remote one. `device` is the interface that the sockets are bound to, 0 for
    none: two links may have the same addresses, and each then has a budget of its own (inet_sk_bound_dev_eq).

    `local` and `remote` are indexes into the addresses of the sockets.
    """

    direction: NDArray[np.uint8]
    local: Codes
    remote: Codes
    port: NDArray[np.uint16]
    device: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.port)

    def keys(self, addresses: Addresses) -> Keys:
        bits = addresses.bits
        key: list[Column] = [(self.local, bits), (self.remote, bits), (self.port, 16), (self.direction, 2)]
        if self.device.any():
            key.append((self.device, 32))
        return fused(*key)

    def take(self, rows: Rows | Mask) -> "Ends":
        return Ends(*(getattr(self, f.name)[rows] for f in fields(Ends)))

    def followed_by(self, more: "Ends") -> "Ends":
        return Ends(*(np.append(getattr(self, f.name), getattr(more, f.name)) for f in fields(Ends)))


@dataclass(frozen=True, eq=False)
class Destinations(Ends):
    """The distinct Ends of all connections: (destinations,).

    `code` (sockets,) is the number of each socket's destination, −1 for listeners and bound sockets, and `side` is its
    direction, which is unknown of these. `count` (destinations,) is how many sockets each has. `rules` are those by
    which the directions were found. The first `as_before` ones had the same numbers in the table before.
    """

    code: Rows
    count: Counts
    rules: Rules
    as_before: int

    def __post_init__(self) -> None:
        freeze(self.code, self.count, self.direction, self.local, self.remote, self.port, self.device)

    @cached_property
    def side(self) -> NDArray[np.uint8]:
        found = np.append(self.direction, np.uint8(Direction.UNKNOWN)).take(self.code)
        freeze(found)
        return found

    def names(self, addresses: Addresses, before: Names) -> Names:
        """A 64-bit hash of each destination that is the same in every dump, unlike its number: (destinations,).

        Outbound and unknown destinations are hashed alike, so that a name stays when the direction becomes known.
        `before` are the names in the table before; the same object if none has changed.
        """
        if self.as_before == len(before) == len(self):
            return before
        new, ends = self.take(np.arange(self.as_before, len(self))), address_names(addresses)
        inbound = (new.direction == Direction.INBOUND).astype(np.uint64)
        names = destination_names(ends[new.local] + inbound, ends[new.remote], new.port, new.device)
        return np.append(before[: self.as_before], names)


def find_destinations(
    sockets: Sockets,
    ports: EphemeralPorts | None,
    known: KnownDirections | None = None,
    inherited: Mask | None = None,
    before: Destinations | None = None,
    changed: Turnover | None = None,
) -> Destinations:
    """Number the destinations of all connections; `known` and `inherited` are as in `directions`.

    `before` are those of the table before, and `changed` is what came and went since. By the same rules all else has
    the destination that it had.
    """
    rules = Rules.of(sockets, ports, known, inherited)
    if before is not None and changed is not None and _may_be_carried(sockets, rules, before, changed.then):
        code, ends, count, as_before = _carried(sockets, ports, known, before, changed)
    else:
        side = directions(sockets, ports, known, inherited)
        rows = np.flatnonzero(sockets.is_connection)
        every = _ends(sockets, rows, side[rows])
        numbers, examples = factorize(every.keys(sockets.addresses))
        code, ends = np.full(len(sockets), -1, np.intp), every.take(examples)
        code[rows], count, as_before = numbers, np.bincount(numbers, minlength=len(ends)), 0
    columns = {f.name: getattr(ends, f.name) for f in fields(Ends)}
    return Destinations(**columns, code=code, count=count, rules=rules, as_before=as_before)


def _ends(sockets: Sockets, rows: Rows, side: NDArray[np.uint8]) -> Ends:
    """The destination of each of these sockets, which have these directions."""
    port = np.where(side == Direction.INBOUND, sockets.lport[rows], sockets.rport[rows])
    return Ends(side, sockets.local[rows], sockets.remote[rows], port, sockets.device[rows])


def _may_be_carried(sockets: Sockets, rules: Rules, before: Destinations, then: Sockets) -> bool:
    """Whether what was found by the rules before holds by these, and its addresses have the same indexes."""
    return bool(len(then)) and rules.hold_as_in(before.rules) and sockets.addresses.begin_with(then.addresses)


def _carried(
    sockets: Sockets,
    ports: EphemeralPorts | None,
    known: KnownDirections | None,
    before: Destinations,
    changed: Turnover,
) -> tuple[Rows, Ends, Counts, int]:
    """(the destination of each socket, all destinations, how many sockets each has, how many of them have the number
    that they had before), by the same rules as before.

    A direction may depend on how many connections lead to a port in the range (directions). Those to a port to which
    only one has stayed are judged anew, as all that did not wait before.
    """
    code, others = before.code.take(sockets.origin), changed.came
    code[others] = -1
    count = before.count - np.bincount(before.code[changed.gone] + 1, minlength=len(before) + 1)[1:]
    outbound = before.direction == Direction.OUTBOUND
    services = np.bincount(before.port[outbound], count[outbound], PORTS)
    low = PORTS if ports is None else ports.low
    sure = (before.direction == Direction.INBOUND) | (outbound & ((before.port < low) | (services > 1)[before.port]))
    if (count[~sure] > 0).any():
        code[~np.append(sure, True).take(code)] = -1
        count[~sure] = 0
        services = np.bincount(before.port[outbound], count[outbound], PORTS)
        others = np.flatnonzero(code < 0)
    some = sockets.take(others)
    side = directions(some, ports, known, beside=Beside(services, sockets.local))
    rows = others[some.is_connection]
    every = before.followed_by(_ends(sockets, rows, side[some.is_connection]))
    keys, examples = factorize(every.keys(sockets.addresses))
    number = np.full(len(examples), -1, np.intp)  # those of before come first, in their order
    number[keys[: len(before)]] = np.arange(len(before))
    new = np.flatnonzero(number < 0)
    number[new] = len(before) + np.arange(len(new))
    code[rows] = number[keys[len(before) :]]
    count = np.bincount(code[rows], minlength=len(examples)) + np.append(count, np.zeros(len(new), np.int64))
    left = count > 0
    ends = every.take(np.append(np.arange(len(before)), examples[new])[left])
    if left.all():
        return code, ends, count, len(before)
    return np.append(np.cumsum(left) - 1, -1).take(code), ends, count[left], int(left.argmin())


def with_unbound(destinations: Destinations, sockets: Sockets) -> tuple[Rows | None, Rows]:
    """The sockets that hold a port of each budget: (their rows, None for all as they are; the budget of each).

    A connect() on a device finds a port taken if a socket of the same ends has it that is bound to this device or to
    none (inet_sk_bound_dev_eq). So the unbound ones stand in the budget of each device again, unless a socket of the
    device itself has that port. A connect() without a device meets the unbound ones alone.
    """
    code = destinations.code
    if not destinations.device.any():
        return None, code
    outbound = destinations.direction == Direction.OUTBOUND
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
    budget = np.repeat(bound, count)
    own = np.sort(fused((code, 32), (sockets.lport, 16))[np.isin(code, bound)])
    new = ~among(fused((budget, 32), (sockets.lport[again], 16)), own)
    return np.append(np.arange(len(code)), again[new]), np.append(code, budget[new])
