"""When a port budget will be full, and how many connections per second it can bear for ever."""

import math
from dataclasses import dataclass

import numpy as np

from twtop.analysis.rates import Rates
from twtop.model import Codes, Floats, Mask


@dataclass(frozen=True, slots=True, eq=False)
class PortUse:
    """What holds the ports of budgets now, and how that goes on.

    `code` and `free_in_s` (TIME_WAIT that hold a port,) are the budget of each, and the seconds until its port is free.
    The rest is (budgets,): `live` connections not in TIME_WAIT, their `rates`, the seconds `hold_s` for which a closed
    connection keeps its port, and `capacity`, NaN for unknown.
    """

    code: Codes
    free_in_s: Floats
    live: Floats
    rates: Rates
    hold_s: Floats
    capacity: Floats


def max_per_s(capacity: Floats, live: Floats, hold_s: Floats) -> Floats:
    """The most connections per second that never fill a budget, if each keeps its port for `hold_s` once it is closed.

    >>> max_per_s(np.array([28232.0]), np.array([0.0]), np.array([61.024])).round().tolist()
    [463.0]
    """
    return np.maximum(capacity - live, 0.0) / hold_s


def full_in_s(use: PortUse, horizon_s: float) -> Floats:
    """Seconds until each budget is full: 0 is now, infinity never, NaN where the capacity is unknown.

    In τ seconds a budget holds

        live + growth·τ + |{TIME_WAIT: free_in > τ}| + closing·min(τ, hold)

    Up to the horizon, when all of the present TIME_WAIT are gone, this is computed for every second. Beyond it, it is a
    straight line that rises by the trend of the growth.
    """
    live, rates, capacity = use.live, use.rates, use.capacity
    waiting = np.bincount(use.code, minlength=len(live))
    full = live + waiting >= capacity
    settled = live + rates.closing * use.hold_s
    with np.errstate(divide="ignore", invalid="ignore"):
        later = np.where(rates.trend > 0, (capacity - settled) / rates.trend, np.inf)
    result = np.where(full, 0.0, np.where(np.isnan(capacity), np.nan, np.maximum(later, horizon_s)))
    most = settled + np.maximum(rates.growth, 0.0) * horizon_s + waiting
    near = ~full & (most >= capacity)
    if near.any():
        result[near] = np.fmin(_within_horizon(use, horizon_s, near), result[near])
    return result


def _within_horizon(use: PortUse, horizon_s: float, chosen: Mask) -> Floats:
    """The same for the chosen budgets alone: infinity where a budget is not full within the horizon."""
    steps = math.ceil(horizon_s) + 1
    number = np.cumsum(chosen) - 1
    rows = chosen[use.code]
    second = np.minimum(np.ceil(use.free_in_s[rows]), steps).astype(np.intp)
    freed = np.bincount(number[use.code[rows]] * (steps + 1) + second, minlength=(number[-1] + 1) * (steps + 1))
    freed = np.cumsum(freed.reshape(-1, steps + 1), axis=1)
    held = freed[:, -1:] - freed[:, :-1]
    tau = np.arange(steps, dtype=np.float64)
    live, growth, closing, hold_s, capacity = (
        column[chosen, None] for column in (use.live, use.rates.growth, use.rates.closing, use.hold_s, use.capacity)
    )
    level = live + growth * tau + held + closing * np.minimum(tau, hold_s)
    reached = level >= capacity
    after = np.maximum(reached.argmax(axis=1), 1)
    row = np.arange(len(after))
    below, above = level[row, after - 1], level[row, after]
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = after - 1 + (capacity[:, 0] - below) / (above - below)
    return np.where(reached.any(axis=1), exact, np.inf)
