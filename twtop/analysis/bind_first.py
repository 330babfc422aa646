"""Clients that bind() before they connect(): these have one budget per local IP, for all destinations.

bind(ip, 0) takes a port that no other socket of that IP has, whatever the destination (inet_csk_get_port). It fails
with EADDRINUSE when there is none. The ports that it took are closed to every connect(). IP_BIND_ADDRESS_NO_PORT leaves
the choice to connect().

No socket shows how it got its port, but all sockets of an address together do. connect() searches a port for each
destination on its own, so some sockets share a port by chance. Sockets that got their ports from bind() never do. While
there are too few sockets to tell, the parity of the ports gives a hint: bind() begins with the parity that connect()
tries last (inet_csk_find_open_port).
"""

from dataclasses import dataclass, fields

import numpy as np

from twtop.analysis.destinations import Destinations, Names, address_names
from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.analysis.exhaustion import PortUse, full_in_s, max_per_s
from twtop.analysis.limit import Limit, find_limit, freed, is_full_now, with_unseen_demand
from twtop.analysis.rates import SHORT_S, measure_rates
from twtop.analysis.reading import BudgetState, Reading
from twtop.analysis.timer_wheel import mean_life_s
from twtop.arrays import distinct, factorize, fused
from twtop.model import Codes, Counts, Direction, Floats, Mask, Rows, freeze

EXPECTED_SHARE = 0.2
"""Whether sockets share ports tells something if connect() would have put at least this part of them on a port in use.

Each destination's search walks through the range and takes about one port in four or five. With this many sockets the
walks certainly overlap: in simulations of 2 to 80 destinations, connect() never fell below three fifths of the mean.
"""

EXPECTED_SOCKETS = 16
"""It tells something only if connect() would have put at least this many sockets on a port in use."""

SEEN_OF_EXPECTED = 0.25
"""The client binds first if at most this part of the expected sockets share a port."""


@dataclass(frozen=True, slots=True, eq=False)
class BindFirst:
    """Columns over the local addresses that have outbound connections, TIME_WAIT included: (addresses,).

    `names` are as in destinations.address_names, `local` is an index into the addresses of the sockets. `sockets`,
    `destinations` and `ports` count the distinct ones. `by_connect` is the mean number of distinct ports if connect()
    had chosen them. `holds` masks the addresses whose client binds first: at a `pressure` of 1 its bind() fails,
    whatever the destination. `possible` masks those that may bind first, which their sockets do not tell yet. `is_full`
    masks those that bind first and have no port left.

    `live` counts the connections that are not in TIME_WAIT. The other columns are about the one budget for all
    destinations, where `holds` or `possible` is true; otherwise they are NaN, or false. They are as in PortBudgets.
    """

    names: Names
    local: Codes
    sockets: Counts
    destinations: Counts
    ports: Counts
    by_connect: Floats
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

    def __post_init__(self) -> None:
        freeze(*(each for f in fields(self) if isinstance(each := getattr(self, f.name), np.ndarray)))

    @property
    def state(self) -> BudgetState:
        """What later readings need to know of these budgets."""
        return BudgetState(self.names, self.live, self.limit.full_at, self.new_per_s)

    def of(self, destinations: Destinations, column: Mask) -> Mask:
        """The entry of a column for the address of each destination: (destinations,); false where it does not bind
        first."""
        entry = np.zeros(destinations.local.max(initial=-1) + 1, np.bool_)
        entry[self.local] = column
        return self.is_client_of(destinations) & entry[destinations.local]

    def is_client_of(self, destinations: Destinations) -> Mask:
        """Mask of the destinations whose client binds first for certain: (destinations,)."""
        outbound: Mask = destinations.direction == Direction.OUTBOUND
        return outbound & np.isin(destinations.local, self.local[self.holds])

    def bound(self, destinations: Destinations, full_in_s: Floats) -> Floats:
        """Seconds until each destination is full, given those until its own budget is full: (destinations,).

        The budget of the destination's address may end earlier. Where it may, but it is unknown when or whether there
        is such a budget, the answer is unknown (NaN).
        """
        number = np.full(destinations.local.max(initial=-1) + 1, -1)
        number[self.local] = np.arange(len(self.local))
        rows = np.flatnonzero((destinations.direction == Direction.OUTBOUND) & (number[destinations.local] >= 0))
        own = number[destinations.local[rows]]
        shared = np.where(self.holds, self.full_in_s, np.where(self.possible, np.nan, np.inf))[own]
        sooner = ~(self.full_in_s[own] >= full_in_s[rows])
        result = full_in_s.copy()
        result[rows[sooner]] = np.minimum(shared, full_in_s[rows])[sooner]
        return result


def bind_first(reading: Reading) -> BindFirst | None:
    """Find the addresses that bind first: compare their local ports with those that connect() would have chosen.

    None where the port range is unknown, or where only a part of the sockets was read.
    """
    sockets, ports = reading.snapshot.sockets, reading.ports
    if ports is None or reading.snapshot.part:
        return None
    clients = _clients(reading, ports)
    holds, possible = _judged(clients)
    count, names = len(clients.local), address_names(sockets.addresses)[clients.local]
    time_wait = sockets.is_time_wait[clients.rows]
    live = (clients.sockets - np.bincount(clients.code[time_wait], minlength=count)).astype(np.float64)
    waiting = time_wait & (holds | possible)[clients.code]
    rows, code = clients.rows[waiting], clients.code[waiting]
    is_full = holds & (clients.ports >= ports.capacity - reading.skipped_ports)
    budget = _budget(reading, names, rows, code, live, holds | possible, is_full, clients.sockets - clients.ports)
    aged = np.bincount(code[sockets.age_ms[rows] >= SHORT_S * 1000], minlength=count)
    has_just_begun = possible & (clients.sockets > live) & (aged == 0)  # its rate is higher than measured
    return BindFirst(
        names=names,
        local=clients.local,
        sockets=clients.sockets,
        destinations=clients.destinations,
        ports=clients.ports,
        by_connect=clients.by_connect,
        pressure=clients.ports / max(ports.capacity, 1),
        holds=holds,
        possible=possible,
        live=live,
        new_per_s=budget.new_per_s,
        max_per_s=budget.max_per_s,
        full_in_s=(full_in_s := np.where(has_just_begun, np.nan, budget.full_in_s)),
        is_full=is_full,
        is_now=holds & is_full_now(budget.limit, reading.snapshot.mono, full_in_s, reading.wheel.step_s),
        waits=is_full & ~(budget.next_free_s <= reading.wheel.step_s),
        limit=budget.limit,
        next_free_s=np.where(is_full, budget.next_free_s, np.nan),
        freed_per_s=np.where(is_full, budget.freed_per_s, np.nan),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Clients:
    """The local addresses with outbound connections on ports that connect() can choose.

    `rows` and `code` (those connections,) are the row of each, and the number of its address. The rest is (addresses,),
    as in BindFirst; `first_parity` counts the sockets on ports of the parity that connect() tries first.
    """

    rows: Rows
    code: Codes
    local: Codes
    sockets: Counts
    destinations: Counts
    ports: Counts
    by_connect: Floats
    first_parity: Counts


def _clients(reading: Reading, ports: EphemeralPorts) -> _Clients:
    """Count the outbound connections of a reading and their ports by local address.

    Of n ports that connect() tries first, a destination with k connections holds each with a chance of k/n. Over all
    destinations n·(1 − Π(1 − k/n)) of them are in use. Past the cliff, the rest of k is on ports of the other parity,
    by the same formula.
    """
    sockets, destinations = reading.snapshot.sockets, reading.destinations
    rows = np.flatnonzero((destinations.per_socket() == Direction.OUTBOUND) & ports.available[sockets.lport])
    held = np.bincount(destinations.code[rows], minlength=len(destinations))
    used = np.flatnonzero(held)
    owner, example = factorize(destinations.local[used].astype(np.uint64))
    local, count = destinations.local[used][example], len(example)
    first, second = ports.first_parity, ports.capacity - ports.first_parity
    beyond = np.maximum(held[used] - first, 0)
    number = np.zeros(len(sockets.addresses), np.int32)
    number[local] = np.arange(count)
    code = number[sockets.local[rows]]
    pairs = distinct(fused((code, 32), (sockets.lport[rows], 16)))
    return _Clients(
        rows=rows,
        code=code,
        local=local,
        sockets=np.bincount(owner, held[used], count).astype(np.int64),
        destinations=np.bincount(owner, minlength=count),
        ports=np.bincount((pairs >> np.uint64(16)).astype(np.intp), minlength=count),
        by_connect=_distinct(owner, held[used] - beyond, first, count) + _distinct(owner, beyond, second, count),
        first_parity=np.bincount(code[sockets.lport[rows] % 2 == ports.low % 2], minlength=count),
    )


def _judged(clients: _Clients) -> tuple[Mask, Mask]:
    """Masks of the addresses that bind first, and of those that may: (`holds`, `possible`) of BindFirst."""
    expected, sharing = clients.sockets - clients.by_connect, clients.sockets - clients.ports
    telling = expected >= np.maximum(EXPECTED_SHARE * clients.sockets, EXPECTED_SOCKETS)
    few_share = sharing <= SEEN_OF_EXPECTED * expected
    mostly_second_parity = clients.first_parity * 2 < clients.sockets
    return telling & few_share, ~telling & few_share & (clients.destinations > 1) & mostly_second_parity


@dataclass(frozen=True, slots=True, eq=False)
class _Budget:
    """The budget that an address has for all destinations: (addresses,), as in BindFirst."""

    new_per_s: Floats
    max_per_s: Floats
    full_in_s: Floats
    limit: Limit
    next_free_s: Floats
    freed_per_s: Floats


def _budget(
    reading: Reading,
    names: Names,
    waiting: Rows,
    owner: Codes,
    live: Floats,
    chosen: Mask,
    is_full: Mask,
    sharing: Counts,
) -> _Budget:
    """The budgets of the chosen addresses; NaN for the others.

    `waiting` are the rows of their outbound TIME_WAIT, and `owner` is the address of each. These are (addresses,):
    `live` connections that are not in TIME_WAIT, whether the budget `is_full`, and how many sockets are `sharing` the
    port of another. bind() takes no port of a TIME_WAIT before its end, whatever tcp_tw_reuse says.
    """
    assert reading.ports is not None
    sockets, wheel, capacity = reading.snapshot.sockets, reading.wheel, float(reading.ports.capacity)
    age_ms, left_ms = sockets.age_ms[waiting], sockets.timer_ms[waiting]
    rates = measure_rates(reading, owner, age_ms, names, live)
    limit = find_limit(reading, names, is_full)
    rates = with_unseen_demand(rates, limit, reading, names, owner, age_ms)
    timed = chosen & (np.bincount(owner[left_ms < 0], minlength=len(names)) == 0)
    hold_s = np.full(len(names), mean_life_s(wheel.step_s))
    room = np.where(timed, capacity - reading.skipped_ports + sharing, np.nan)
    free_in_s = wheel.release_s(left_ms)
    full_in = full_in_s(PortUse(owner, free_in_s, live, rates, hold_s, room), wheel.longest_s)
    next_free_s, freed_per_s = freed(owner, free_in_s, left_ms / 1000, len(names))
    return _Budget(
        new_per_s=np.where(timed, rates.new, np.nan),
        max_per_s=max_per_s(np.where(chosen, capacity + sharing, np.nan), live, hold_s),
        full_in_s=np.where(np.isnan(rates.new) & (full_in > 0), np.nan, full_in),
        limit=limit,
        next_free_s=np.where(timed, next_free_s, np.nan),
        freed_per_s=np.where(timed, freed_per_s, np.nan),
    )


def _distinct(owner: Codes, held: Counts, among: int, count: int) -> Floats:
    """The mean number of ports in use, out of `among`, if each destination holds `held` of them by chance.

    `owner` is the number of each destination's address; the answer is by that number: (count,).

    >>> _distinct(np.array([0, 0, 1], np.int32), np.array([50, 50, 7]), among=100, count=2).tolist()
    [75.0, 7.0]
    """
    if not among:
        return np.zeros(count)
    with np.errstate(divide="ignore"):
        log_free = np.bincount(owner, np.log1p(-np.minimum(held / among, 1.0)), count)
    return np.round(among * -np.expm1(log_free), 6)
