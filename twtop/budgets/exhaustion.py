"""When a port budget will be full, and how many connections per second it can bear for ever."""

import math
from dataclasses import dataclass, replace

import numpy as np

from twtop.budgets.rates import Rates
from twtop.dump.timer_wheel import TIMEWAIT_S, Wheel
from twtop.model import Codes, Floats, Mask

SOON_S = 60.0
"""“Full within so many seconds” is an alarm, and is said only if it is sure."""

TRUSTED_TIMES = 5
"""A load that has been as it is now for some seconds is sure to go on like this for so many times as long."""

UNSURE_S = 0.01
"""Moments are known to so many seconds: a jiffy or two. A budget is full when there is surely one connection too many.

Once some have failed, the others fill a steady budget to the last port for a minute, and none fails.
"""

FIRST_SECOND = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class PortUse:
    """What holds the ports of budgets now, and how that goes on.

    `code` and `free_in_s` (TIME_WAIT that hold a port,) are the budget of each, and the seconds until its port is free.
    The rest is (budgets,): `live` connections not in TIME_WAIT, their `rates`, the seconds `hold_s` for which a closed
    connection keeps its port at the most, `capacity`, NaN for unknown, and `most_waiting`, as many TIME_WAIT as the
    limit of buckets leaves to the budget.
    """

    code: Codes
    free_in_s: Floats
    live: Floats
    rates: Rates
    hold_s: Floats
    capacity: Floats
    most_waiting: Floats


def max_per_s(capacity: Floats, live: Floats, hold_s: Floats) -> Floats:
    """The most connections per second that never fill a budget, if each keeps its port for `hold_s` once it is closed.

    >>> max_per_s(np.array([28232.0]), np.array([0.0]), np.array([62.048])).round().tolist()
    [455.0]
    """
    return np.maximum(capacity - live, 0.0) / hold_s


def full_in_s(use: PortUse, wheel: Wheel) -> Floats:
    """Seconds until each budget is full: 0 is now, infinity never.

    NaN where the capacity is unknown, and where the mean rate tells “within SOON_S” or “never”, but not for sure: the
    load has been like this for too short a time, or it is too uneven to tell.
    """
    rates = use.rates
    least = replace(rates, closing=rates.least_closing, growth=rates.least_growth)
    most = replace(rates, closing=rates.most_closing)
    expected, at_least, at_most = (_full_in_s(use, each, wheel) for each in (rates, least, most))
    soon, never = (expected > 0) & (expected <= SOON_S), np.isinf(expected)
    unsure = np.where(soon, at_least > TRUSTED_TIMES * rates.seen_s, never & (at_most < np.inf))
    return np.where(unsure, np.nan, expected)


def _full_in_s(use: PortUse, rates: Rates, wheel: Wheel) -> Floats:
    """The same at these rates, whether sure or not.

    In τ seconds a budget holds at the most

        live + growth·τ + min(|{TIME_WAIT: free_in ≥ τ}| + closing·min(τ, hold), most_waiting)

    and it is full when that is more than its capacity.

    Ports come free when the wheel moves, so a budget holds the most just before that. Up to the time when all of the
    present TIME_WAIT are gone, this is computed for every move, and for moments of the first second, when connect() may
    take over what is there. Beyond that time it is a straight line that rises by the trend of the growth.
    """
    live, capacity = use.live, use.capacity
    waiting = np.bincount(use.code, minlength=len(live)).astype(np.float64)
    full = live + waiting >= capacity
    settled = live + np.minimum(rates.closing * use.hold_s, use.most_waiting)
    with np.errstate(divide="ignore", invalid="ignore"):
        later = np.where(rates.trend > 0, (capacity - settled) / rates.trend, np.inf)
    result = np.where(full, 0.0, np.where(np.isnan(capacity), np.nan, np.maximum(later, wheel.longest_s)))
    most_waiting = np.minimum(waiting + rates.closing * use.hold_s, np.maximum(use.most_waiting, waiting))
    near = ~full & (live + np.maximum(rates.growth, 0.0) * wheel.longest_s + most_waiting >= capacity)
    if near.any():
        result[near] = np.fmin(_by_moments(use, rates, wheel, near), result[near])
    return result


def _by_moments(use: PortUse, rates: Rates, wheel: Wheel, chosen: Mask) -> Floats:
    """The same for the chosen budgets alone: infinity where a budget is not full before the last of the moments."""
    ends = _moments(wheel)
    starts = np.append(0.0, ends[:-1])
    number = np.cumsum(chosen) - 1
    rows = chosen[use.code]
    freed_before = np.searchsorted(ends, use.free_in_s[rows] + 1e-6, side="right")
    at = number[use.code[rows]] * (len(ends) + 1) + freed_before
    freed = np.bincount(at, minlength=(number[-1] + 1) * (len(ends) + 1)).reshape(-1, len(ends) + 1)
    gone = np.cumsum(freed, axis=1)
    held = (gone[:, -1:] - gone[:, :-1]).astype(np.float64)
    live, growth, closing, hold_s, capacity, most_waiting = (
        column[chosen, None]
        for column in (use.live, rates.growth, rates.closing, use.hold_s, use.capacity, use.most_waiting)
    )
    most_waiting = np.maximum(most_waiting, gone[:, -1:])

    def level(tau: Floats, hold_s: Floats) -> Floats:
        found: Floats = live + growth * tau + np.minimum(held + closing * np.minimum(tau, hold_s), most_waiting)
        return found

    least, most = level(starts, np.minimum(hold_s, TIMEWAIT_S)), level(ends, hold_s)
    beyond = capacity + 1 + UNSURE_S * closing
    reached = most >= beyond
    first = reached.argmax(axis=1)
    row = np.arange(len(first))
    low, high, start, end = least[row, first], most[row, first], starts[first], ends[first]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.clip((beyond[:, 0] - low) / (high - low), 0.0, 1.0)
    return np.where(reached.any(axis=1), start + np.nan_to_num(part) * (end - start), np.inf)


def _moments(wheel: Wheel) -> Floats:
    """Seconds until the moments for which a level is computed."""
    moves = math.ceil((wheel.longest_s - wheel.next_s) / wheel.step_s) + 1
    return np.sort(np.append(FIRST_SECOND, wheel.next_s + wheel.step_s * np.arange(moves)))
