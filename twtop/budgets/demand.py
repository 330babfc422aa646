"""How many connections per second a budget is asked for: by the moments at which those of the last minute were closed.

A mean needs a stretch of time in which the load was one and the same. That is the whole last minute, or the time since
the load began, unless the load has changed: if the last seconds had more than any stretch of that length before them,
or less, the mean is of these seconds alone. So neither a burst nor a tooth of a saw is a change, if the minute before
had another one, and chance is none either. A load that has paused for longer than it went on is over.
"""

import numpy as np

from twtop.budgets import evenness
from twtop.budgets.evenness import BINS, MINUTE_S, STEPS
from twtop.dump.ages import Ages, steps
from twtop.model import Codes, Floats, Mask, Rows
from twtop.records import dataclass, freeze_columns

MANY = 32
"""Fewer connections than these in a minute tell no change, and are taken for a load at random."""

FEW = 4
"""Fewer than these do not tell that a load has just begun."""

CALM_S = 10.0
"""A mean is over so many seconds at least, unless the load is even."""

LEAST_SIGMAS = 4
"""By so many standard deviations, or distances from the line, the least rate is lower than the mean one."""

STALL_S = 3
"""A stretch shorter than this is a change only from a rate to the double or the half: clients stall for a moment."""

STRETCHES = tuple(int(seconds * STEPS) for seconds in (30, 25, 20, 16, 12, 10, 8, 6, 5, 4, 3, 2, 1.5, 1))
"""How long the load may have been as it is now, in bins."""

LATELY_AND_MINUTE = steps((CALM_S * 1000, MINUTE_S * 1000))
LAST_BIN = (MINUTE_S * 1000 - 1000 // STEPS, MINUTE_S * 1000)
BY_BIN = steps((number + 1) * 1000 / STEPS for number in range(BINS))

ROUNDING = 1e-6

AT_ONCE = 2048
"""What is computed of so many budgets at once stays in a CPU's cache."""

FEW_BUDGETS = 64
"""Of no more budgets, all are counted by bin at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What each budget is asked for: (budgets,).

    `per_s` is the mean of the last `seen_s` seconds, in which the load was one and the same. As unevenly as connections
    came, it may also be `least_per_s` or `most_per_s`.
    """

    per_s: Floats
    least_per_s: Floats
    most_per_s: Floats
    seen_s: Floats

    def __post_init__(self) -> None:
        freeze_columns(self)


def measure_demand(
    code: Rows | None, age_ms: Codes, size: int, failed: Floats | None = None, ages: Ages | None = None
) -> Demand:
    """The demand for each of so many budgets.

    For each connection, `code` is its budget, None if there is but one, and `age_ms` how long ago it was closed, −1 for
    not or unknown. `failed` (budgets, 60) are further ones, which failed in each second of the last minute, oldest
    first. `ages` are those of the connections, if they are counted already, at least by LATELY_AND_MINUTE.
    """
    if ages is None:
        ages = Ages(code, age_ms, size, BY_BIN if size <= FEW_BUDGETS else LATELY_AND_MINUTE)
    lately, count = (ages.younger(edge).astype(np.float64) for edge in (CALM_S * 1000, MINUTE_S * 1000))
    if failed is not None:
        count += failed.sum(axis=1)
        lately += failed[:, -int(CALM_S) :].sum(axis=1)
    has_begun = (lately >= FEW) & (lately >= count - ROUNDING)
    in_bins = ages.tells(BY_BIN)
    steady = ages.between(LAST_BIN)[:, 1] > 0 if in_bins else np.zeros(size, np.bool_)
    oldest_s = np.where(steady, MINUTE_S, _oldest_s(code, age_ms, ~steady & (has_begun | (count >= MANY))))
    if failed is not None:
        oldest_s = np.maximum(oldest_s, np.where(failed.any(axis=1), MINUTE_S - (failed > 0).argmax(axis=1), 0))
    per_s, chance, seen_s = lately / CALM_S, np.sqrt(lately) / CALM_S, np.full(size, CALM_S)
    most = np.where(has_begun, lately / np.clip(oldest_s, 1 / STEPS, CALM_S), per_s)
    many = np.flatnonzero(count >= MANY)
    if len(many):
        total = _total(ages, many) if in_bins else _total_of(code, age_ms, size, many)
        if failed is not None:
            total[:, 1:] += np.cumsum(np.repeat(failed[many, ::-1], STEPS, axis=1) / STEPS, axis=1)
        for start in range(0, len(many), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            rows = many[some]
            per_s[rows], chance[rows], most[rows], seen_s[rows] = _of_one_load(total[some], oldest_s[rows])
    return Demand(per_s, np.maximum(per_s - LEAST_SIGMAS * chance, 0.0), np.maximum(per_s, most), seen_s)


def _oldest_s(code: Rows | None, age_ms: Codes, which: Mask) -> Floats:
    """How long ago the first connection of the last minute was closed, for these budgets; 0 for the others, for which
    it makes no difference: (budgets,)."""
    oldest_ms = np.zeros(len(which) + 1, np.int32)  # the last one is that of no budget
    if not which.any():
        return np.zeros(len(which))
    if code is None:
        oldest_ms[0] = np.where(age_ms < MINUTE_S * 1000, age_ms, 0).max(initial=0)
    else:
        rows = slice(None) if which.all() else np.flatnonzero(np.append(which, False).take(code))
        np.maximum.at(oldest_ms, code[rows], np.where(age_ms[rows] < MINUTE_S * 1000, age_ms[rows], 0))
    return oldest_ms[:-1] / 1000


def _total(ages: Ages, many: Rows) -> Floats:
    """How many connections these budgets had in the last bins (evenness): (many, BINS + 1)."""
    total, counts = np.zeros((len(many), BINS + 1)), ages.up_to(BY_BIN.edges)
    total[:, 1:] = counts if len(many) == len(counts) else counts[many]
    return total


def _total_of(code: Rows | None, age_ms: Codes, size: int, many: Rows) -> Floats:
    """The same where they are not counted yet."""
    if code is None:
        return _total(Ages(code, age_ms, size, BY_BIN), many)
    number = np.full(size + 1, -1)
    number[many] = np.arange(len(many))
    number = number.take(code)
    if len(many) < size:
        rows = np.flatnonzero(number >= 0)
        number, age_ms = number[rows], age_ms[rows]
    return _total(Ages(number, age_ms, len(many), BY_BIN), np.arange(len(many)))


def _as_now(total: Floats, squares: Floats, length: Rows) -> tuple[Rows, Floats]:
    """(how many bins long each load has been as it is now, the highest rate that it has risen to, 0 for none).

    `squares` are evenness.squares of the `total` counts, and `length` the bins in which there was any load.
    """
    length, risen = length.copy(), np.zeros(len(total))
    spread = evenness.spread(total, STRETCHES, length, squares)
    perhaps = evenness.may_have_changed(total, STRETCHES, length, spread)
    for number, stretch in enumerate(STRETCHES):
        rows = np.flatnonzero(perhaps[:, number])
        if not len(rows):
            continue
        rows = rows[evenness.has_changed(total[rows], stretch, length[rows], spread[rows, number])]
        now, mean = total[rows, stretch] / stretch, evenness.count_in(total[rows], length[rows]) / length[rows]
        risen[rows] = np.where(now > mean, np.maximum(risen[rows], now * STEPS), risen[rows])
        far = (stretch >= STALL_S * STEPS) | (now >= 2 * mean) | (now <= mean / 2)
        rows = rows[far]
        distance = evenness.distance(total[rows], np.full(len(rows), stretch), stretch / STEPS)
        rows = rows[LEAST_SIGMAS * distance <= total[rows, stretch] / 3]
        length[rows] = stretch
        spread[rows] = evenness.spread(total[rows], STRETCHES, length[rows], squares[rows])
        perhaps[rows] = evenness.may_have_changed(total[rows], STRETCHES, length[rows], spread[rows])
    return length, risen


def _of_one_load(total: Floats, oldest_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """(mean rate, its standard deviation, the most it may be, seconds) of the time in which each load was as it is now.

    `total` is as in evenness; the oldest connection was closed `oldest_s` ago.
    """
    length = np.minimum(oldest_s * STEPS + 1, BINS).astype(np.intp)
    began = length < BINS - STEPS
    whole, squares = length, evenness.squares(total)
    length, risen = _as_now(total, squares, whole)
    since_start = began & (length == whole)
    seconds = np.where(since_start, np.maximum(oldest_s, 1 / STEPS), length / STEPS)
    count = evenness.count_in(total, length) - 0.5 * since_start  # the first one began the time: half of it counts
    distance = evenness.distance(total, length, seconds)
    chance = np.maximum(distance, np.sqrt(evenness.spread(total, (0,), length, squares)[:, 0] * count))
    most = np.maximum((count + distance) / seconds, risen)  # it may have changed, though not evenly
    chance = np.where(seconds < 1, count, chance)
    calm = since_start & (LEAST_SIGMAS * chance > count / 2)
    seconds = np.where(calm, np.maximum(seconds, CALM_S), seconds)
    paused = (total > 0).argmax(axis=1) - 1
    is_over = np.flatnonzero(since_start & (2 * paused > length))
    count[is_over], seconds[is_over] = total[is_over, int(CALM_S) * STEPS], CALM_S
    most[is_over] = count[is_over] / CALM_S
    return count / seconds, chance / seconds, most, seconds
