"""When a port budget will be full, and how many connections per second it can bear for ever."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from twtop.budgets.rates import Rates
from twtop.dump.timer_wheel import TIMEWAIT_S, Wheel
from twtop.model import Floats, Mask, Rows
from twtop.records import dataclass

SOON_S = 60.0
"""“Full within so many seconds” is an alarm, and is said only if it is sure."""

TRUSTED_TIMES = 5
"""A load that has been as it is now for some seconds is sure to go on like this for so many times as long."""

STILL_TRUSTED = 2
"""What was sure a moment ago is so until it is this many times less sure: words shall not change with every chance."""

UNSURE_S = 0.01
"""Moments are known to so many seconds: a jiffy or two. A budget is full when there is surely one connection too many,
as unevenly as they came. Once some have failed, the others fill a steady budget to the last port for a minute, and none
fails.
"""

TO_SPARE = 0.01
"""A budget with less than this share of its ports free has none to spare."""

FIRST_SECOND = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class PortUse:
    """What holds the ports of budgets now, and how that goes on.

    All is (budgets,): `waiting` TIME_WAIT that hold a port, `live` connections not in TIME_WAIT, their `rates`, the
    seconds `hold_s` for which a closed connection keeps its port at the most, `capacity`, NaN for unknown, and
    `most_waiting`, as many TIME_WAIT as the limit of buckets leaves to the budget.
    """

    waiting: Floats
    live: Floats
    rates: Rates
    hold_s: Floats
    capacity: Floats
    most_waiting: Floats

    def near(self, wheel: Wheel) -> Mask:
        """Mask of the budgets that may have no port to spare before the last of the present TIME_WAIT is gone."""
        return _is_near(self, replace(self.rates, closing=self.rates.most_closing), wheel)


class TimeToFull(NamedTuple):
    """Seconds until each budget is full, and until it has no ports to spare: (budgets,). 0 is now, infinity never, NaN
    unknown.
    """

    full: Floats
    tight: Floats


def max_per_s(capacity: Floats, live: Floats, hold_s: Floats) -> Floats:
    """The most connections per second that never fill a budget, if each keeps its port for `hold_s` once it is closed.

    >>> max_per_s(np.array([28232.0]), np.array([0.0]), np.array([62.048])).round().tolist()
    [455.0]
    """
    return np.maximum(capacity - live, 0.0) / hold_s


def time_to_full(
    use: PortUse,
    wheel: Wheel,
    code: Rows,
    free_in_s: Floats,
    was_full: Mask | None = None,
    was_soon: Mask | None = None,
) -> TimeToFull:
    """When each budget is full. `was_soon` masks those that were said to be full within SOON_S a moment ago.

    `code` and `free_in_s` are the budget of each TIME_WAIT that holds a port, and the seconds until its port is free.
    Those of budgets that are not near may be left out.

    Both times are unknown where the capacity is, and that until it is full also where the mean rate tells “within
    SOON_S” or “never”, but not for sure: the load has been like this for too short a time, or it is too uneven to tell.
    A budget that `was_full` lately has shown what its load can do: it is never full only if that is sure.
    """
    rates = use.rates
    least = replace(rates, closing=rates.least_closing, growth=rates.least_growth)
    most = replace(rates, closing=rates.most_closing)
    near = np.flatnonzero(use.near(wheel))
    if not len(near):  # then all of them are full much later, or never, whichever of the rates is the true one
        nothing = np.empty((0, 0))
        found = _full_in_s(use, rates, wheel, near, nothing, use.capacity)
        return TimeToFull(found, found)
    held = _held(code, free_in_s, near, len(use.live), _moments(wheel))
    surely = use.capacity + 1 + UNSURE_S * rates.closing + (rates.most_closing - rates.closing) * rates.seen_s
    expected, at_least = (_full_in_s(use, each, wheel, near, held, surely) for each in (rates, least))
    at_most = _full_in_s(use, most, wheel, near, held, use.capacity + 1)
    soon, never = (expected > 0) & (expected <= SOON_S), np.isinf(expected)
    trusted = TRUSTED_TIMES * (1 if was_soon is None else np.where(was_soon, STILL_TRUSTED, 1))
    unsure = np.where(soon, at_least > trusted * rates.seen_s, never & (at_most < np.inf))
    found = np.where(unsure, np.nan, expected)
    if was_full is not None:
        found = np.where(unsure & was_full, np.fmin(expected, at_most), found)
    tight = _full_in_s(use, rates, wheel, near, held, (1 - TO_SPARE) * use.capacity)
    return TimeToFull(found, tight)


def _is_near(use: PortUse, rates: Rates, wheel: Wheel) -> Mask:
    """The same at these rates."""
    waiting = np.minimum(use.waiting + rates.closing * use.hold_s, np.maximum(use.most_waiting, use.waiting))
    near: Mask = use.live + np.maximum(rates.growth, 0.0) * wheel.longest_s + waiting >= (1 - TO_SPARE) * use.capacity
    return near


def _moments(wheel: Wheel) -> Floats:
    """Seconds until the moments for which a level is computed: just before each move of the wheel, until all of the
    present TIME_WAIT are gone, and in the first second, when connect() may take over what is there."""
    moves = math.ceil((wheel.longest_s - wheel.next_s) / wheel.step_s) + 1
    return np.sort(np.append(FIRST_SECOND, wheel.next_s + wheel.step_s * np.arange(moves)))


def _held(code: Rows, free_in_s: Floats, near: Rows, count: int, moments: Floats) -> Floats:
    """How many of the present TIME_WAIT still hold their port just before each moment: (near, moments)."""
    number = np.full(count, -1)
    number[near] = np.arange(len(near))
    number = number.take(code)
    rows = np.flatnonzero(number >= 0)
    freed_before = np.searchsorted(moments, free_in_s[rows] + 1e-6, side="right")
    at = number[rows] * (len(moments) + 1) + freed_before
    freed = np.bincount(at, minlength=len(near) * (len(moments) + 1)).reshape(-1, len(moments) + 1)
    gone = np.cumsum(freed, axis=1)
    return (gone[:, -1:] - gone[:, :-1]).astype(np.float64)


def _full_in_s(use: PortUse, rates: Rates, wheel: Wheel, near: Rows, held: Floats, too_many: Floats) -> Floats:
    """The same at these rates, whether sure or not. `held` (near, moments) is of the budgets that may be full soon.

    In τ seconds a budget holds at the most

        live + growth·τ + min(|{TIME_WAIT: free_in ≥ τ}| + closing·min(τ, hold), most_waiting)

    and it is full when these are `too_many`. Beyond the moments this is a straight line that rises by the
    trend of the growth.
    """
    settled = use.live + np.minimum(rates.closing * use.hold_s, use.most_waiting)
    with np.errstate(divide="ignore", invalid="ignore"):
        later = np.where(rates.trend > 0, (use.capacity - settled) / rates.trend, np.inf)
    result = np.where(np.isnan(use.capacity), np.nan, np.maximum(later, wheel.longest_s))
    is_full = use.live + use.waiting >= use.capacity
    if not len(near):
        return np.where(is_full, 0.0, result)
    live, growth, closing, hold_s, most_waiting = (
        column[near, None]
        for column in (
            *(use.live, rates.growth, rates.closing, use.hold_s),
            np.maximum(use.most_waiting, use.waiting),
        )
    )
    ends = _moments(wheel)
    starts = np.append(0.0, ends[:-1])

    def level(tau: Floats, hold_s: Floats) -> Floats:
        found: Floats = live + growth * tau + np.minimum(held + closing * np.minimum(tau, hold_s), most_waiting)
        return found

    least, most = level(starts, np.minimum(hold_s, TIMEWAIT_S)), level(ends, hold_s)
    beyond = too_many[near]
    reached = most >= beyond[:, None]
    first, row = reached.argmax(axis=1), np.arange(len(near))
    low, high, start, end = least[row, first], most[row, first], starts[first], ends[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.nan_to_num(np.clip((beyond - low) / (high - low), 0.0, 1.0))
    exact = np.where(reached.any(axis=1), start + part * (end - start), np.inf)
    result[near] = np.fmin(exact, result[near])
    return np.where(is_full, 0.0, result)
