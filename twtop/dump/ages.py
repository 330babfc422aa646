"""How many TIME_WAIT of each group are how old: a look-up says in which step an age is, so one pass tells."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twtop.dump.timer_wheel import Wheel
from twtop.model import TIMEWAIT_MS, Codes, Counts, Rows

AGES = TIMEWAIT_MS + 2
"""0 to TIMEWAIT_MS, and one more for ages that are unknown: −1 is an index from the end."""


class Steps(NamedTuple):
    """`of_age` (AGES,) is the step of each age in ms, and there are so many. The next number stands for ages in none of
    them."""

    of_age: NDArray[np.uint8]
    number: int


def below(edges_ms: Sequence[float]) -> Steps:
    """The steps that end before these ages, of which each begins where the one ahead of it ends.

    >>> below((1000, 5000)).of_age[[0, 999, 1000, 4999, 5000, -1]].tolist()
    [0, 0, 1, 1, 2, 2]
    """
    of_age = np.full(AGES, np.uint8(len(edges_ms)))
    for step, edge in reversed([*enumerate(edges_ms)]):
        of_age[: max(0, int(np.ceil(min(edge, AGES - 1))))] = step
    return Steps(of_age, len(edges_ms))


def released_at(wheel: Wheel) -> Steps:
    """The moves of the wheel, by the age of the TIME_WAIT that each releases."""
    moves = wheel.move(np.arange(TIMEWAIT_MS, -1, -1, dtype=np.int32))
    count = int(moves[0]) + 1
    return Steps(np.append(moves, count).astype(np.uint8), count)


SECONDS = below(range(1000, TIMEWAIT_MS + 1, 1000))


def count_by_age(group: Rows, age_ms: Codes, size: int, steps: Steps) -> Counts:
    """How many of each of so many groups are in each step: (size, steps).

    `group` is that of each TIME_WAIT, −1 for none, and `age_ms` its age, −1 for unknown; these count nowhere.

    >>> count_by_age(np.array([1, 1, 0, -1]), np.array([500, 1500, -1, 0], np.int32), 2, below((1000, 5000))).tolist()
    [[0, 0], [1, 1]]
    """
    width = steps.number + 1
    cell = (group + 1) * width
    cell += steps.of_age.take(age_ms)
    return np.bincount(cell, minlength=(size + 1) * width).reshape(-1, width)[1:, :-1]
