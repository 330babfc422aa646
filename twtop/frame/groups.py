"""Destinations → rows of the peers table: groups by peer, destination, service, process or address prefix."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twtop import formatting as fmt
from twtop.arrays import factorize, fused
from twtop.budgets.port_budgets import PortBudgets
from twtop.dump.destinations import Destinations
from twtop.dump.timer_wheel import RATE_WINDOW_S
from twtop.frame.view import GroupBy, Key
from twtop.model import (
    TIMEWAIT_MS,
    Addresses,
    Codes,
    Counts,
    Direction,
    Floats,
    Mask,
    Owners,
    Rows,
    Snapshot,
    TcpState,
    freeze,
)

STATES = 12
"""The number of columns of a table by state. A TcpState is its column's index; column 0 stays empty."""

SPARK_STEPS = 20
SPARK_STEP_MS = TIMEWAIT_MS // SPARK_STEPS
RATE_STEPS = RATE_WINDOW_S * 1000 // SPARK_STEP_MS

IPV4_PREFIX, IPV6_PREFIX = 120, 64
"""/24 of IPv4, as a mapped address, and /64 of IPv6: the usual sizes of a subnet."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows of two levels: groups, and their leaves. A leaf is the part of a destination that belongs to one group.

    Leaves are sorted by group. Within a group the most pressed is first, and equally pressed ones are sorted by port.
    `first` (groups + 1,) are the bounds of each group's leaves, so leaf first[g] is the most pressed of group g.
    `destination` (leaves,) is each leaf's destination. `leaf_states` (leaves, 12) counts its sockets by state, and
    `leaf_entered` (leaves, 20) its TIME_WAIT entries in steps of 3 s, oldest first. `states` and `entered` are the sums
    of these by group. `process` (leaves,) is an index into `process_names`, which matters only if `by` is PROCESS.
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
    leaf_entered: Counts
    states: Counts
    entered: Counts

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)))

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


def has_timers(states: Counts, entered: Counts) -> Mask:
    """Whether the timers of all TIME_WAIT of a row are known. `states` and `entered` are of one row, or of all rows.

    A TIME_WAIT with a known timer is counted in one step of the last minute.
    """
    complete: Mask = np.asarray(entered.sum(axis=-1) == states[..., TcpState.TIME_WAIT])
    return complete


def entered_per_s(states: Counts, entered: Counts) -> Floats:
    """Recent TIME_WAIT entries per second of each row; NaN where timers are unknown."""
    return np.where(has_timers(states, entered), entered[:, -RATE_STEPS:].sum(axis=1) / RATE_WINDOW_S, np.nan)


def group(
    snapshot: Snapshot, destinations: Destinations, budgets: PortBudgets, shown: Mask, by: GroupBy, owners: Owners
) -> Groups:
    """Group the shown connections. Counts are of the shown sockets, budgets are of all sockets."""
    sockets = snapshot.sockets
    rows = np.flatnonzero(shown & (destinations.code >= 0))
    code = destinations.code.take(rows)
    name_of, names = process_names(owners)
    if by is GroupBy.PROCESS:
        leaves = _leaves_by_process(code, name_of[owners.process[rows]])
    else:
        leaves = _leaves_by_destination(code, _membership(destinations, sockets.addresses, by))
    group_of, _ = factorize(leaves.member)
    pressed = urgency(destinations, budgets)[leaves.destination]
    order = np.lexsort((leaves.destination, destinations.port[leaves.destination], -pressed, group_of))
    states, entered = _tallies(sockets.state.take(rows), sockets.age_ms.take(rows), leaves.code, len(order))
    states, entered, group_of = states[order], entered[order], group_of[order]
    first = np.flatnonzero(np.append(True, group_of[1:] != group_of[:-1])) if len(order) else np.empty(0, np.intp)
    return Groups(
        by=by,
        destinations=destinations,
        budgets=budgets,
        addresses=sockets.addresses,
        device_names=snapshot.device_names,
        first=np.append(first, len(order)),
        destination=leaves.destination[order],
        process=leaves.process[order],
        process_names=tuple(names),
        leaf_states=states,
        leaf_entered=entered,
        states=np.add.reduceat(states, first, axis=0) if len(first) else states,
        entered=np.add.reduceat(entered, first, axis=0) if len(first) else entered,
    )


class _Leaves(NamedTuple):
    """`code` (sockets,) is the leaf of each. The rest is (leaves,): `member` is equal where two belong to one group."""

    code: Rows
    destination: NDArray[np.intp]
    process: Codes
    member: NDArray[np.uint64]


def _leaves_by_process(code: Rows, owner: Codes) -> _Leaves:
    """A leaf for each pair of a destination and an owner; `code` and `owner` are those of each socket."""
    leaf, example = factorize(fused((owner, 32), (code, 32)))
    process = owner[example]
    return _Leaves(leaf, code[example].astype(np.intp), process, process.astype(np.uint64))


def _leaves_by_destination(code: Rows, membership: NDArray[np.uint64]) -> _Leaves:
    """A leaf for each destination; `code` is that of each socket, `membership` is as by `_membership`."""
    present = np.bincount(code, minlength=len(membership)) > 0
    destination = np.flatnonzero(present)
    leaf = code if present.all() else (np.cumsum(present) - 1).take(code)
    return _Leaves(leaf, destination, np.zeros(len(destination), np.int32), membership[destination])


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
    weight = np.where(destinations.direction == Direction.OUTBOUND, 1.0, 0.5)
    return np.nan_to_num(budgets.pressure * weight, posinf=1.0)


def _tallies(state: NDArray[np.uint8], age_ms: Codes, leaf: Rows, count: int) -> tuple[Counts, Counts]:
    """(sockets by state (leaves, 12), TIME_WAIT entries by step (leaves, 20)) of `count` leaves."""
    waiting, others = np.flatnonzero(age_ms >= 0), np.flatnonzero(age_ms < 0)
    step = np.maximum(SPARK_STEPS - 1 - age_ms.take(waiting) // SPARK_STEP_MS, 0)
    slots = leaf.take(waiting) * SPARK_STEPS + step
    entered = np.bincount(slots, minlength=count * SPARK_STEPS).reshape(count, SPARK_STEPS)
    states = np.bincount(leaf[others] * STATES + state[others], minlength=count * STATES).reshape(count, STATES)
    states[:, TcpState.TIME_WAIT] += entered.sum(axis=1)
    return states, entered


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
