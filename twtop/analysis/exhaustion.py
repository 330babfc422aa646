"""When a port budget will be full, and how many connections per second it can bear for ever. Pure arithmetic."""

import math

import numpy as np

from twtop.analysis.rates import Rates
from twtop.model import Codes, Floats, Mask


def max_per_s(capacity: Floats, live: Floats, hold_s: Floats) -> Floats:
    """Most connections per second that never fill a budget, if each keeps its port for `hold_s` after it was closed.

    >>> max_per_s(np.array([28232.0]), np.array([0.0]), np.array([61.024])).round().tolist()
    [463.0]
    """
    return np.maximum(capacity - live, 0.0) / hold_s


def full_in_s(
    code: Codes, free_in_s: Floats, live: Floats, rates: Rates, hold_s: Floats, capacity: Floats, horizon_s: float
) -> Floats:
    """Seconds until each budget is full: 0 is now, infinity never, NaN where there is no capacity.

    `code` and `free_in_s` are of the sockets in TIME_WAIT that hold a port now: whose budget, and when the port will be
    free. The rest is per budget: `live` connections not in TIME_WAIT, their `rates`, how long one holds its port after
    it was closed. τ seconds from now a budget holds

        live + growth·τ + |{TIME_WAIT: free_in > τ}| + closing·min(τ, hold)

    which is followed in steps of a second up to the horizon, when all of today's TIME_WAIT are gone, and
    then as a straight line, if the growth is more than chance.
    """
    waiting = np.bincount(code, minlength=len(live))
    full = live + waiting >= capacity
    settled = live + rates.closing * hold_s
    with np.errstate(divide="ignore", invalid="ignore"):
        later = np.where(rates.trend > 0, (capacity - settled) / rates.trend, np.inf)
    result = np.where(full, 0.0, np.where(np.isnan(capacity), np.nan, np.maximum(later, horizon_s)))
    most = settled + np.maximum(rates.growth, 0.0) * horizon_s + waiting
    near = ~full & (most >= capacity)
    if near.any():
        result[near] = np.fmin(_soon(code, free_in_s, live, rates, hold_s, capacity, near, horizon_s), result[near])
    return result


def _soon(
    code: Codes,
    free_in_s: Floats,
    live: Floats,
    rates: Rates,
    hold_s: Floats,
    capacity: Floats,
    chosen: Mask,
    horizon_s: float,
) -> Floats:
    """The same for the chosen budgets alone, within the horizon: infinity where the level stays below capacity."""
    steps = math.ceil(horizon_s) + 1
    number = np.cumsum(chosen) - 1
    rows = chosen[code]
    second = np.minimum(np.ceil(free_in_s[rows]), steps).astype(np.intp)
    freed = np.bincount(number[code[rows]] * (steps + 1) + second, minlength=(number[-1] + 1) * (steps + 1))
    freed = np.cumsum(freed.reshape(-1, steps + 1), axis=1)
    held = freed[:, -1:] - freed[:, :-1]
    tau = np.arange(steps, dtype=np.float64)
    now, growth, closing = (each[chosen, None] for each in (live, rates.growth, rates.closing))
    level = now + growth * tau + held + closing * np.minimum(tau, hold_s[chosen, None])
    reached = level >= capacity[chosen, None]
    after = np.maximum(reached.argmax(axis=1), 1)
    row = np.arange(len(after))
    below, above = level[row, after - 1], level[row, after]
    with np.errstate(divide="ignore", invalid="ignore"):
        exact = after - 1 + (capacity[chosen] - below) / (above - below)
    return np.where(reached.any(axis=1), exact, np.inf)
