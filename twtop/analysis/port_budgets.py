"""The port budget of each destination: its size, its fill, the cost of a connect(), and when it will be full.

connect() without bind() picks a local port by 4-tuple, so a budget belongs to (local IP, remote IP, remote port).
Behind a listener there is no such budget. There the peer's client ports are counted, and a new SYN may take over a
TIME_WAIT.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields

import numpy as np

from twtop.analysis.bind_first import BindFirst
from twtop.analysis.destinations import Names
from twtop.analysis.ephemeral_ports import EphemeralPorts
from twtop.analysis.exhaustion import PortUse, full_in_s, max_per_s
from twtop.analysis.failures import Refused, refused
from twtop.analysis.limit import Limit, find_limit, freed, full_lately, is_full_now, with_unseen_demand
from twtop.analysis.rates import SHORT_S, disagree, measure_rates
from twtop.analysis.reading import BudgetState, Reading
from twtop.analysis.timer_wheel import mean_life_s
from twtop.model import (
    EPHEMERAL_CLIENT_PORTS,
    Addresses,
    Codes,
    Direction,
    Floats,
    Limits,
    Mask,
    Sockets,
    freeze,
)

DEFAULT_REUSE_DELAY_MS = 1000
"""Kernels without tcp_tw_reuse_delay wait a whole second (tcp_twsk_unique)."""


@dataclass(frozen=True, slots=True, eq=False)
class PortBudgets:
    """The budget of each destination: (destinations,). NaN is unknown or does not apply.

    Outbound, `used` of `capacity` ports are taken by sockets in any state. `time_wait` of these are in TIME_WAIT, and
    connect() may take over `reusable` of those. So capacity − used + reusable connections can still be made, now and
    then one less (EphemeralPorts.skipped_ports). `probes_per_connect` is the mean number of ports that a connect()
    tries. Past the cliff the first parity is full. Inbound, `used` are client ports of the peer.

    `pressure` is (used − reusable) / capacity: at 1, connect() fails with EADDRNOTAVAIL. `failed_per_s` and
    `failed_60s` are those that did, now and in the last minute; NaN where they are not counted, or where the kernel
    tells of several destinations together. `new_per_s` is how many connections are asked for per second: those that
    are opened, less those that end without a TIME_WAIT, and those that fail. At more than `max_per_s` the budget
    fills sooner or later, if the connections that are open stay open. `full_in_s` is the seconds until the budget is
    full, infinity for never. Where a client binds first, it is at most that of the budget which the client's address
    has for all destinations (BindFirst.bound).

    `limit` says when each was full. `is_now` masks those without a port to spare (limit.is_full_now), and `waits` those
    that are full and get no port back at the next move of the timer wheel. `next_free_s` is the seconds until a full
    one gets a port back from a TIME_WAIT, and `freed_per_s` how many it gets from then on; NaN where it is not full, or
    no timer tells.
    """

    used: Floats
    time_wait: Floats
    reusable: Floats
    capacity: Floats
    probes_per_connect: Floats
    new_per_s: Floats
    max_per_s: Floats
    full_in_s: Floats
    past_cliff: Mask
    failed_per_s: Floats
    failed_60s: Floats
    is_now: Mask
    waits: Mask
    limit: Limit
    next_free_s: Floats
    freed_per_s: Floats
    pressure: Floats = field(init=False)

    def __post_init__(self) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            pressure = (self.used - np.nan_to_num(self.reusable)) / self.capacity
        object.__setattr__(self, "pressure", pressure)
        freeze(*(each for f in fields(self) if isinstance(each := getattr(self, f.name), np.ndarray)))

    def state(self, names: Names) -> BudgetState:
        """What later readings need to know of these budgets, whose names are (destinations,)."""
        return BudgetState(names, self.used - self.time_wait, self.limit.full_at, self.new_per_s)


def may_take_over(limits: Limits, addresses: Addresses, local: Codes, remote: Codes) -> Mask | None:
    """Mask of the pairs of addresses between which connect() takes over a TIME_WAIT that is old enough.

    None where the sysctls are unknown. tcp_twsk_unique allows it to all peers if tcp_tw_reuse is 1, to loopback alone
    if it is 2, and in both cases only if the old connection had timestamps.
    """
    if limits.tw_reuse is None or limits.timestamps is None:
        return None
    if limits.tw_reuse == 0 or limits.timestamps == 0:
        return np.zeros(len(local), np.bool_)
    if limits.tw_reuse == 1:
        return np.ones(len(local), np.bool_)
    loopback = addresses.is_loopback
    return loopback[local] | loopback[remote]


def reusable_rows(limits: Limits, sockets: Sockets) -> Mask | None:
    """Mask of the TIME_WAIT that connect() may take over now; None where the sysctls are unknown.

    connect() never takes over a closed FIN_WAIT2.
    """
    allowed = may_take_over(limits, sockets.addresses, sockets.local, sockets.remote)
    return None if allowed is None else allowed & (sockets.age_ms > reuse_delay_ms(limits))


def reuse_delay_ms(limits: Limits) -> int:
    """The age in ms beyond which connect() may take over a TIME_WAIT."""
    return DEFAULT_REUSE_DELAY_MS if limits.tw_reuse_delay_ms is None else limits.tw_reuse_delay_ms


def port_budgets(reading: Reading, binders: BindFirst | None = None) -> PortBudgets:
    """The budget of every destination of a reading. `binders` are the clients that bind first, None for unknown."""
    snapshot, ports, destinations, wheel = reading.snapshot, reading.ports, reading.destinations, reading.wheel
    sockets, code, count = snapshot.sockets, destinations.code, len(destinations)
    outbound = (destinations.direction == Direction.OUTBOUND) & (ports is not None)
    inbound = destinations.direction == Direction.INBOUND
    member = code >= 0
    if ports is not None:
        member &= ports.available[sockets.lport] | (destinations.per_socket() != Direction.OUTBOUND)
    time_wait = member & sockets.is_time_wait
    reusable = reusable_rows(snapshot.limits, sockets)
    allowed = may_take_over(snapshot.limits, sockets.addresses, destinations.local, destinations.remote)

    def tally(rows: Mask) -> Floats:
        return np.bincount(code[rows], minlength=count).astype(np.float64)

    used, waiting = tally(member), tally(time_wait)
    total = np.nan if ports is None else float(ports.capacity)
    held = member if reusable is None else member & ~reusable
    past_cliff, probes = _search_cost(ports, sockets, held, tally, outbound)
    live, ceiling = used - waiting, np.where(outbound, total, np.nan)
    rows = np.flatnonzero(time_wait)
    free = np.zeros(count) if reusable is None else tally(member & reusable)
    is_full = outbound & (used - free >= ceiling - reading.skipped_ports)
    failed, failed_per_s, failed_60s = _failed(reading, is_full)
    rates = measure_rates(reading, code[rows], sockets.age_ms[rows], reading.names, live, failed)
    binds = np.zeros(count, np.bool_) if binders is None else binders.is_client_of(destinations)
    blocked = binds if binders is None else binders.of(destinations, binders.is_full)
    limit = find_limit(reading, reading.names, is_full | blocked, failed, binds)
    rates = with_unseen_demand(rates, limit, reading, reading.names, code[rows], sockets.age_ms[rows])
    timed = tally(time_wait & (sockets.timer_ms < 0)) == 0
    known = outbound if allowed is None else outbound & (timed | ~allowed)
    hold_s, free_in_s, runs_out_s = _release(reading, allowed)
    busy = np.flatnonzero(time_wait & held)
    room = np.where(timed, ceiling - reading.skipped_ports, np.nan)
    use = PortUse(code[busy], free_in_s[busy], live, rates, hold_s, room)
    full_in = full_in_s(use, wheel.longest_s)
    full_in = np.where(np.isnan(rates.new) & (full_in > 0), np.nan, full_in)
    next_free_s, freed_per_s = freed(code[busy], free_in_s[busy], runs_out_s[busy], count)
    told = is_full & timed
    return PortBudgets(
        used=used,
        time_wait=waiting,
        reusable=np.where(known, np.nan if reusable is None else free, np.nan),
        capacity=np.where(inbound, EPHEMERAL_CLIENT_PORTS, ceiling),
        probes_per_connect=probes,
        new_per_s=np.where(timed, rates.new, np.nan),
        max_per_s=max_per_s(ceiling, live, hold_s),
        full_in_s=full_in,
        past_cliff=past_cliff,
        failed_per_s=failed_per_s,
        failed_60s=failed_60s,
        is_now=blocked | (outbound & is_full_now(limit, snapshot.mono, full_in, wheel.step_s)),
        waits=is_full & ~(next_free_s <= wheel.step_s),
        limit=limit,
        next_free_s=np.where(told, next_free_s, np.nan),
        freed_per_s=np.where(told, freed_per_s, np.nan),
    )


def _failed(reading: Reading, is_full: Mask) -> tuple[Refused | None, Floats, Floats]:
    """(the failed connects of each destination, those per second now, those of the last minute); see PortBudgets."""
    failures, destinations = reading.failures, reading.destinations
    if failures is None:
        unknown = np.full(len(destinations), np.nan)
        return None, unknown, unknown
    found = refused(failures, destinations, reading.snapshot.sockets.addresses, is_full | full_lately(reading))
    unclear = found.is_shared | (destinations.direction != Direction.OUTBOUND) | (not failures.counting)
    mean, now = found.per_s(SHORT_S), found.per_s(1)
    per_s = np.where(disagree(mean, now, 1), now, mean)
    return found, np.where(unclear, np.nan, per_s), np.where(unclear, np.nan, found.last_60s)


def _release(reading: Reading, allowed: Mask | None) -> tuple[Floats, Floats, Floats]:
    """(seconds for which a closed connection keeps its port (destinations,), seconds until the port of a TIME_WAIT is
    free (sockets,), the same without the steps of the timer wheel).

    `allowed` masks the destinations where connect() may take over a TIME_WAIT; None where that is unknown.
    """
    sockets, limits = reading.snapshot.sockets, reading.snapshot.limits
    hold_s = np.full(len(reading.destinations), mean_life_s(reading.wheel.step_s))
    free_in_s, runs_out_s = reading.wheel.release_s(sockets.timer_ms), sockets.timer_ms / 1000
    if allowed is not None and allowed.any():
        delay = reuse_delay_ms(limits)
        hold_s[allowed] = delay / 1000
        rows = np.append(allowed, False)[reading.destinations.code]
        free_in_s[rows] = runs_out_s[rows] = (delay - sockets.age_ms[rows]) / 1000
    return hold_s, free_in_s, runs_out_s


def _search_cost(
    ports: EphemeralPorts | None, sockets: Sockets, held: Mask, tally: Callable[[Mask], Floats], outbound: Mask
) -> tuple[Mask, Floats]:
    """(whether each destination is past the cliff, the mean number of ports that one connect() to it tries).

    __inet_hash_connect searches all ports of the low end's parity before it tries one of the other.
    """
    if ports is None:
        return np.zeros(len(outbound), np.bool_), np.full(len(outbound), np.nan)
    in_first = sockets.lport % 2 == ports.low % 2
    first, second = ports.first_parity, ports.capacity - ports.first_parity
    free_first = np.maximum(first - tally(held & in_first), 0)
    free_second = np.maximum(second - tally(held & ~in_first), 0)
    past_cliff = outbound & (free_first == 0)
    probes = np.where(free_first > 0, (first + 1) / (free_first + 1), first + (second + 1) / (free_second + 1))
    return past_cliff, np.where(outbound, probes, np.nan)
