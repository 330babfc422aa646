"""The port budget of each destination: its size, its fill, the cost of a connect(), and when it will be full.

connect() without bind() picks a local port by 4-tuple, so a budget belongs to (local IP, remote IP, remote port).
Behind a listener there is no such budget. There the peer's client ports are counted, and a new SYN may take over a
TIME_WAIT.
"""

from dataclasses import field, replace
from typing import NamedTuple

import numpy as np

from twtop.budgets.bind_first import BindFirst
from twtop.budgets.exhaustion import PortUse, max_per_s, time_to_full
from twtop.budgets.limit import Limit, find_limit, freed, full_lately, with_unseen_demand
from twtop.budgets.rates import SHORT_S, Rates, disagree, measure_rates
from twtop.dump.destinations import Names, with_unbound
from twtop.dump.ephemeral_ports import EphemeralPorts
from twtop.dump.failures import Refused, refused
from twtop.dump.reading import BudgetState, Reading
from twtop.dump.tallies import Kind, SocketKinds, marked, tallies
from twtop.model import Direction, Floats, Mask, Rows, Sockets
from twtop.records import dataclass, freeze_columns

EPHEMERAL_CLIENT_PORTS = 64512
"""Ports 1024–65535: the most that one client address can use towards one server port."""


@dataclass(frozen=True, slots=True, eq=False)
class PortBudgets:
    """The budget of each destination: (destinations,). NaN is unknown or does not apply.

    Outbound, `used` of `capacity` ports are taken by sockets in any state. A timer ends `ending` of these, which are
    `time_wait` in TIME_WAIT and closed FIN_WAIT2. connect() may take over `reusable` of those in TIME_WAIT. Where it is
    not known which, `reusable` is NaN, and it may take over none or up to `reusable_at_most`.

    So `left_at_most` = capacity − used + reusable_at_most connections can still be made. It may be as few as
    `left_at_least` where nobody sees who holds a port (EphemeralPorts.unclear), where connect() may skip one
    (skipped_ports), and where it is unknown what it may take over.

    `probes_per_connect` is the mean number of ports that a connect() tries. Past the cliff the first parity is full.
    Inbound, `used` are client ports of the peer.

    `pressure` is (used − reusable) / capacity, where an unknown `reusable` counts as none: at 1, connect() fails with
    EADDRNOTAVAIL. `failed_per_s` and `failed_60s` are those that did, now and in the last minute; NaN where they are
    not counted, or where the kernel tells of several destinations together. There `failed_shared_per_s` and
    `failed_shared_60s` are those of all of these, which have the same remote address; else NaN. `failed_at_least` says
    that more may have failed than were counted.

    `new_per_s` is how many connections are asked for per second: those that are opened, less those that the other side
    closes first, and those that fail. At more than `max_per_s` the budget fills sooner or later, if the connections
    that are open stay open. `full_in_s` is the seconds until the budget is full, infinity for never.

    `limit` says when each was full. `is_now` masks those that are full or have no ports to spare (Limit.is_now), and
    `waits` those that are full and get no port back at the next move of the timer wheel. `next_free_s` is the seconds
    until a full one gets a port back from a TIME_WAIT, and `freed_per_s` how many it gets from then on; NaN where it is
    not full, or no timer tells.
    """

    used: Floats
    ending: Floats
    time_wait: Floats
    reusable: Floats
    reusable_at_most: Floats
    capacity: Floats
    probes_per_connect: Floats
    new_per_s: Floats
    max_per_s: Floats
    full_in_s: Floats
    past_cliff: Mask
    failed_per_s: Floats
    failed_60s: Floats
    failed_shared_per_s: Floats
    failed_shared_60s: Floats
    failed_at_least: Mask
    is_now: Mask
    waits: Mask
    limit: Limit
    next_free_s: Floats
    freed_per_s: Floats
    left_at_least: Floats
    left_at_most: Floats
    pressure: Floats = field(init=False)

    def __post_init__(self) -> None:
        with np.errstate(divide="ignore", invalid="ignore"):
            pressure = (self.used - np.nan_to_num(self.reusable)) / self.capacity
        object.__setattr__(self, "pressure", pressure)
        freeze_columns(self)

    def in_seconds(self, passed_s: float) -> "PortBudgets":
        """The same once so many seconds have passed: the next port is free so much sooner. The same object if none is
        awaited."""
        if np.isnan(self.next_free_s).all():
            return self
        return replace(self, next_free_s=np.maximum(self.next_free_s - passed_s, 0.0))

    def state(self, names: Names) -> BudgetState:
        """What later readings need to know of these budgets, whose names are (destinations,)."""
        live = self.used - self.ending
        return BudgetState(names, live, self.limit.full_at, self.is_now, self.full_in_s, self.new_per_s)


def port_budgets(reading: Reading, binders: BindFirst | None = None) -> PortBudgets:
    """The budget that connect() has for every destination of a reading.

    Where the client binds first, `used` and `time_wait` count its ports too, though they are none of connect()'s.
    `binders` are the budgets of these clients, None for unknown.

    As long as it is unclear whether connect() takes over a TIME_WAIT, it is taken not to.
    """
    ports, destinations, wheel, reuse = reading.ports, reading.destinations, reading.wheel, reading.reuse
    everyone = reading.snapshot.sockets
    rows, code = with_unbound(destinations, everyone)
    sockets = everyone if rows is None else everyone.take(rows)
    age_ms, count = reading.age_ms if rows is None else reading.age_ms[rows], len(destinations)
    outbound = (destinations.direction == Direction.OUTBOUND) & (ports is not None)
    inbound, everywhere = destinations.direction == Direction.INBOUND, bool(outbound.all())
    kinds = _kinds(reading, sockets, rows, code)
    tally = kinds.tallies

    def in_budget(has: Kind = Kind.ANY, lacks: Kind = Kind.ANY) -> Floats:
        own = tally.of(has | Kind.OPEN, lacks)
        return (own if everywhere else np.where(outbound, own, tally.of(has, lacks))).astype(np.float64)

    def members(has: Kind = Kind.ANY) -> Floats:
        return in_budget(has) + np.where(outbound, tally.of(has | Kind.BOUND), 0)

    used, ended, in_time_wait = members(), members(Kind.ENDING), members(Kind.TIME_WAIT)
    total = np.nan if ports is None else float(ports.capacity)
    first_held, second_held = in_budget(Kind.FIRST, Kind.REUSABLE), in_budget(Kind.ANY, Kind.FIRST | Kind.REUSABLE)
    past_cliff, probes = _search_cost(ports, first_held, second_held, outbound)
    live, ceiling = used - ended, np.where(outbound, total, np.nan)
    free, doubtful = in_budget(Kind.REUSABLE), in_budget(Kind.DOUBTFUL)
    room_left = ceiling - in_budget()
    is_full = outbound & (room_left + free <= reading.skipped_ports)
    failed, figures = _failed(reading, is_full)
    replaced = inbound | reuse.allowed | reuse.unclear
    endless = sockets.is_timewait_object & (sockets.timer_ms < 0)
    if ended.sum() < sockets.timewait_objects:  # some hold no port of the budget
        is_member = ~np.append(outbound, False).take(code) | (kinds.of_each & (Kind.OPEN | Kind.BOUND) != 0)
        age_ms, endless = np.where(is_member, age_ms, np.int32(-1)), endless & is_member
    rates = measure_rates(reading, code, age_ms, reading.names, live, failed, replaced)
    binds = np.zeros(count, np.bool_) if binders is None else binders.certain
    blocked = binds if binders is None else binders.of(binders.is_full)
    limit = find_limit(reading, reading.names, is_full | blocked, room_left + free, failed, binds)
    if binders is not None:
        limit = replace(limit, unseen=limit.unseen | binders.of(binders.limit.unseen))
    rates = with_unseen_demand(rates, limit, code, age_ms)
    timed = np.bincount(code[endless], minlength=count) == 0
    untimed = ~timed & (reuse.allowed | reuse.unclear)
    hold_s = np.where(reuse.allowed, reuse.delay_ms / 1000, wheel.longest_s)
    known_free = np.where(untimed, 0.0, free)
    most_free = np.where(outbound, np.where(untimed, in_time_wait, free + doubtful), np.nan)
    unclear = reading.skipped_ports + _unclear(ports, sockets, kinds, code, outbound)
    waiting = in_budget(Kind.ENDING, Kind.REUSABLE)
    room = np.where(timed, ceiling - reading.skipped_ports, np.nan)
    use = PortUse(waiting, live, rates, hold_s, room, _most_waiting(reading, rates))
    told = is_full & timed
    ends_soon = told | use.near(wheel)
    busy = np.empty(0, np.intp)
    if ends_soon.any():
        busy = np.flatnonzero(_is_held(kinds, code, outbound & ends_soon) & sockets.is_timewait_object)
    free_in_s, runs_out_s = _release(reading, sockets, busy, code[busy])
    time_to = time_to_full(use, wheel, code[busy], free_in_s, limit.lately, limit.was_soon)
    of_full = told[code[busy]]
    next_free_s, freed_per_s = freed(code[busy[of_full]], free_in_s[of_full], runs_out_s[of_full], count)
    return PortBudgets(
        used=used,
        ending=ended,
        time_wait=in_time_wait,
        reusable=np.where(outbound & ~untimed & (doubtful == 0), free, np.nan),
        reusable_at_most=most_free,
        capacity=np.where(inbound, EPHEMERAL_CLIENT_PORTS, ceiling),
        probes_per_connect=probes,
        new_per_s=np.where(timed, rates.new, np.nan),
        max_per_s=max_per_s(ceiling, live, hold_s),
        full_in_s=np.where(np.isnan(rates.new) & (time_to.full > 0), np.nan, time_to.full),
        past_cliff=past_cliff,
        failed_per_s=figures.per_s,
        failed_60s=figures.last_60s,
        failed_shared_per_s=figures.shared_per_s,
        failed_shared_60s=figures.shared_60s,
        failed_at_least=np.full(count, reading.failures is not None and reading.failures.at_least),
        is_now=outbound & limit.is_now(time_to),
        waits=is_full & ~(next_free_s <= wheel.step_s),
        limit=limit,
        next_free_s=np.where(told, next_free_s, np.nan),
        freed_per_s=np.where(told, freed_per_s, np.nan),
        left_at_least=np.maximum(room_left + known_free - unclear, 0.0),
        left_at_most=room_left + most_free,
    )


def _kinds(reading: Reading, sockets: Sockets, rows: Rows | None, code: Rows) -> SocketKinds:
    """The kinds of the sockets in the budgets: `rows` and `code` are as by with_unbound."""
    choices, reuse, found = reading.choices, reading.reuse, reading.kinds.of_each
    binds = choices is not None and choices.closed.any()
    if rows is None and not binds and not reuse.allowed.any() and not reuse.unclear.any():
        return reading.kinds
    found = found if rows is None else found[rows]
    if choices is not None and binds:
        bound = choices.of_binders(reading.snapshot.sockets, reading.destinations.code)
        found = found | marked(bound if rows is None else bound[rows], Kind.BOUND)
    reusable, in_doubt = reuse.rows(sockets, code)
    found = found | marked(reusable, Kind.REUSABLE) | marked(in_doubt, Kind.DOUBTFUL)
    return SocketKinds(found, tallies(found, code, len(reading.destinations)))


def _is_held(kinds: SocketKinds, code: Rows, which: Mask) -> Mask:
    """Mask of the sockets that keep connect() off a port, in the budgets of `which` (destinations,)."""
    held: Mask = (kinds.of_each & (Kind.OPEN | Kind.REUSABLE) == Kind.OPEN) & np.append(which, False).take(code)
    return held


def _unclear(
    ports: EphemeralPorts | None, sockets: Sockets, kinds: SocketKinds, code: Rows, outbound: Mask
) -> Floats | float:
    """How many unclear ports each destination does not hold itself: (destinations,).

    If such a port is closed, connect() may not even take over the destination's own TIME_WAIT on it.
    """
    if ports is None or not ports.unclear.any():
        return 0.0
    held = _is_held(kinds, code, outbound)
    own = np.bincount(code[held & ports.unclear.take(sockets.lport)], minlength=len(outbound))
    return np.count_nonzero(ports.unclear) - own.astype(np.float64)


class _FailedFigures(NamedTuple):
    """Each is (destinations,); see PortBudgets."""

    per_s: Floats
    last_60s: Floats
    shared_per_s: Floats
    shared_60s: Floats


def _failed(reading: Reading, is_full: Mask) -> tuple[Refused | None, _FailedFigures]:
    """The failed connects of each destination, and the figures that are told of them."""
    failures, destinations = reading.failures, reading.destinations
    if failures is None:
        return None, _FailedFigures(*[np.full(len(destinations), np.nan)] * 4)
    found = refused(failures, destinations, reading.snapshot.sockets.addresses, is_full | full_lately(reading))
    mean, now = (found.per_s(span) * found.shared_by for span in (SHORT_S, 1))
    per_s = np.where(disagree(mean, now, 1), now, mean) if failures.counting else np.full(len(destinations), np.nan)
    last_60s = np.rint(found.last_60s * found.shared_by)
    shared = found.is_shared | (reading.snapshot.part & (last_60s > 0))  # others may not have been read
    sole = ~shared & (destinations.direction == Direction.OUTBOUND)
    columns = [np.where(known, column, np.nan) for known in (sole, shared) for column in (per_s, last_60s)]
    return found, _FailedFigures(*columns)


def _most_waiting(reading: Reading, rates: Rates) -> Floats:
    """How many TIME_WAIT the limit of buckets leaves to each destination: its part of all that are closed.

    Without any limit where all together need fewer buckets than there are.
    """
    total = float(rates.closing.sum())
    if total * reading.wheel.longest_s < reading.buckets:
        return np.full(len(rates.closing), np.inf)
    return reading.buckets * rates.closing / total


def _release(reading: Reading, sockets: Sockets, rows: Rows, code: Rows) -> tuple[Floats, Floats]:
    """(seconds until the port of each of these timewait objects is free, the same without the timer wheel's steps).

    `code` is the destination of each.
    """
    timer_ms, delay_ms = sockets.timer_ms[rows], reading.reuse.delay_ms
    free_in_s, runs_out_s = reading.wheel.release_s(timer_ms), timer_ms / 1000
    taken_over = reading.reuse.allowed[code] & sockets.is_time_wait[rows]
    free_in_s[taken_over] = runs_out_s[taken_over] = (delay_ms - sockets.age_ms[rows[taken_over]]) / 1000
    return free_in_s, runs_out_s


def _search_cost(
    ports: EphemeralPorts | None, first_held: Floats, second_held: Floats, outbound: Mask
) -> tuple[Mask, Floats]:
    """(whether each destination is past the cliff, the mean number of ports that one connect() to it tries).

    Each holds so many ports of the low end's parity, and of the other one: (destinations,). __inet_hash_connect
    searches all ports of the low end's parity before it tries one of the other.
    """
    if ports is None:
        return np.zeros(len(outbound), np.bool_), np.full(len(outbound), np.nan)
    first, second = ports.first_parity, ports.capacity - ports.first_parity
    free_first = np.maximum(first - first_held, 0)
    free_second = np.maximum(second - second_held, 0)
    past_cliff = outbound & (free_first == 0)
    probes = np.where(free_first > 0, (first + 1) / (free_first + 1), first + (second + 1) / (free_second + 1))
    return past_cliff, np.where(outbound, probes, np.nan)
