"""How fast each budget takes ports: from the timers of one dump, and from the counts of the dumps before it.

Ports taken = TIME_WAIT entries + growth of the other connections. Timers count the entries exactly (demand). An earlier
dump knows how many other connections there were, so no socket has to be found again. A connection that ends
without a TIME_WAIT, because the other side closes first, cancels out, as it does in the budget.
"""

import numpy as np

from twtop.budgets.demand import measure_demand
from twtop.dump.ages import Ages, steps
from twtop.dump.destinations import Names
from twtop.dump.failures import Refused
from twtop.dump.reading import FRESH_MS, LONG_S, DumpSummary, Reading
from twtop.model import Codes, Counts, Floats, Mask, Rows
from twtop.records import dataclass, freeze_columns

SHORT_S, NOW_S = 3, 1
"""Growth is a mean over LONG_S, so that it does not flicker; over SHORT_S where the two means disagree; over NOW_S
while the load is new."""

CHANGED_SIGMAS, TREND_SIGMAS = 2, 3
"""From how many standard deviations of a count on two means disagree, and growth is a trend."""


@dataclass(frozen=True, slots=True, eq=False)
class Rates:
    """Per second, of each budget: (budgets,). `closing` are entries into TIME_WAIT, closes that find no bucket for one,
    and failed connects. `growth` is how fast the number of all other connections grows. `trend` is the growth where it
    is more than chance, else 0.

    Only a trend may be extrapolated over more than a minute. As unevenly as connections came, the rates may also be
    `least_closing`, `most_closing` and `least_growth`. The load has been as it is now for `seen_s`.
    """

    closing: Floats
    growth: Floats
    trend: Floats
    least_closing: Floats
    most_closing: Floats
    least_growth: Floats
    seen_s: Floats

    def __post_init__(self) -> None:
        freeze_columns(self)

    @property
    def new(self) -> Floats:
        """Connections opened per second, less those that the other side closes first."""
        return np.maximum(self.closing + self.growth, 0.0)


def measure_rates(
    reading: Reading,
    code: Rows,
    age_ms: Codes,
    names: Names,
    live: Floats,
    failed: Refused | None = None,
    replaced: Mask | None = None,
) -> Rates:
    """The rates of budgets at the time of a reading.

    For each socket, `code` is its budget, and `age_ms` its age if it is in TIME_WAIT, else −1. For each budget, `names`
    is its name in the recent dumps and `live` counts its connections that are not in TIME_WAIT. The growth is 0 without
    recent dumps. Each connect() that `failed` counts as one that closes: it asked for a port as the others did.
    `replaced` masks the budgets where a new connection may take the place of a TIME_WAIT, so that some are missing.
    """
    is_counted = code is reading.destinations.code and age_ms is reading.snapshot.sockets.age_ms
    ages = reading.ages if is_counted else None
    demand = measure_demand(code, age_ms, len(names), None if failed is None else failed.per_second, ages)
    failed_per_s = np.zeros(len(names)) if failed is None else failed.per_s(SHORT_S)
    closing = np.maximum(demand.per_s, failed_per_s)
    if replaced is not None and replaced.any():
        is_lossy, per_s = _of_fresh(reading, code, age_ms, names)
        closing = np.where(replaced & is_lossy, per_s + failed_per_s, closing)
    overflowing = _with_overflow(reading, code, age_ms, len(names))
    if overflowing is not None:
        closing = overflowing + failed_per_s

    def growth_over(span_s: int) -> tuple[Floats, Floats]:
        """(how many more connections than then, growth per second)."""
        before = _dump_before(reading, span_s)
        if before is None:
            return np.zeros(len(names)), np.zeros(len(names))
        more = live - before.of(before.live, names)
        return more, more / (reading.snapshot.dumped - before.mono)

    (more, long), (more_lately, short), (_, now) = (growth_over(span_s) for span_s in (LONG_S, SHORT_S, NOW_S))
    chance = np.sqrt(np.maximum(2 * live - more, 1.0))
    changed = np.abs(more_lately - long * SHORT_S) > CHANGED_SIGMAS * chance
    growth = np.select([demand.seen_s < SHORT_S, changed | (demand.seen_s < LONG_S)], [now, short], long)
    trend = np.where(np.abs(more) > TREND_SIGMAS * chance, growth, 0.0)
    return Rates(
        closing=closing,
        growth=growth,
        trend=trend,
        least_closing=demand.least_per_s,
        most_closing=np.maximum(closing, demand.most_per_s),
        least_growth=np.minimum(np.minimum(long, short), trend),
        seen_s=demand.seen_s,
    )


def _of_fresh(reading: Reading, code: Rows, age_ms: Codes, names: Names) -> tuple[Mask, Floats]:
    """(whether some TIME_WAIT of the last LONG_S are missing, how many began per second).

    Those that were fresh in this dump and in the recent ones tell, because none of these was missing.
    """
    dumped, recent = reading.snapshot.dumped, reading.recent

    def begun(span_ms: float) -> Counts:
        return Ages(code, age_ms, len(names), steps([span_ms])).younger(span_ms)

    fresh = begun(FRESH_MS)
    counts = [*(each.of(each.fresh, names) for each in recent), fresh]
    lately = [count for count, each in zip(counts, recent, strict=False) if dumped - each.mono < SHORT_S]
    long, short = (np.mean([*each, fresh], axis=0) * 1000 / FRESH_MS for each in (counts[:-1], lately))
    span_s = FRESH_MS / 1000 + (dumped - recent[0].mono if recent else 0.0)
    expected, seen = long * span_s, begun(span_s * 1000)
    is_lossy: Mask = expected > seen + TREND_SIGMAS * np.sqrt(expected)
    return is_lossy, np.where(disagree(long, short), short, long)


def _with_overflow(reading: Reading, code: Rows, age_ms: Codes, size: int) -> Floats | None:
    """Connections closed per second, those that found no bucket included; None where all found one, or none is known.

    The kernel counts those without a bucket for the namespace, and which ones find one is chance. So each budget has a
    part of them, as of the TIME_WAIT.
    """
    now, dumped = reading.overflowed, reading.snapshot.dumped
    long, short = (_dump_before(reading, span_s) for span_s in (LONG_S, SHORT_S))
    if now is None or long is None or short is None or long.overflowed is None or now <= long.overflowed:
        return None
    waiting = int(np.count_nonzero(reading.snapshot.sockets.is_time_wait))
    part = np.bincount(code[age_ms >= 0], minlength=size) / max(waiting, 1)

    def since(mono: float, overflowed: int | None) -> Floats:
        """Closed per second since the dump of then."""
        seen_s, lost = dumped - mono, 0 if overflowed is None else max(now - overflowed, 0)
        begun = Ages(code, age_ms, size, steps([seen_s * 1000])).younger(seen_s * 1000)
        per_s: Floats = (begun + part * lost) / seen_s
        return per_s

    mean, lately = (since(each.mono, each.overflowed) for each in (long, short))
    return np.where(disagree(mean, lately), lately, mean)


def _dump_before(reading: Reading, span_s: float) -> DumpSummary | None:
    """The newest of the dumps that are so many seconds old, else the oldest one; None where there is none."""
    old = (each for each in reversed(reading.recent) if reading.snapshot.dumped - each.mono >= span_s)
    return next(old, reading.recent[0] if reading.recent else None)


def disagree(long_per_s: Floats, short_per_s: Floats, short_s: int = SHORT_S) -> Mask:
    """Mask of the rates whose mean over the last `short_s` seconds differs from a longer one by more than chance."""
    expected, seen = long_per_s * short_s, short_per_s * short_s
    return np.abs(seen - expected) > CHANGED_SIGMAS * np.sqrt(np.maximum(expected, 1.0))
