"""Destinations → rows of the peers table: groups by peer, destination, service, process or address prefix."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.destinations import Destinations
from twtop.analysis.port_budgets import PortBudgets
from twtop.analysis.timer_wheel import RATE_WINDOW_S
from twtop.arrays import factorize, fused
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
    Snapshot,
    TcpState,
    freeze,
)

STATES = 12
"""Width of a table by state: TcpState is the column, column 0 stays empty."""

SPARK_STEPS = 20
SPARK_STEP_MS = TIMEWAIT_MS // SPARK_STEPS
RATE_STEPS = RATE_WINDOW_S * 1000 // SPARK_STEP_MS

IPV4_PREFIX, IPV6_PREFIX = 120, 64
"""/24 of IPv4 as kept here, and /64 of IPv6: the usual size of a subnet."""


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows of two levels. Leaves are (group, destination) pairs, sorted by group and most pressed first, then by port.

    `first` (groups + 1) are the bounds of each group's leaves, so leaf first[g] is its worst. `destination`,
    `leaf_states` (leaves, 12) and `leaf_entered` (leaves, 20: TIME_WAIT entries in steps of 3 s, oldest first) are
    per leaf; `states`, `entered` are the same per group. `process` is each leaf's index into `process_names`, which
    counts only when grouped by process.
    """

    by: GroupBy
    destinations: Destinations
    budgets: PortBudgets
    addresses: Addresses
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
        """How pressed each group's worst destination is."""
        return urgency(self.destinations, self.budgets)[self.worst]

    @property
    def entered_per_s(self) -> Floats:
        """Recent TIME_WAIT entries per second of each group; NaN where timers are unknown."""
        return entered_per_s(self.states, self.entered)

    def leaf_key(self, leaf: int) -> Key:
        """Names the sockets of one leaf."""
        process = self.process_names[self.process[leaf]] if self.by is GroupBy.PROCESS else None
        return replace(self.destination_key(int(self.destination[leaf])), process=process)

    def destination_key(self, destination: int) -> Key:
        """Names the sockets of one destination."""
        return Key(
            direction=Direction(self.destinations.direction[destination]),
            local=self.addresses.integer(self.destinations.local[destination]),
            remote=self.addresses.integer(self.destinations.remote[destination]),
            port=int(self.destinations.port[destination]),
        )

    def key(self, group: int) -> Key:
        """Names the sockets of one group."""
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
        """The connections that a key names, by state (12,): zeros where there are none."""
        named = _matching_destinations(self.destinations, self.addresses, key)[self.destination]
        if key.process is not None:
            named &= np.array([name == key.process for name in self.process_names], np.bool_)[self.process]
        found: Counts = self.leaf_states[named].sum(axis=0)
        return found

    def find(self, key: Key) -> int | None:
        """The group with this key, if it is still there."""
        rows = np.flatnonzero(_matching_destinations(self.destinations, self.addresses, key)[self.worst])
        return next((int(row) for row in rows if self.key(int(row)) == key), None)


def has_timers(states: Counts, entered: Counts) -> Mask:
    """Of a row, or of each row: whether every TIME_WAIT has its step in the last minute, since its timer is known."""
    complete: Mask = np.asarray(entered.sum(axis=-1) == states[..., TcpState.TIME_WAIT])
    return complete


def entered_per_s(states: Counts, entered: Counts) -> Floats:
    """Recent TIME_WAIT entries per second of each row; NaN where timers are unknown."""
    return np.where(has_timers(states, entered), entered[:, -RATE_STEPS:].sum(axis=1) / RATE_WINDOW_S, np.nan)


def group(
    snapshot: Snapshot, destinations: Destinations, budget: PortBudgets, shown: Mask, by: GroupBy, owners: Owners
) -> Groups:
    """Group the shown connections. Counts are of shown sockets, budgets of all."""
    sockets = snapshot.sockets
    rows = np.flatnonzero(shown & (destinations.code >= 0))
    name_of, names = process_names(owners)
    if by is GroupBy.PROCESS:
        owner = name_of[owners.process[rows]]
        leaf, bearer = factorize(fused((owner, 32), (destinations.code[rows], 32)))
        destination = destinations.code[rows][bearer].astype(np.intp)
        member, process = owner[bearer].astype(np.uint64), owner[bearer]
    else:
        present = np.bincount(destinations.code[rows], minlength=len(destinations)) > 0
        destination = np.flatnonzero(present)
        leaf = (np.cumsum(present) - 1)[destinations.code[rows]].astype(np.int32)
        member, process = (
            _membership(destinations, sockets.addresses, by)[destination],
            np.zeros(len(destination), np.int32),
        )
    group_of, _ = factorize(member)
    pressed = urgency(destinations, budget)[destination]
    order = np.lexsort((destination, destinations.port[destination], -pressed, group_of))
    states, entered = _tallies(sockets.state[rows], sockets.age_ms[rows], leaf, len(destination))
    states, entered, group_of = states[order], entered[order], group_of[order]
    first = np.flatnonzero(np.append(True, group_of[1:] != group_of[:-1])) if len(order) else np.empty(0, np.intp)
    return Groups(
        by=by,
        destinations=destinations,
        budgets=budget,
        addresses=sockets.addresses,
        first=np.append(first, len(order)),
        destination=destination[order],
        process=process[order],
        process_names=tuple(names),
        leaf_states=states,
        leaf_entered=entered,
        states=np.add.reduceat(states, first, axis=0) if len(first) else states,
        entered=np.add.reduceat(entered, first, axis=0) if len(first) else entered,
    )


def members(snapshot: Snapshot, destinations: Destinations, owners: Owners, key: Key) -> Mask:
    """Which connections a key names: a mask over sockets."""
    chosen = np.append(_matching_destinations(destinations, snapshot.sockets.addresses, key), False)[destinations.code]
    if key.process is not None:
        name_of, names = process_names(owners)
        wanted = np.array([name == key.process for name in names], np.bool_)
        chosen &= wanted[name_of[owners.process]]
    return chosen


def urgency(destinations: Destinations, budget: PortBudgets) -> Floats:
    """What “most pressed” means: outbound pressure; inbound counts half, since its TIME_WAIT are recyclable."""
    weight = np.where(destinations.direction == Direction.OUTBOUND, 1.0, 0.5)
    return np.nan_to_num(budget.pressure * weight, posinf=1.0)


def _tallies(state: NDArray[np.uint8], age_ms: Codes, leaf: Codes, count: int) -> tuple[Counts, Counts]:
    states = np.bincount(leaf.astype(np.int64) * STATES + state, minlength=count * STATES).reshape(count, STATES)
    waiting = age_ms >= 0
    step = SPARK_STEPS - 1 - np.minimum(age_ms[waiting] // SPARK_STEP_MS, SPARK_STEPS - 1)
    slots = leaf[waiting].astype(np.int64) * SPARK_STEPS + step
    return states, np.bincount(slots, minlength=count * SPARK_STEPS).reshape(count, SPARK_STEPS)


def _membership(destinations: Destinations, addresses: Addresses, by: GroupBy) -> NDArray[np.uint64]:
    """A number per destination, equal where destinations share a row."""
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
    """Which destinations a key names, whatever the process."""
    chosen = np.ones(len(destinations), np.bool_)
    if key.direction is not None:
        chosen &= destinations.direction == key.direction
    if key.port is not None:
        chosen &= destinations.port == key.port
    for column, integer, bits in ((destinations.remote, key.remote, key.bits), (destinations.local, key.local, 128)):
        if integer is not None:
            same_family = addresses.is_ipv4 == (integer >> 32 == 0xFFFF)  # IPv4 as kept here lies within ::/64
            chosen &= (addresses.within(integer, bits) & same_family)[column]
    return chosen


def process_names(owners: Owners) -> tuple[Codes, list[str]]:
    """(name number per process, with the unknown owner last so that index −1 finds it; the names, sorted).

    A process whose name could not be read is an unknown owner too.
    """
    names = sorted({process.name for process in owners.processes} - {""})
    number = {name: i for i, name in enumerate([*names, ""])}
    codes = [number[process.name] for process in owners.processes]
    return np.array([*codes, len(names)], np.int32), [*names, ""]
