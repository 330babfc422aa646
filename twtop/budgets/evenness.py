"""How even a load of the last minute is, and whether its last seconds are more than chance away from those before.

How sure a mean is, the moments tell. If N(t) of n connections were closed in the first t of w seconds, an even load has
N(t) = n·t/w. The greatest distance from that line (the statistic of Kolmogorov and Smirnov, times n) is at most 1 for
an even load, about √n for one at random, and n for a burst.

`total` (budgets, BINS + 1) is how many connections each budget had in the last bins: 0 in the last none, and all in
the whole minute. `length` (budgets,) is how many of the bins count.
"""

import numpy as np

from twtop.model import Floats, Mask, Rows

MINUTE_S = 60
STEPS = 4
"""Moments are told apart by quarters of a second."""

BINS = MINUTE_S * STEPS

CHANGE_SIGMAS = 3
"""By so many standard deviations a stretch differs from the extremes before it, if the load has changed."""


def count_in(total: Floats, length: Rows) -> Floats:
    count: Floats = total[np.arange(len(total)), length]
    return count


def squares(total: Floats) -> Floats:
    """The squares of the differences between successive seconds, youngest first, added up: (budgets, 60)."""
    seconds = np.diff(total[:, ::STEPS], axis=1)
    added = np.zeros((len(total), MINUTE_S))
    np.cumsum(np.diff(seconds, axis=1) ** 2, axis=1, out=added[:, 1:])
    return added


def spread(total: Floats, stretches: tuple[int, ...], length: Rows, squares: Floats) -> Floats:
    """The variance of a count, as a part of its mean, before the last stretch: (budgets, stretches). It is 1 for a load
    at random, 0 for an even one.

    Half the mean square of the differences between successive seconds (Allan's variance) takes no trend for chance.
    Up to half of one comes from counting whole connections.
    """
    start, row = -(-np.array(stretches) // STEPS), np.arange(len(total))[:, None]
    end = np.maximum(length[:, None] // STEPS, start + 1)
    mean = (total[row, end * STEPS] - total[:, start * STEPS]) / (end - start)
    square = (squares[row, end - 1] - squares[:, start]) / np.maximum(end - start - 1, 1)
    part: Floats = np.maximum(square / 2 - 0.5, 0.0) / np.maximum(mean, 1.0)
    return part


def may_have_changed(total: Floats, stretches: tuple[int, ...], length: Rows, spread: Floats) -> Mask:
    """The same as has_changed, but beside the mean of all such stretches: (budgets, stretches). It costs little."""
    stretch, longest = np.array(stretches), length[:, None]
    now = total[:, stretch]
    mean = (count_in(total, length)[:, None] - now) / np.maximum(longest - stretch, 1) * stretch
    off: Mask = np.abs(now - mean) > _margin(np.minimum(now, mean), spread)
    return off & (2 * stretch <= longest)


def has_changed(total: Floats, stretch: int, length: Rows, spread: Floats) -> Mask:
    """Mask of the loads that had more in the last `stretch` bins than in any such stretch before, or less."""
    counts = total[:, 2 * stretch :] - total[:, stretch:-stretch]
    inside = np.arange(2 * stretch, BINS + 1) <= length[:, None]
    now = total[:, stretch]
    most = np.where(inside, counts, -np.inf).max(axis=1)
    least = np.where(inside, counts, np.inf).min(axis=1)
    changed: Mask = (now > most + _margin(most, spread)) | (now < least - _margin(least, spread))
    return changed


def _margin(count: Floats, spread: Floats) -> Floats:
    """By how much two counts like this one differ at the most, if one and the same load has both."""
    margin: Floats = 2 + CHANGE_SIGMAS * np.sqrt(2 * spread * np.maximum(count, 1.0))
    return margin


def distance(total: Floats, length: Rows, seconds: Floats | float) -> Floats:
    """The greatest distance of these bins' counts from an even load, beyond the 1 of counting whole connections."""
    bins, ends = np.arange(BINS + 1), np.broadcast_to(seconds, len(total)) * STEPS
    count = count_in(total, length)[:, None]
    line = bins / ends[:, None]
    np.minimum(line, 1.0, out=line)
    line *= count
    off = np.subtract(total, line, out=line)
    np.abs(off, out=off)
    if (length < BINS).any():
        off *= bins <= length[:, None]
    farther: Floats = np.maximum(off.max(axis=1, initial=0.0) - 1.0, 0.0)
    return farther
