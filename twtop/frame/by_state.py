"""Sockets counted by TCP state. Nearly all are in TIME_WAIT, so that only the others are looked at."""

import numpy as np
from numpy.typing import NDArray

from twtop.model import Counts, Mask, Rows, Sockets, TcpState

STATES = 12
"""The number of columns of a table by state. A TcpState is its column's index; column 0 stays empty."""


def by_state(count: Counts, row: Rows, state: NDArray[np.uint8]) -> Counts:
    """A row for each `count` (rows,) of sockets: (rows, 12).

    `row` and `state` are those of each socket that is not in TIME_WAIT.

    >>> by_state(np.array([3, 1]), np.array([0, 0]), np.array([1, 10], np.uint8)).tolist()
    [[0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]]
    """
    states = np.bincount(row * STATES + state, minlength=len(count) * STATES).reshape(-1, STATES)
    states[:, TcpState.TIME_WAIT] = count - np.bincount(row, minlength=len(count))
    return states


def count_by_state(sockets: Sockets, shown: Mask | None = None) -> Counts:
    """All of these sockets, or the shown ones: (12,)."""
    others = ~sockets.is_time_wait
    if shown is not None:
        others &= shown
    state = sockets.state.take(np.flatnonzero(others))
    count = np.bincount(state, minlength=STATES)
    count[TcpState.TIME_WAIT] = (len(sockets) if shown is None else np.count_nonzero(shown)) - len(state)
    return count
