"""How many TIME_WAIT of each group are how old: a look-up says in which step an age is, so one pass tells."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import distinct
from twtop.model import TIMEWAIT_MS, Codes, Counts, Rows

AGES = TIMEWAIT_MS + 2
"""0 to TIMEWAIT_MS, and one more for ages that are unknown: −1 is an index from the end."""


class Steps(NamedTuple):
    """Each step ends before one of the ascending `edges` (ms), and begins where the one ahead of it ends. `of_age`
    (AGES,) is the step of each age; the next number after the last step stands for ages beyond, and for unknown ones.
    """

    edges: NDArray[np.intp]
    of_age: NDArray[np.uint16]


def steps(edges_ms: Iterable[float]) -> Steps:
    """The steps with these edges, in any order.

    >>> steps((5000, 1000)).of_age[[0, 999, 1000, 4999, 5000, -1]].tolist()
    [0, 0, 1, 1, 2, 2]
    """
    edges = distinct(np.clip(np.ceil([*edges_ms]), 0, AGES - 1).astype(np.intp))
    of_age = np.repeat(np.arange(len(edges) + 1, dtype=np.uint16), np.diff(edges, prepend=0, append=AGES))
    return Steps(edges, of_age)


class Ages:
    """How old the TIME_WAIT of each group are, counted by steps."""

    def __init__(self, group: Rows | None, age_ms: Codes, size: int, by: Steps) -> None:
        """`group` is that of each TIME_WAIT, −1 for none, and `age_ms` its age, −1 for unknown; these count nowhere.
        If there is but one group, it may be None."""
        width, step = len(by.edges) + 1, by.of_age.take(age_ms)
        if group is None:
            counts = np.bincount(step, minlength=width).reshape(1, width)
        else:
            cell = (group + 1) * width
            cell += step
            counts = np.bincount(cell, minlength=(size + 1) * width).reshape(-1, width)[1:]
        self._by = by
        self._counts = np.cumsum(counts, axis=1, out=counts)

    def younger(self, than_ms: float) -> Counts:
        """How many of each group are younger than this, which is an edge of the steps: (groups,).

        >>> ages = Ages(np.array([1, 1, 0, -1]), np.array([500, 1500, -1, 0], np.int32), 2, steps((1000, 5000)))
        >>> ages.younger(1000).tolist(), ages.younger(5000).tolist()
        ([0, 1], [0, 2])
        """
        return self.up_to([than_ms])[:, 0]

    def up_to(self, edges_ms: Sequence[float] | NDArray[np.intp]) -> Counts:
        """The same for each of these edges: (groups, edges). Raises LookupError for an age that is none."""
        if edges_ms is self._by.edges:
            return self._counts[:, :-1]
        wanted = np.minimum(np.ceil(edges_ms), AGES - 1)
        at = np.searchsorted(self._by.edges[:-1], wanted)
        if not np.array_equal(self._by.edges[at], wanted):
            raise LookupError(f"of {edges_ms} ms not all are edges of the steps")
        found: Counts = self._counts[:, at]
        return found

    def between(self, edges_ms: Sequence[float] | NDArray[np.intp]) -> Counts:
        """How many of each group are younger than each of these ascending edges of the steps, and no younger than the
        one ahead of it: (groups, edges)."""
        return np.diff(self.up_to(edges_ms), axis=1, prepend=0)

    def tells(self, by: Steps) -> bool:
        """Whether the edges of these steps are edges here."""
        at = np.searchsorted(self._by.edges[:-1], by.edges)
        return by is self._by or np.array_equal(self._by.edges[at], by.edges)
