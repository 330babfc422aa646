"""Clients that bind() before they connect(): these have one budget per local IP, for all destinations.

bind(ip, 0) takes a port that no other socket of that IP has, whatever the destination and whoever chose it
(inet_csk_get_port). It takes over no TIME_WAIT, whatever tcp_tw_reuse says. It fails with EADDRINUSE when no port is
left. IP_BIND_ADDRESS_NO_PORT leaves the choice to connect(). Which clients bind first is said by port_choice.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Keys, address_names, among, distinct, fused, numbered
from twtop.budgets.exhaustion import PortUse, max_per_s, time_to_full
from twtop.budgets.limit import Limit, find_limit, freed, with_unseen_demand
from twtop.budgets.rates import SHORT_S, measure_rates
from twtop.dump.destinations import Names
from twtop.dump.reading import BudgetState, Reading
from twtop.model import PORTS, Codes, Counts, Direction, Floats, Mask, Rows
from twtop.records import dataclass, freeze_columns

SAME_TIME = 0.9
"""Two times to full are one if the shorter is at least this part of the longer."""


@dataclass(frozen=True, slots=True, eq=False)
class BindFirst:
    """Columns over the local addresses that have outbound connections, TIME_WAIT included: (addresses,).

    `names` are as in destinations.address_names, `local` is an index into the addresses of the sockets. `sockets` are
    the outbound connections, and `destinations` those that share the budget. bind() may pick one of `capacity` ports on
    the address, and on `live` ports there are connections that no timer ends.

    `holds` masks the addresses with a client that binds first, `possible` those with one that may. The other columns
    are known where either is true; otherwise they are NaN. `ports` of the capacity are in use, and of `waiting` of
    these a timer ends all sockets. `pressure` is ports / capacity: at 1, bind() fails. `left_at_most` = capacity −
    ports more can be bound. A client that binds the wildcard address gets `left_at_least`: the ports that no address
    has in use. The rest is as in PortBudgets.

    `is_full` masks those with such a client and without a port.

    `of_destination` (destinations,) is the address of each outbound destination, else −1. `certain` and `may`
    (destinations,) are as in PortChoices. `both` masks the destinations to which clients of both kinds may connect.
    """

    names: Names
    local: Codes
    sockets: Counts
    destinations: Counts
    ports: Floats
    waiting: Floats
    capacity: Counts
    left_at_least: Floats
    left_at_most: Floats
    pressure: Floats
    holds: Mask
    possible: Mask
    live: Floats
    new_per_s: Floats
    max_per_s: Floats
    full_in_s: Floats
    is_full: Mask
    is_now: Mask
    waits: Mask
    limit: Limit
    next_free_s: Floats
    freed_per_s: Floats
    of_destination: Rows
    certain: Mask
    may: Mask
    both: Mask

    def __post_init__(self) -> None:
        freeze_columns(self)

    @property
    def state(self) -> BudgetState:
        """What later readings need to know of these budgets."""
        return BudgetState(self.names, self.live, self.limit.full_at, self.is_now, self.full_in_s, self.new_per_s)

    def of(self, column: Mask) -> Mask:
        """The entry of a column for the address of each destination: (destinations,); false where it does not bind
        first."""
        entry: Mask = self.certain & np.append(column, False)[self.of_destination]
        return entry

    def time_to_full(self, own_full_in_s: Floats) -> Floats:
        """Seconds until each destination is full, given those until connect()'s budget is: (destinations,).

        Where its client binds first, that is when the budget of its address ends. Where it only may, and that would be
        earlier, it is unknown (NaN).
        """
        result = own_full_in_s.copy()
        rows = np.flatnonzero(self.certain | self.may)
        own, shared = own_full_in_s[rows], self.full_in_s[self.of_destination[rows]]
        is_own = ~self.certain[rows] & ((shared >= own) | (own == 0))
        is_shared = self.certain[rows] | (shared >= SAME_TIME * own)
        result[rows] = np.select([is_own, is_shared], [own, shared], default=np.nan)
        return result

    def room_of(self, capacity: Floats, used: Floats) -> Floats:
        """The same capacities of the destinations, where a client binds first with the most ports that it can hold
        together with the other such destinations of its address. `used` are the ports of each: (destinations,).
        """
        rows, result = np.flatnonzero(self.certain), capacity.copy()
        address = self.of_destination[rows]
        together = np.bincount(address, used[rows], len(self.local))
        result[rows] = (self.capacity - self.ports + together)[address]
        return result


def bind_first(reading: Reading) -> BindFirst | None:
    """The budget that each local address has for the clients that bind it first.

    None where the port range is unknown, or where only a part of the sockets was read.
    """
    sockets, destinations, choices = reading.snapshot.sockets, reading.destinations, reading.choices
    if reading.ports is None or choices is None:
        return None
    outbound = np.flatnonzero(destinations.direction == Direction.OUTBOUND)
    numbers, local = numbered(destinations.local[outbound], len(sockets.addresses))
    count = len(local)
    of_destination = np.full(len(destinations), -1, np.intp)
    of_destination[outbound] = numbers
    certain, may = choices.binds_first[outbound], choices.may_bind_first[outbound]
    holds = np.bincount(numbers, certain, count) > 0
    possible = ~holds & (np.bincount(numbers, may, count) > 0)
    chosen = holds | possible
    bound, names = _visibly_bound(reading), address_names(sockets.addresses)[local]
    capacity, live = _bindable(reading, bound)[local], _live_ports(reading, local, bound).astype(np.float64)
    held = _ports_in_use(reading, local, chosen, bound)
    used, waiting = (
        np.where(chosen, np.bincount(held.address[which], minlength=count).astype(np.float64), np.nan)
        for which in (slice(None), held.waits)
    )
    rows, address = _last_to_end(reading, held.end[held.waits]), held.address[held.waits]
    room = np.where(chosen, capacity, np.nan)
    is_full = holds & (used >= capacity - reading.skipped_ports)
    budget = _budget(reading, names, rows, address, live, room, is_full)
    aged = np.bincount(address[reading.age_ms[rows] >= SHORT_S * 1000], minlength=count)
    shared = np.bincount(numbers, minlength=count) > 1
    has_just_begun = possible & shared & (waiting > 0) & (aged == 0)  # its rate is higher than measured
    free_everywhere = int(np.count_nonzero(reading.ports.unreserved & (reading.ends.per_port == 0)))
    left = capacity.astype(np.float64) - used
    return BindFirst(
        names=names,
        local=local,
        sockets=np.bincount(numbers, destinations.count[outbound], count).astype(np.int64),
        destinations=np.bincount(numbers, np.where(holds[numbers], certain, True), count).astype(np.int64),
        ports=used,
        waiting=waiting,
        capacity=capacity,
        left_at_least=np.minimum(free_everywhere, left),
        left_at_most=left,
        pressure=used / np.maximum(capacity, 1),
        holds=holds,
        possible=possible,
        live=live,
        new_per_s=budget.new_per_s,
        max_per_s=budget.max_per_s,
        full_in_s=np.where(has_just_begun, np.nan, budget.full_in_s),
        is_full=is_full,
        is_now=holds & budget.is_now,
        waits=is_full & ~(budget.next_free_s <= reading.wheel.step_s),
        limit=budget.limit,
        next_free_s=np.where(is_full, budget.next_free_s, np.nan),
        freed_per_s=np.where(is_full, budget.freed_per_s, np.nan),
        of_destination=of_destination,
        certain=choices.binds_first,
        may=choices.may_bind_first,
        both=choices.may_bind_first | choices.connects_too,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _PortsInUse:
    """The ports that connections hold on some addresses: (ports,). `end` is the number of each as in LocalEnds,
    `address` that of its address, and `waits` whether a timer ends all sockets on it.
    """

    end: Rows
    address: Rows
    waits: Mask


def _ports_in_use(reading: Reading, local: Codes, chosen: Mask, bound: "_Bound") -> _PortsInUse:
    """Those of the `chosen` ones of these addresses that bind() could pick if no connection held them."""
    if not chosen.any():
        nothing = np.empty(0, np.intp)
        return _PortsInUse(nothing, nothing, np.empty(0, np.bool_))
    sockets, ends = reading.snapshot.sockets, reading.ends
    number = np.full(len(sockets.addresses), -1, np.intp)
    number[local[chosen]] = np.flatnonzero(chosen)
    held = np.flatnonzero(ends.count(sockets.is_connection))
    held = held[number.take(ends.local.take(held)) >= 0]
    held = held[_pickable(reading, ends.local.take(held), ends.port.take(held), bound)]
    lives = ends.count(sockets.is_connection & ~sockets.is_timewait_object).take(held) > 0
    return _PortsInUse(held, number.take(ends.local.take(held)), ~lives)


def _live_ports(reading: Reading, local: Codes, bound: "_Bound") -> Counts:
    """How many such ports of each of these addresses have connections that no timer ends: (addresses,)."""
    sockets = reading.snapshot.sockets
    rows = sockets.live
    number = np.full(len(sockets.addresses), -1, np.intp)
    number[local] = np.arange(len(local))
    rows = rows[number.take(sockets.local[rows]) >= 0]
    rows = rows[_pickable(reading, sockets.local[rows], sockets.lport[rows], bound)]
    held = distinct(fused((number.take(sockets.local[rows]), 32), (sockets.lport[rows], 16)))
    return np.bincount((held >> np.uint64(16)).astype(np.intp), minlength=len(local))


def _pickable(reading: Reading, address: Codes, port: NDArray[np.uint16], bound: "_Bound") -> Mask:
    """Mask of those of these ends that bind() could pick if no connection held them."""
    assert reading.ports is not None
    pickable: Mask = reading.ports.unreserved.take(port)
    if bound.wildcard.any():
        family = np.where(reading.snapshot.sockets.addresses.is_ipv4, 0, 1)
        pickable &= ~bound.wildcard[family.take(address), port]
    if len(bound.narrow):
        pickable &= ~among(fused((address, 32), (port, 16)), bound.narrow)
    return pickable


def _last_to_end(reading: Reading, ends: Rows) -> Rows:
    """The connection on each of these local ends that its timer ends last."""
    if not len(ends):
        return ends
    sockets, number = reading.snapshot.sockets, np.full(len(reading.ends), -1, np.intp)
    number[ends] = np.arange(len(ends))
    of_end = number.take(reading.ends.number)
    rows = np.flatnonzero((of_end >= 0) & sockets.is_connection)
    in_order = rows[np.argsort(sockets.timer_ms[rows], kind="stable")]
    last = np.empty(len(ends), np.intp)
    last[of_end[in_order]] = in_order
    return last


def _bindable(reading: Reading, bound: "_Bound") -> Counts:
    """How many ports bind() may pick on each address, were there no connections: (addresses,) of the sockets."""
    assert reading.ports is not None
    addresses, unreserved = reading.snapshot.sockets.addresses, reading.ports.unreserved
    on_each = np.bincount((bound.narrow >> np.uint64(16)).astype(np.intp), minlength=len(addresses))
    everywhere = [np.count_nonzero(each) for each in bound.wildcard]
    bindable: Counts = np.count_nonzero(unreserved) - np.where(addresses.is_ipv4, *everywhere) - on_each
    return bindable


class _Bound(NamedTuple):
    """Ports of the range on which somebody listens, or that are bound and not connected.

    `wildcard` are those of a wildcard address, as masks for IPv4 and for IPv6 addresses: (2, 65536). `narrow` are the
    others, as ascending keys of address and port.
    """

    wildcard: Mask
    narrow: Keys


def _visibly_bound(reading: Reading) -> _Bound:
    """A socket on `::` is taken to hold IPv4 too: the table does not show IPV6_V6ONLY."""
    assert reading.ports is not None
    sockets = reading.snapshot.sockets
    rows = sockets.unconnected
    rows = rows[reading.ports.unreserved[sockets.lport[rows]]]
    local, lport = sockets.local[rows], sockets.lport[rows]
    is_wildcard, is_ipv4 = sockets.addresses.is_wildcard[local], sockets.addresses.is_ipv4[local]
    wildcard = np.zeros((2, PORTS), np.bool_)
    wildcard[0, lport[is_wildcard]] = True
    wildcard[1, lport[is_wildcard & ~is_ipv4]] = True
    narrow = ~is_wildcard & ~np.where(is_ipv4, wildcard[0, lport], wildcard[1, lport])
    return _Bound(wildcard, distinct(fused((local[narrow], 32), (lport[narrow], 16))))


@dataclass(frozen=True, slots=True, eq=False)
class _Budget:
    """The budget that an address has for the clients that bind it first: (addresses,), as in BindFirst."""

    new_per_s: Floats
    max_per_s: Floats
    full_in_s: Floats
    is_now: Mask
    limit: Limit
    next_free_s: Floats
    freed_per_s: Floats


def _budget(
    reading: Reading, names: Names, waiting: Rows, owner: Rows, live: Floats, capacity: Floats, is_full: Mask
) -> _Budget:
    """The budget of each address; NaN where its `capacity` is.

    `waiting` are the rows of the TIME_WAIT that hold a port, and `owner` is the address of each.
    """
    sockets, wheel, count = reading.snapshot.sockets, reading.wheel, len(names)
    left = capacity - live - np.bincount(owner, minlength=count)
    limit = find_limit(reading, names, is_full, left)
    if np.isnan(capacity).all():
        unknown, never = np.full(count, np.nan), np.zeros(count, np.bool_)
        return _Budget(unknown, unknown, unknown, never, limit, unknown, unknown)
    age_ms, left_ms = reading.age_ms[waiting], sockets.timer_ms[waiting]
    rates = measure_rates(reading, owner, age_ms, names, live)
    rates = with_unseen_demand(rates, limit, owner, age_ms)
    timed = np.bincount(owner[left_ms < 0], minlength=count) == 0
    hold_s, free_in_s = np.full(count, wheel.longest_s), wheel.release_s(left_ms)
    room, most_waiting = np.where(timed, capacity - reading.skipped_ports, np.nan), np.full(count, reading.buckets)
    waits = np.bincount(owner, minlength=count).astype(np.float64)
    use = PortUse(waits, live, rates, hold_s, room, most_waiting)
    time_to = time_to_full(use, wheel, owner, free_in_s, limit.lately, limit.was_soon)
    next_free_s, freed_per_s = freed(owner, free_in_s, left_ms / 1000, count)
    return _Budget(
        new_per_s=np.where(timed & ~np.isnan(capacity), rates.new, np.nan),
        max_per_s=max_per_s(capacity, live, hold_s),
        full_in_s=np.where(np.isnan(rates.new) & (time_to.full > 0), np.nan, time_to.full),
        is_now=limit.is_now(time_to),
        limit=limit,
        next_free_s=np.where(timed, next_free_s, np.nan),
        freed_per_s=np.where(timed, freed_per_s, np.nan),
    )
