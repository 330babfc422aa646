"""Failed connects of a run: in all, in the last second and minute, by remote address."""

import math
from collections import Counter
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import address_names, factorize, fused, index_of
from twtop.dump.destinations import Destinations
from twtop.failed_connects import TENTHS, FailedConnects
from twtop.model import Addresses, Counts, Direction, Floats, Mask
from twtop.records import dataclass, freeze

SECONDS = 60

REMEMBERED = 240
"""Seconds of a run that are remembered one by one: as far back as a timeline goes."""


@dataclass(frozen=True, slots=True, eq=False)
class Failures:
    """What failed until a snapshot was taken.

    - `counting` says whether they are counted now. If not, what follows is what was known before, and it ages. They are
      counted for `seen_s`, without a break.
    - `count` is how many failed since twtop began to count, `last_tick` since the snapshot before.
    - `last_s` and `last_60s` are those of the last second and minute, and `per_second` (60,) those of each second of
      that minute, oldest first. Windows end with the last whole tenth of a second.
    - `by_second` (240,) are those of whole seconds of the clock, oldest first, NaN where a second was not counted from
      end to end. The last one ended at `ended`, on the clock of Snapshot.mono.
    - `addresses` are the remote addresses of the last minute; `by_address` (addresses, 60) is `per_second` of each.
    - `lost` is how many of the last minute have no known address. All sums have them, `by_address` has not.
    - `at_least` says that some of the last minute may be missing in `by_address`, `count_at_least` that some may of the
      run.
    """

    counting: bool
    seen_s: float
    count: int
    last_tick: int
    per_second: Counts
    by_second: Floats
    ended: int
    addresses: Addresses
    by_address: Counts
    lost: int
    at_least: bool
    count_at_least: bool

    def __post_init__(self) -> None:
        freeze(self.per_second, self.by_second, self.by_address)

    @property
    def last_s(self) -> int:
        return int(self.per_second[-1])

    @property
    def last_60s(self) -> int:
        return int(self.per_second.sum())

    def to(self, address: int) -> Counts:
        """The failures to this 128-bit address in each second of the last minute: (60,), oldest first."""
        hi, lo = np.uint64(address >> 64), np.uint64(address & (1 << 64) - 1)
        counts: Counts = self.by_address[(self.addresses.hi == hi) & (self.addresses.lo == lo)].sum(axis=0)
        return counts


def differ(one: Failures | None, other: Failures | None) -> bool:
    """Whether figures that are made of one may be others than those of the other."""
    if one is None or other is None:
        return one is not other
    return one.counting is not other.counting or one.last_60s > 0 or other.last_60s > 0


@dataclass(slots=True)
class Seconds:
    """The failures of each second of the clock, whatever their address, and which seconds were counted from end to end.

    `_counts` has an entry for each second in which something failed. `_spans` are (begin, end) of the times in which
    somebody counted, in seconds of the clock.
    """

    _counts: Counter[int] = field(default_factory=Counter)
    _spans: list[tuple[float, float]] = field(default_factory=list)

    def add(self, counted: FailedConnects) -> None:
        """Add what was counted since the last call. What is older than a minute has no time of its own (Tally)."""
        seconds, at = np.unique(counted.tenth // TENTHS, return_inverse=True)
        counts = np.bincount(at, counted.count, len(seconds)).astype(np.int64)
        self._counts.update(dict(zip(seconds.tolist(), counts.tolist(), strict=True)))
        if counted.lost:
            self._counts[int(counted.until)] += counted.lost
        if self._spans and self._spans[-1][1] >= max(counted.since, counted.until - SECONDS):
            self._spans[-1] = self._spans[-1][0], counted.until
        else:
            self._spans.append((max(counted.since, counted.until - SECONDS), counted.until))

    def until(self, end: int) -> Floats:
        """Those of the REMEMBERED seconds before `end`, which is whole: oldest first, NaN where it is not known."""
        begin = end - REMEMBERED
        self._spans = [span for span in self._spans if span[1] > begin]
        self._counts = Counter({second: count for second, count in self._counts.items() if second >= begin})
        seconds = np.full(REMEMBERED, np.nan)
        for first, last in self._spans:
            seconds[max(math.ceil(first) - begin, 0) : max(int(last) - begin, 0)] = 0
        for second, count in self._counts.items():
            if second < end:
                seconds[second - begin] += count
        return seconds


@dataclass(slots=True)
class FailureHistory:
    """Adds up the failed connects of a run's snapshots in turn."""

    _count: int = 0
    _since: int = 0
    _ever_lost: bool = False
    _began: bool = False
    _hi: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    _lo: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    _tenth: Counts = field(default_factory=lambda: np.empty(0, np.int64))
    _found: Counts = field(default_factory=lambda: np.empty(0, np.int64))
    _lost: list[tuple[int, int]] = field(default_factory=list)
    _seconds: Seconds = field(default_factory=Seconds)

    def advance(self, counted: FailedConnects | None, mono: float) -> Failures | None:
        """Add those of the next snapshot, taken at `mono`. None as long as nobody has ever counted."""
        self._began |= counted is not None
        if not self._began:
            return None
        now, last_tick = int(mono * TENTHS), 0
        if counted is not None:
            now, last_tick = int(counted.until * TENTHS), counted.total + counted.lost
            self._count += last_tick
            self._since = int(counted.since * TENTHS)
            self._hi, self._lo = np.append(self._hi, counted.hi), np.append(self._lo, counted.lo)
            self._tenth, self._found = np.append(self._tenth, counted.tenth), np.append(self._found, counted.count)
            if counted.at_least:
                self._ever_lost = True
                self._lost.append((now - 1, counted.lost))  # so that they are in the last second
            self._seconds.add(counted)
        self._forget(now - SECONDS * TENTHS)
        return self._sums(now, last_tick, counted is not None)

    def _forget(self, tenth: int) -> None:
        """Drop what is older than this tenth of a second."""
        kept = self._tenth >= tenth
        self._hi, self._lo = self._hi[kept], self._lo[kept]
        self._tenth, self._found = self._tenth[kept], self._found[kept]
        self._lost = [(when, count) for when, count in self._lost if when >= tenth]

    def _sums(self, now: int, last_tick: int, counting: bool) -> Failures:
        codes, rows = factorize(fused((factorize(self._hi)[0], 32), (factorize(self._lo)[0], 32)))
        known = self._tenth < now  # what is in the present tenth counts in the next window
        second = (self._tenth[known] - now) // TENTHS + SECONDS
        by_address = np.zeros((len(rows), SECONDS), np.int64)
        np.add.at(by_address, (codes[known], second), self._found[known])
        per_second = by_address.sum(axis=0)
        for when, count in self._lost:
            per_second[(when - now) // TENTHS + SECONDS] += count
        return Failures(
            counting=counting,
            seen_s=max(now - self._since, 1) / TENTHS,
            count=self._count,
            last_tick=last_tick,
            per_second=per_second,
            by_second=self._seconds.until(now // TENTHS),
            ended=now // TENTHS,
            addresses=Addresses(self._hi[rows], self._lo[rows]),
            by_address=by_address,
            lost=sum(count for _, count in self._lost),
            at_least=bool(self._lost),
            count_at_least=self._ever_lost,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """The failed connects of each destination: (destinations,), or (destinations, 60) by second, oldest first.

    The kernel tells the remote address alone. Of the destinations with that address those are meant whose budget was
    full lately, or where none was, all of them. `shared_by` is how many are meant together: `per_second` is an equal
    part of what their address has. It is 1 for a destination that is not meant. `seen_s` is as in Failures.
    """

    per_second: Floats
    shared_by: Counts
    seen_s: float

    def per_s(self, span_s: int) -> Floats:
        """The mean of the last seconds, or of those in which somebody counted."""
        seconds = min(span_s, math.ceil(self.seen_s))
        mean: Floats = self.per_second[:, -seconds:].sum(axis=1) / min(span_s, self.seen_s)
        return mean

    @property
    def last_60s(self) -> Floats:
        count: Floats = self.per_second.sum(axis=1)
        return count

    @property
    def is_shared(self) -> Mask:
        shared: Mask = self.shared_by > 1
        return shared


def refused(failures: Failures, destinations: Destinations, addresses: Addresses, was_full: Mask) -> Refused:
    """Find the destinations of failed connects; `was_full` (destinations,) masks the budgets that had no free port."""
    count = len(destinations)
    failed_to = address_names(failures.addresses)
    order = np.argsort(failed_to)
    at = index_of(address_names(addresses)[destinations.remote], failed_to[order])
    outbound = (destinations.direction == Direction.OUTBOUND) & (at >= 0)
    number = np.append(order, -1)[at]  # of the address among those of the failures
    has_full = np.zeros(len(failed_to) + 1, np.bool_)
    has_full[number[outbound & was_full]] = True
    meant = outbound & (was_full | ~has_full[number])
    shared_by = np.where(meant, np.bincount(number[meant], minlength=len(failed_to) + 1)[number], 1)
    per_second = np.zeros((count, SECONDS))
    per_second[meant] = failures.by_address[number[meant]] / shared_by[meant, None]
    return Refused(per_second, shared_by, failures.seen_s)
