"""Destinations → rows of the peers table: groups by peer, destination, service, process or address prefix."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from twtop import formatting as fmt
from twtop.arrays import factorize, fused
from twtop.budgets.port_budgets import PortBudgets
from twtop.dump.destinations import Destinations
from twtop.frame.by_state import by_state
from twtop.frame.entered import Entered, entered_per_s
from twtop.frame.view import GroupBy, Key
from twtop.model import Addresses, Codes, Counts, Direction, Floats, Mask, Owners, Rows, Snapshot
from twtop.records import dataclass, freeze_columns

Number = TypeVar("Number", bound=np.generic)

IPV4_PREFIX, IPV6_PREFIX = 120, 64
"""/24 of IPv4, as a mapped address, and /64 of IPv6: the usual sizes of a subnet."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows of two levels: groups, and their leaves. A leaf is the part of a destination that belongs to one group.

    Leaves are sorted by group. Within a group the most pressed is first, and equally pressed ones are sorted by port.
    `first` (groups + 1,) are the bounds of each group's leaves, so leaf first[g] is the most pressed of group g.
    `destination` (leaves,) is each leaf's destination. `leaf_states` (leaves, 12) counts its sockets by state, and
    `states` (groups, 12) those of each group. `process` (leaves,) is an index into `process_names`, which matters only
    if `by` is PROCESS. `entries` counts the TIME_WAIT entries of both levels.
    """

    by: GroupBy
    destinations: Destinations
    budgets: PortBudgets
    addresses: Addresses
    device_names: Mapping[int, str]
    first: NDArray[np.intp]
    destination: NDArray[np.intp]
    process: Codes
    process_names: tuple[str, ...]
    leaf_states: Counts
    states: Counts
    entries: Entered

    def __post_init__(self) -> None:
        freeze_columns(self)

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def worst(self) -> NDArray[np.intp]:
        """The most pressed destination of each group."""
        return self.destination[self.first[:-1]]

    @property
    def urgency(self) -> Floats:
        """The urgency of the most pressed destination of each group."""
        return urgency(self.destinations, self.budgets)[self.worst]

    @property
    def leaf_entered(self) -> Counts:
        """TIME_WAIT entries of each leaf in steps of 3 s, oldest first: (leaves, 20)."""
        return self.entries.by_leaf

    @property
    def entered(self) -> Counts:
        """The same of each group: (groups, 20)."""
        return self.entries.by_group

    @property
    def entered_per_s(self) -> Floats:
        """Recent TIME_WAIT entries per second of each group; NaN where timers are unknown."""
        return entered_per_s(self.states, self.entered)

    def leaf_key(self, leaf: int) -> Key:
        """The key that names the sockets of a leaf."""
        process = self.process_names[self.process[leaf]] if self.by is GroupBy.PROCESS else None
        return replace(self.destination_key(int(self.destination[leaf])), process=process)

    def destination_key(self, destination: int) -> Key:
        """The key that names the sockets of a destination."""
        return Key(
            direction=Direction(self.destinations.direction[destination]),
            local=self.addresses.integer(self.destinations.local[destination]),
            remote=self.addresses.integer(self.destinations.remote[destination]),
            port=int(self.destinations.port[destination]),
            device=int(self.destinations.device[destination]),
            device_name=self.device_name(destination),
        )

    def device_name(self, destination: int) -> str:
        """The interface that the sockets of a destination are bound to; empty for none."""
        return fmt.device(int(self.destinations.device[destination]), self.device_names)

    def key(self, group: int) -> Key:
        """The key that names the sockets of a group."""
        leaf = int(self.first[group])
        whole = self.leaf_key(leaf)
        match self.by:
            case GroupBy.PEER:
                return Key(direction=whole.direction, remote=whole.remote)
            case GroupBy.DESTINATION:
                return whole
            case GroupBy.SERVICE:
                return Key(direction=whole.direction, port=whole.port)
            case GroupBy.PROCESS:
                return Key(process=whole.process)
            case GroupBy.PREFIX:
                ipv4 = (whole.remote or 0) >> 32 == 0xFFFF
                bits = IPV4_PREFIX if ipv4 else IPV6_PREFIX
                network = (whole.remote or 0) >> (128 - bits) << (128 - bits)
                return Key(direction=whole.direction, remote=network, bits=bits)

    def counts(self, key: Key) -> Counts:
        """How many connections have a key, by state: (12,)."""
        named = _matching_destinations(self.destinations, self.addresses, key)[self.destination]
        if key.process is not None:
            named &= np.array([name == key.process for name in self.process_names], np.bool_)[self.process]
        found: Counts = self.leaf_states[named].sum(axis=0)
        return found

    def find(self, key: Key) -> int | None:
        """The number of the group with this key; None where there is none."""
        rows = np.flatnonzero(_matching_destinations(self.destinations, self.addresses, key)[self.worst])
        return next((int(row) for row in rows if self.key(int(row)) == key), None)


def group(
    snapshot: Snapshot, destinations: Destinations, budgets: PortBudgets, shown: Mask, by: GroupBy, owners: Owners
) -> Groups:
    """Group the shown connections. Counts are of the shown sockets, budgets are of all sockets."""
    sockets = snapshot.sockets
    rows = None if shown.all() else np.flatnonzero(shown)
    name_of, names = process_names(owners)

    def chosen(column: NDArray[Number]) -> NDArray[Number]:
        return column if rows is None else column.take(rows)

    code = chosen(destinations.code)
    if by is GroupBy.PROCESS:
        parts = _parts_by_process(code, name_of[chosen(owners.process)])
    else:
        count = destinations.count if rows is None else np.bincount(code + 1, minlength=len(destinations) + 1)[1:]
        parts = _parts_by_destination(code, count, _membership(destinations, sockets.addresses, by))
    order, first = _in_order(destinations, budgets, parts)
    leaves, groups = len(order), len(first) - 1
    leaf, group_of = np.full(len(parts.size) + 1, leaves), np.full(leaves + 1, groups)  # the last is that of no part
    leaf[order], group_of[:-1] = np.arange(leaves), np.repeat(np.arange(groups), np.diff(first))
    others = np.flatnonzero(chosen(sockets.is_connection & ~sockets.is_time_wait))
    own, state = leaf.take(parts.of_socket.take(others)), chosen(sockets.state).take(others)
    sizes = parts.size.take(order)
    return Groups(
        by=by,
        destinations=destinations,
        budgets=budgets,
        addresses=sockets.addresses,
        device_names=snapshot.device_names,
        first=first,
        destination=parts.destination.take(order),
        process=parts.process.take(order),
        process_names=tuple(names),
        leaf_states=by_state(sizes, own, state),
        states=by_state(np.add.reduceat(sizes, first[:-1]) if groups else sizes, group_of.take(own), state),
        entries=Entered(sockets.age_ms, rows, parts.of_socket, leaf, group_of.take(leaf)),
    )


class _Parts(NamedTuple):
    """What may be a leaf. `of_socket` is the part of each socket, −1 for none.

    The rest is (parts,): `size` is how many sockets each has, and those that have some are leaves. `member` is equal
    where two belong to one group.
    """

    of_socket: Rows
    size: Counts
    destination: Rows
    process: Codes
    member: NDArray[np.uint64]


def _parts_by_process(code: Rows, owner: Codes) -> _Parts:
    """A part for each pair of a destination and an owner; `code` and `owner` are those of each socket."""
    part, connections = np.full(len(code), -1, np.intp), np.flatnonzero(code >= 0)
    code, owner = code.take(connections), owner.take(connections)
    number, example = factorize(fused((owner, 32), (code, 32)))
    part[connections] = number
    process = owner[example]
    return _Parts(part, np.bincount(number, minlength=len(example)), code[example], process, process.astype(np.uint64))


def _parts_by_destination(code: Rows, size: Counts, member: NDArray[np.uint64]) -> _Parts:
    """A part for each destination; `code` is that of each socket."""
    return _Parts(code, size, np.arange(len(size)), np.zeros(len(size), np.int32), member)


def _in_order(destinations: Destinations, budgets: PortBudgets, parts: _Parts) -> tuple[Rows, Rows]:
    """(the parts that are leaves in the order of these, the bounds of each group among them)."""
    kept = np.flatnonzero(parts.size)
    group_of, examples = factorize(parts.member.take(kept))
    destination = parts.destination.take(kept)
    port, pressed = destinations.port.take(destination), urgency(destinations, budgets).take(destination)
    narrow = group_of.astype(np.min_scalar_type(len(examples)))  # numpy sorts numbers of 16 bits in linear time
    order = np.lexsort((destination, port, -pressed, narrow))
    sizes = np.bincount(group_of, minlength=len(examples))
    return kept.take(order), np.append(0, np.cumsum(sizes))


def members(snapshot: Snapshot, destinations: Destinations, owners: Owners, key: Key) -> Mask:
    """Mask of the sockets that a key names; all are connections."""
    chosen = np.append(_matching_destinations(destinations, snapshot.sockets.addresses, key), False)[destinations.code]
    if key.process is not None:
        name_of, names = process_names(owners)
        named = np.array([name == key.process for name in names], np.bool_)
        chosen &= named[name_of[owners.process]]
    return chosen


def urgency(destinations: Destinations, budgets: PortBudgets) -> Floats:
    """How pressed each destination is: its pressure, or half of it inbound, where TIME_WAIT can be taken over."""
    pressed: Floats = budgets.pressure * np.where(destinations.direction == Direction.OUTBOUND, 1.0, 0.5)
    pressed[np.isnan(pressed)] = 0.0
    pressed[pressed == np.inf] = 1.0
    return pressed


def _membership(destinations: Destinations, addresses: Addresses, by: GroupBy) -> NDArray[np.uint64]:
    """A number for each destination, equal where two destinations belong to one group."""
    match by:
        case GroupBy.PEER:
            return fused((destinations.remote, 32), (destinations.direction, 8))
        case GroupBy.SERVICE:
            return fused((destinations.port, 16), (destinations.direction, 8))
        case GroupBy.PREFIX:
            host = np.where(addresses.is_ipv4, np.uint64(0xFF), np.uint64(0xFFFF_FFFF_FFFF_FFFF))
            upper, _ = factorize(addresses.hi)
            lower, _ = factorize(addresses.lo & ~host)
            network, _ = factorize(fused((upper, 32), (lower, 32)))
            return fused((network[destinations.remote], 32), (destinations.direction, 8))
        case _:
            return np.arange(len(destinations), dtype=np.uint64)


def _matching_destinations(destinations: Destinations, addresses: Addresses, key: Key) -> Mask:
    """Mask of the destinations that a key names, whatever the process."""
    chosen = np.ones(len(destinations), np.bool_)
    if key.direction is not None:
        chosen &= destinations.direction == key.direction
    if key.port is not None:
        chosen &= destinations.port == key.port
    if key.device is not None:
        chosen &= destinations.device == key.device
    for column, integer, bits in ((destinations.remote, key.remote, key.bits), (destinations.local, key.local, 128)):
        if integer is not None:
            same_family = addresses.is_ipv4 == (integer >> 32 == 0xFFFF)  # a mapped IPv4 address is within ::/64
            chosen &= (addresses.within(integer, bits) & same_family)[column]
    return chosen


def process_names(owners: Owners) -> tuple[Codes, list[str]]:
    """(number of the name of each process, the names in order).

    The last entry of both is the unknown owner, so that index −1 finds it. Its name is empty. A process whose name
    could not be read is an unknown owner too.
    """
    names = sorted({process.name for process in owners.processes} - {""})
    number = {name: i for i, name in enumerate([*names, ""])}
    codes = [number[process.name] for process in owners.processes]
    return np.array([*codes, len(names)], np.int32), [*names, ""]
