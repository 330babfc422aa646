"""How many TIME_WAIT there will be in each second of the next minute, if connections are asked for as they are now.

The timers tell when those of now are released, and how many entered lately. Beside that count

  early ends  a new SYN, or a connect() that reuses, takes the place of a TIME_WAIT. Of those that an earlier dump
              showed with time to spare some are gone since: the others are taken to go on going at that pace. Where
              most end so, timers do not tell when: what went in all, of those that were there, is the pace.
  room        what finds no port, or no bucket, leaves no TIME_WAIT.
  demand      the kernel does not count a connect() that finds no port. So a budget that was full within the last
              seconds is taken to be asked as in the busiest second of the last minute: it takes each port again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twtop.analysis.bind_first import BindFirst
from twtop.analysis.destinations import Destinations, Names
from twtop.analysis.port_budgets import PortBudgets
from twtop.analysis.rates import SHORT_S, disagree
from twtop.analysis.recent_dumps import LASTING_S, LONG_S, DumpSummary
from twtop.analysis.timer_wheel import MINUTE_S
from twtop.model import Codes, Direction, Floats, Mask, Snapshot, TcpState, Timer, freeze

MANY = 16
"""So many early ends within the last seconds are worth an account of a destination's own."""

LATELY_S = 5
"""For so long a full budget is taken to be asked as before: until the next move of the wheel, and a short span more, in
which it shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Destinations in classes: 0 are all that nothing is special about, others have one of their own, but for those of
    a client that binds first, which share one.

    `number` is the class per destination, and at the end that of a socket without one. Per class:
    `mostly_ended_early`, whether most TIME_WAIT ended early in the last `span_s` seconds; `survival_per_s`, which part
    of them does not end early within a second, or where they mostly do, does not end; `room`, how many there may be;
    `recently_full`, whether they were as many lately. `buckets` is that room for all together, `overflowing` whether it
    was full lately.
    """

    number: Codes
    survival_per_s: Floats
    mostly_ended_early: Mask
    room: Floats
    recently_full: Mask
    span_s: float
    buckets: float
    overflowing: bool

    def __post_init__(self) -> None:
        freeze(self.number, self.survival_per_s, self.mostly_ended_early, self.room, self.recently_full)

    def ahead(self, code: Codes, age_ms: Codes, release_s: Floats, left_out: Codes | None = None) -> Floats | None:
        """The count of these TIME_WAIT, and in each second to come of those in their place: (61,), now first.

        `code` is the destination of each. `left_out` are those of TIME_WAIT that are not among these; None where these
        are all. What is there in part has no room of its own. None where an age is unknown (−1).
        """
        if (age_ms < 0).any():
            return None
        number, part = self.number[code], np.zeros(len(self.survival_per_s), np.bool_)
        if left_out is not None:
            part[self.number[left_out]] = True
        everything = left_out is None
        busy = ~part & (self.recently_full | (self.overflowing & everything))
        second = np.minimum(np.ceil(release_s), MINUTE_S + 1).astype(np.intp)
        freed = np.bincount(number * (MINUTE_S + 2) + second, minlength=len(part) * (MINUTE_S + 2))
        gone = np.cumsum(freed.reshape(-1, MINUTE_S + 2), axis=1)
        timed = gone[:, -1:] - np.where(self.mostly_ended_early[:, None], 0, gone[:, :-1])
        held = timed * self.survival_per_s[:, None] ** np.arange(MINUTE_S + 1)
        coming = self._asked(number, age_ms, busy) * self._kept(1.0)
        room = np.maximum(np.where(part, np.inf, self.room)[:, None] - held, 0.0)
        buckets = max(self.buckets, len(code)) if everything else math.inf
        total: Floats = held.sum(axis=0)
        come = np.zeros(len(part))
        for after in range(1, MINUTE_S + 1):
            come = np.minimum(come * self.survival_per_s + coming, room[:, after])
            if total[after] + come.sum() > buckets:
                come *= max(buckets - total[after], 0.0) / come.sum()
            total[after] += come.sum()
        return total

    def _kept(self, span_s: float) -> Floats:
        """Which part of those who entered within a span is there at its end, per class."""
        pace = -np.log(self.survival_per_s) * span_s
        return np.where(pace > 0, -np.expm1(-pace) / np.where(pace > 0, pace, 1.0), 1.0)

    def _asked(self, number: Codes, age_ms: Codes, busy: Mask) -> Floats:
        """Entries per second to reckon with, per class; those of the busiest second for the `busy` ones."""

        def over(span_s: float) -> Floats:
            return np.bincount(number[age_ms < span_s * 1000], minlength=len(busy)) / (span_s * self._kept(span_s))

        long, short = over(LONG_S), over(SHORT_S)
        asked = np.where(self.mostly_ended_early, over(self.span_s), np.where(disagree(long, short), short, long))
        if busy.any():
            rows = busy[number] & (age_ms < MINUTE_S * 1000)
            at = (np.cumsum(busy) - 1)[number[rows]] * MINUTE_S + age_ms[rows] // 1000
            each = np.bincount(at, minlength=int(busy.sum()) * MINUTE_S).reshape(-1, MINUTE_S)
            asked[busy] = np.maximum(asked[busy], each.max(axis=1) / self._kept(1.0)[busy])
        return asked


def forecast(
    snapshot: Snapshot,
    destinations: Destinations,
    budget: PortBudgets,
    binders: BindFirst | None,
    skipped_ports: int,
    past: Sequence[DumpSummary],
) -> Forecast:
    """From one dump and what earlier ones left, oldest first; `skipped_ports` as in PortSpace."""
    sockets, count, capacity = snapshot.sockets, len(destinations), budget.capacity
    names = destinations.names(sockets.addresses)
    span_s, (lasted, lost), (ran, gone) = _ended(snapshot, destinations, names, past)
    shared = _shared(destinations, binders, len(sockets.addresses))
    soon = np.maximum(np.nan_to_num(budget.new_per_s) * MINUTE_S, budget.used)
    own = np.flatnonzero(shared | (lost >= MANY) | (budget.used + soon >= capacity))
    key = np.where(shared, count + destinations.local, np.arange(count))[own]
    number = np.zeros(count + 1, np.int32)
    number[own] = np.unique(key, return_inverse=True)[1] + 1
    size = int(number.max()) + 1

    def each(column: Floats) -> Floats:
        return np.bincount(number[:-1], column, size).astype(np.float64)

    most = np.full(size, np.inf)
    most[number[own]] = np.nan_to_num(capacity[own], nan=np.inf)
    lately = [then for then in past if snapshot.dumped - then.mono <= LATELY_S]
    recently_full = each(budget.used) >= most - skipped_ports
    for then in lately:
        recently_full |= np.bincount(number[own], then.of(then.used, names[own]), size) >= most - skipped_ports
    limit = snapshot.limits.max_tw_buckets
    timewait = sockets.timer == Timer.TIMEWAIT
    closed = int(np.count_nonzero(timewait & (sockets.state == TcpState.FIN_WAIT2)))
    most_held = max(int(np.count_nonzero(timewait)), *(then.held for then in lately), 0)
    early, every = (_survival_per_s(each(then), each(over), span_s) for then, over in ((lasted, lost), (ran, gone)))
    mostly_ended_early = (each(lost) >= MANY) & (early**MINUTE_S < 0.5)
    return Forecast(
        number=number,
        survival_per_s=np.where(mostly_ended_early, every, early),
        mostly_ended_early=mostly_ended_early,
        room=most - each(budget.used - budget.time_wait),
        recently_full=recently_full,
        span_s=span_s,
        buckets=math.inf if limit is None else limit - closed,
        overflowing=limit is not None and most_held >= limit,
    )


def _ended(
    snapshot: Snapshot, destinations: Destinations, names: Names, past: Sequence[DumpSummary]
) -> tuple[float, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """(a span, per destination: (TIME_WAIT before it whose time was not to be up yet, those of them that are gone), the
    same of all whose time was not up before it). The span begins with a dump that held at least half of what there is
    now, if there is one: an emptier one tells little."""
    sockets, count = snapshot.sockets, len(destinations)
    recent = [then for then in past if snapshot.dumped - then.mono <= LASTING_S]
    held = int(np.count_nonzero(sockets.timer == Timer.TIMEWAIT))
    before = next((then for then in recent if 2 * then.held >= held), recent[-1] if recent else None)
    if before is None:
        nothing = np.zeros(count)
        return LONG_S, (nothing, nothing), (nothing, nothing)
    span_s = snapshot.dumped - before.mono

    def gone(then: Floats, left_s: float) -> tuple[Floats, Floats]:
        """Of so many with more than so much time left now, had none ended early."""
        rows = (sockets.age_ms >= span_s * 1000) & (sockets.timer_ms > left_s * 1000)
        then = before.of(then, names)
        return then, np.maximum(then - np.bincount(destinations.code[rows], minlength=count), 0.0)

    return span_s, gone(before.lasting, LASTING_S - span_s), gone(before.running, 0)


def _survival_per_s(then: Floats, gone: Floats, span_s: float) -> Floats:
    """The part that stays for a second, where so many are gone after a span; never none.

    >>> _survival_per_s(np.array([100.0, 0.0]), np.array([75.0, 0.0]), 2.0).tolist()
    [0.5, 1.0]
    """
    then = np.maximum(then, 1.0)
    survival_per_s: Floats = (np.maximum(then - gone, 0.5) / then) ** (1 / span_s)
    return survival_per_s


def _shared(destinations: Destinations, binders: BindFirst | None, addresses: int) -> Mask:
    """Destinations whose client binds first."""
    binds = np.zeros(addresses, np.bool_)
    if binders is not None:
        binds[binders.local[binders.holds]] = True
    shared: Mask = binds[destinations.local] & (destinations.direction == Direction.OUTBOUND)
    return shared
