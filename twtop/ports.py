"""The port budget of each destination: how much, how full, how dear, how long.

connect() without bind() picks a local port by 4-tuple, so a budget belongs to (local IP, remote IP, remote port).
Behind a listener there is no such budget: there the peer's client ports are counted, and TIME_WAIT are recyclable.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from twtop.destinations import Destinations, PortSpace
from twtop.model import EPHEMERAL_CLIENT_PORTS, Codes, Direction, Limits, Mask, Snapshot, Sockets, freeze
from twtop.timers import RATE_WINDOW_S, mean_life_s

DEFAULT_REUSE_DELAY_MS = 1000
"""Kernels without tcp_tw_reuse_delay wait a whole second (tcp_twsk_unique)."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Budgets:
    """One entry per destination; NaN is unknown or does not apply, infinity in `full_in_s` is never.

    Outbound: `used` ports of `capacity` in any state, `time_wait` those in TIME_WAIT, `reusable` those of them that
    connect() may take over; past the cliff the first parity is full. Inbound: the peer's client ports.
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

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)))

    @property
    def pressure(self) -> Floats:
        """(used − reusable) / capacity: at 1, connect() fails with EADDRNOTAVAIL."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return (self.used - np.nan_to_num(self.reusable)) / self.capacity


def reusable_rows(limits: Limits, sockets: Sockets) -> Mask | None:
    """TIME_WAIT that connect() may take over (tcp_twsk_unique); None when the sysctls are unknown."""
    if limits.tw_reuse is None or limits.timestamps is None:
        return None
    if limits.tw_reuse == 0 or limits.timestamps == 0:
        return np.zeros(len(sockets), np.bool_)
    delay = DEFAULT_REUSE_DELAY_MS if limits.tw_reuse_delay_ms is None else limits.tw_reuse_delay_ms
    rows = sockets.age_ms >= delay
    if limits.tw_reuse == 2:
        loopback = sockets.addresses.is_loopback
        rows &= loopback[sockets.local] | loopback[sockets.remote]
    return rows


def budgets(snapshot: Snapshot, space: PortSpace | None, places: Destinations, step_s: float) -> Budgets:
    """The budget of every destination, from the whole socket table."""
    sockets, code, count = snapshot.sockets, places.code, len(places)
    outbound = (places.direction == Direction.OUTBOUND) & (space is not None)
    inbound = places.direction == Direction.INBOUND
    available = np.ones(1 << 16, np.bool_) if space is None else space.available
    member = (code >= 0) & (available[sockets.lport] | (places.per_socket() != Direction.OUTBOUND))
    time_wait = member & sockets.is_time_wait
    reuse = reusable_rows(snapshot.limits, sockets)

    def tally(rows: Mask) -> Floats:
        return np.bincount(code[rows], minlength=count).astype(np.float64)

    used, waiting = tally(member), tally(time_wait)
    reusable = np.where(outbound, np.nan if reuse is None else tally(member & reuse), np.nan)
    total = np.nan if space is None else float(space.capacity)
    capacity = np.where(outbound, total, np.where(inbound, EPHEMERAL_CLIENT_PORTS, np.nan))
    new_per_s = tally(time_wait & (sockets.age_ms < RATE_WINDOW_S * 1000)) / RATE_WINDOW_S
    taken = member if reuse is None else member & ~reuse
    past_cliff, probes = _cost(space, sockets, taken, tally, outbound)
    live = used - waiting
    held = used - np.nan_to_num(reusable)
    ceiling = np.where(outbound, capacity, np.nan)
    return Budgets(
        used=used,
        time_wait=waiting,
        reusable=reusable,
        capacity=capacity,
        probes_per_connect=probes,
        new_per_s=new_per_s,
        max_per_s=np.maximum(ceiling - live, 0) / mean_life_s(step_s),
        full_in_s=_full_in(sockets, np.where(time_wait, code, -1), held, live, ceiling, new_per_s, step_s),
        past_cliff=past_cliff,
    )


def _cost(
    space: PortSpace | None, sockets: Sockets, taken: Mask, tally: Callable[[Mask], Floats], outbound: Mask
) -> tuple[Mask, Floats]:
    """Whether each destination is past the cliff, and the ports that one connect() tries on average.

    __inet_hash_connect scans the low end's parity to its end before it looks at the other.
    """
    if space is None:
        return np.zeros(len(outbound), np.bool_), np.full(len(outbound), np.nan)
    in_first = sockets.lport % 2 == space.low % 2
    first, second = space.first_parity, space.capacity - space.first_parity
    free_first = first - tally(taken & in_first)
    free_second = second - tally(taken & ~in_first)
    past_cliff = outbound & (free_first <= 0)
    probes = np.where(free_first > 0, (first + 1) / (free_first + 1), first + (second + 1) / (free_second + 1))
    return past_cliff, np.where(outbound, probes, np.nan)


def _full_in(
    sockets: Sockets, waiting: Codes, held: Floats, live: Floats, capacity: Floats, new_per_s: Floats, step_s: float
) -> Floats:
    """Seconds until held − released + new reaches capacity; infinity where the releases keep up."""
    full = held >= capacity
    filling = ~full & (new_per_s * mean_life_s(step_s) + live >= capacity)
    result = np.where(full, 0.0, np.where(np.isnan(capacity), np.nan, np.inf))
    for place in np.flatnonzero(filling):  # few: each needs some hundred new connections a second
        left = np.sort(sockets.timer_ms[waiting == place])
        result[place] = first_full(held[place], capacity[place], new_per_s[place], left, step_s)
    return result


def first_full(held: float, capacity: float, new_per_s: float, left_ms: Codes, step_s: float) -> float:
    """The smallest τ in seconds with held − released(τ) + new·τ ≥ capacity; infinity if there is none.

    `left_ms` are the sorted timers of the ports in TIME_WAIT; each is released half a wheel step late on average.

    >>> first_full(50.0, 100.0, 10.0, np.empty(0, np.int32), 2.0)
    5.0
    """
    ticks = np.arange(math.ceil(mean_life_s(step_s)) + 2, dtype=np.float64)
    level = held - np.searchsorted(left_ms, (ticks - step_s / 2) * 1000) + new_per_s * ticks
    reached = np.flatnonzero(level >= capacity)
    if not len(reached):
        return math.inf
    after = int(reached[0])
    if after == 0:
        return 0.0
    return float(after - 1 + (capacity - level[after - 1]) / (level[after] - level[after - 1]))
