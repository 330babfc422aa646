"""The count of TIME_WAIT in each second of the next minute, if the demand for connections stays as it is.

The timers show when the present TIME_WAIT are released, and how many have entered lately. Three things change the
count:

  early ends  A new SYN, or a connect() that reuses, replaces a TIME_WAIT. An earlier dump showed how many TIME_WAIT had
              time to spare, and this one shows how many of those are gone. The forecast lets the others end at the
              same rate. Where most TIME_WAIT end early, the timers do not show when they end; then the forecast uses
              the observed total loss rate.
  room        A connection that finds no port leaves no TIME_WAIT. Nor does a close that finds no bucket.
  demand      The kernel does not count a connect() that finds no port. So for a budget that was full within the last
              seconds, the forecast uses the demand of the busiest second of the last minute.
"""

import math

import numpy as np

from twtop.budgets.bind_first import BindFirst
from twtop.budgets.demand import BY_BIN, Demand, measure_demand
from twtop.budgets.port_budgets import PortBudgets
from twtop.budgets.rates import SHORT_S, disagree
from twtop.dump.ages import Ages, steps
from twtop.dump.reading import LONG_S, Reading
from twtop.dump.timer_wheel import MINUTE_S, releases
from twtop.model import TIMEWAIT_MS, Counts, Floats, Mask, Rows
from twtop.records import dataclass, freeze

MANY = 16
"""From this many early ends within the last seconds, forecast a destination separately."""

SECONDS = tuple(range(1000, TIMEWAIT_MS + 1, 1000))

LATELY_S = 10
"""For this long after a budget was full, its demand is taken to be unchanged. Within this time the timer wheel moves
and frees ports, and new entries show whether there is still a demand for them."""


@dataclass(frozen=True, slots=True, eq=False)
class Minute:
    """TIME_WAIT of some sockets by second, by the timers of a dump.

    `entered` (60,) are the entries of the last minute, oldest first. `releases` (60,) are the releases of the next
    minute, soonest first. `forecast` (61,) is the count now and after each of the next 60 s. All three are None where a
    timer is unknown.
    """

    entered: Counts | None = None
    releases: Counts | None = None
    forecast: Floats | None = None

    def __post_init__(self) -> None:
        freeze(self.entered, self.releases, self.forecast)


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Destinations are forecast in classes. Class 0 has all destinations about which nothing is special. A special
    destination has a class of its own, but the destinations of a client that binds first share one.

    `number` (destinations + 1,) is the class of each destination; its last entry is that of a socket without one. These
    are (classes,): `mostly_ended_early` says whether most TIME_WAIT ended early in the last `span_s` seconds.
    `survival_per_s` is the part of the TIME_WAIT that does not end early within a second. Where most end early, it is
    the part that does not end at all. `room` is how many TIME_WAIT there may be. `recently_full` says whether the
    budget was full within the last seconds.

    `buckets` is the room for all classes together. `overflowing` says whether it was full within the last seconds.
    """

    number: Rows
    survival_per_s: Floats
    mostly_ended_early: Mask
    room: Floats
    recently_full: Mask
    span_s: float
    buckets: float
    overflowing: bool

    def __post_init__(self) -> None:
        freeze(self.number, self.survival_per_s, self.mostly_ended_early, self.room, self.recently_full)

    def counts(self, ages: Ages, demand: Demand, freed: Counts, moves_s: Floats, part: Mask | None = None) -> Floats:
        """Forecast the count of TIME_WAIT, now and for 60 s: (61,).

        `ages` are those of the classes, at least by BY_BIN, and `demand` is what a class is asked for if none of its
        TIME_WAIT ends early. `freed` (classes, moves) is how many each move of the timer wheel releases, and `moves_s`
        are the seconds until each. `part` (classes,) masks the classes of which some TIME_WAIT are left out: such a
        class has no limit. None where no TIME_WAIT is left out.
        """
        everything, size = part is None, len(self.survival_per_s)
        in_part = np.zeros(size, np.bool_) if part is None else part
        busy = ~in_part & (self.recently_full | (self.overflowing & everything))
        gone = freed @ (np.ceil(moves_s)[:, None] <= np.arange(MINUTE_S + 1)).astype(np.float64)
        count = freed.sum(axis=1)
        timed = count[:, None] - np.where(self.mostly_ended_early[:, None], 0, gone)
        held = timed * self.survival_per_s[:, None] ** np.arange(MINUTE_S + 1)
        coming = self._demand(ages, demand, busy) * self._surviving(1.0)
        room = np.maximum(np.where(in_part, np.inf, self.room)[:, None] - held, 0.0)
        buckets = max(self.buckets, float(count.sum())) if everything else math.inf
        total: Floats = held.sum(axis=0)
        return total + self._entered(coming, room, buckets - total)

    def _entered(self, coming: Floats, room: Floats, buckets: Floats) -> Floats:
        """How many of those that come in each second are there, now and after each of the next seconds: (61,).

        `coming` (classes,) is how many per second, `room` (classes, 61) for how many there is room then, and `buckets`
        (61,) for how many of all classes together.
        """
        each_second = coming[:, None] * self.survival_per_s[:, None] ** np.arange(MINUTE_S)
        unlimited = np.cumsum(each_second, axis=1)
        if (unlimited <= room[:, 1:]).all() and (unlimited.sum(axis=0) <= buckets[1:]).all():
            return np.append(0.0, unlimited.sum(axis=0))
        entered, total = np.zeros(len(coming)), np.zeros(MINUTE_S + 1)
        for after in range(1, MINUTE_S + 1):
            entered = np.minimum(entered * self.survival_per_s + coming, room[:, after])
            if entered.sum() > buckets[after]:
                entered *= max(buckets[after], 0.0) / entered.sum()
            total[after] = entered.sum()
        return total

    def minute(self, reading: Reading, kept: Mask | None = None) -> Minute:
        """The minute before and after a reading, of the TIME_WAIT that this mask of its sockets keeps; None for all."""
        sockets, size = reading.snapshot.sockets, len(self.survival_per_s)
        waits = sockets.is_time_wait if kept is None else sockets.is_time_wait & kept
        age_ms = sockets.age_ms if kept is None else np.where(kept, sockets.age_ms, np.int32(-1))
        if np.count_nonzero(age_ms >= 0) < np.count_nonzero(waits):
            return Minute()
        number = self.number.take(reading.destinations.code) if size > 1 else None
        moves, part = reading.wheel.edges_ms(), None
        if kept is not None and (others := sockets.is_time_wait & ~kept).any():
            part = np.ones(1, np.bool_) if number is None else np.bincount(number[others], minlength=size) > 0
        ages = Ages(number, age_ms, size, steps((*BY_BIN.edges, *moves, TIMEWAIT_MS + 1, self.span_s * 1000)))
        freed = ages.between((*moves, TIMEWAIT_MS + 1))[:, ::-1]
        moves_s, demand = reading.wheel.until(len(moves) + 1), measure_demand(number, age_ms, size, ages=ages)
        return Minute(
            entered=ages.between(SECONDS).sum(axis=0)[::-1],
            releases=releases(freed.sum(axis=0), reading.wheel),
            forecast=self.counts(ages, demand, freed, moves_s, part),
        )

    def _surviving(self, span_s: float) -> Floats:
        """The part of the entries within a span that still exists at its end: (classes,)."""
        decay = -np.log(self.survival_per_s) * span_s
        return np.where(decay > 0, -np.expm1(-decay) / np.where(decay > 0, decay, 1.0), 1.0)

    def _demand(self, ages: Ages, measured: Demand, busy: Mask) -> Floats:
        """Expected entries per second: (classes,). Of `busy` classes those of the busiest second of the last minute."""

        def over(seconds: float) -> Floats:
            per_s: Floats = ages.younger(seconds * 1000) / (seconds * self._surviving(seconds))
            return per_s

        long, short = over(LONG_S), over(SHORT_S)
        demand = np.where(disagree(long, short), short, long)
        demand = np.where(self.survival_per_s == 1, measured.per_s, demand)
        demand = np.where(self.mostly_ended_early, over(self.span_s), demand)
        busiest = ages.between(SECONDS).max(axis=1) / self._surviving(1.0)
        demand[busy] = np.maximum(demand, busiest)[busy]
        return demand


def forecast(reading: Reading, budgets: PortBudgets, binders: BindFirst | None) -> Forecast:
    """Sort the destinations of a reading into classes, and find the losses and the limits of each class."""
    snapshot, destinations, names = reading.snapshot, reading.destinations, reading.names
    sockets, count = snapshot.sockets, len(destinations)
    capacity = budgets.capacity if binders is None else binders.room_of(budgets.capacity, budgets.used)
    losses = _losses(reading)
    shared = np.zeros(count, np.bool_) if binders is None else binders.certain
    soon = np.maximum(np.nan_to_num(budgets.new_per_s) * MINUTE_S, budgets.used)
    own = np.flatnonzero(shared | (losses.early >= MANY) | (budgets.used + soon >= capacity))
    key = np.where(shared, count + destinations.local, np.arange(count))[own]
    number = np.zeros(count + 1, np.intp)
    number[own] = np.unique(key, return_inverse=True)[1] + 1
    size = int(number.max()) + 1

    def per_class(column: Floats) -> Floats:
        sums = column.sum(keepdims=True) if size == 1 else np.bincount(number[:-1], column, size)
        return np.asarray(sums, np.float64)

    most = np.full(size, np.inf)
    most[number[own]] = np.nan_to_num(capacity[own], nan=np.inf)
    full = most - reading.skipped_ports
    lately = [summary for summary in reading.recent if snapshot.dumped - summary.mono <= LATELY_S]
    recently_full = per_class(budgets.used) >= full
    for summary in lately:
        recently_full |= np.bincount(number[own], summary.of(summary.used, names)[own], size) >= full
    limit = snapshot.limits.max_tw_buckets
    most_held = max(sockets.timewait_objects, *(summary.held for summary in lately), 0)
    early = _survival_per_s(per_class(losses.lasting), per_class(losses.early), losses.span_s)
    every = _survival_per_s(per_class(losses.running), per_class(losses.all), losses.span_s)
    mostly_ended_early = (per_class(losses.early) >= MANY) & (early**MINUTE_S < 0.5)
    return Forecast(
        number=number,
        survival_per_s=np.where(mostly_ended_early, every, early),
        mostly_ended_early=mostly_ended_early,
        room=most - per_class(budgets.used - budgets.time_wait),
        recently_full=recently_full,
        span_s=losses.span_s,
        buckets=reading.buckets,
        overflowing=limit is not None and most_held >= limit,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Losses:
    """The TIME_WAIT of each destination that ended within the last `span_s` seconds: (destinations,).

    `running` had time left at the beginning of the span, and `all` of those are gone. `lasting` had more time left than
    the span, and `early` of those are gone.
    """

    span_s: float
    lasting: Floats
    early: Floats
    running: Floats
    all: Floats


def _losses(reading: Reading) -> _Losses:
    """The losses since the earlier dump with which a reading compares."""
    before = reading.earlier
    if before is None:
        nothing = np.zeros(len(reading.destinations))
        return _Losses(LONG_S, nothing, nothing, nothing, nothing)
    lasting, running = (before.of(column, reading.names) for column in (before.lasting, before.running))
    began, lasted = reading.since_earlier_ms
    since, lasts, runs = (reading.ages.younger(edge) for edge in (began, lasted, TIMEWAIT_MS))
    early, all_gone = np.maximum(lasting - (lasts - since), 0.0), np.maximum(running - (runs - since), 0.0)
    return _Losses(reading.snapshot.dumped - before.mono, lasting, early, running, all_gone)


def _survival_per_s(earlier: Floats, gone: Floats, span_s: float) -> Floats:
    """The part that survives a second, if `gone` of `earlier` are gone after a span; always more than 0.

    >>> _survival_per_s(np.array([100.0, 0.0]), np.array([75.0, 0.0]), 2.0).tolist()
    [0.5, 1.0]
    """
    earlier = np.maximum(earlier, 1.0)
    survival: Floats = (np.maximum(earlier - gone, 0.5) / earlier) ** (1 / span_s)
    return survival
