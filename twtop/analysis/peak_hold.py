"""The highest pressure that each destination has had in this run."""

import numpy as np

from twtop.arrays import among, distinct
from twtop.dump.destinations import Names
from twtop.model import Floats, Rows

MOST = 1 << 14
"""How many destinations are remembered beside those of the last dump. Those gone longest are forgotten first."""


class PeakHold:
    """Peaks by the name of a destination (Destinations.names). A destination that comes back has the same name."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._names: Names = np.empty(0, np.uint64)  # in ascending order
        self._peak: Floats = np.empty(0)
        self._seen = np.empty(0, np.int64)
        self._dumps = 0
        self._last: Names = self._names
        self._rows: Rows = np.empty(0, np.intp)  # of those names

    def __len__(self) -> int:
        return len(self._names)

    def hold(self, names: Names, pressure: Floats) -> Floats:
        """Take note of the pressure of these destinations. The highest of each up to now, NaN where none is known."""
        self._dumps += 1
        if names is not self._last:
            self._keep(distinct(names))
            self._last, self._rows = names, np.searchsorted(self._names, names)
        np.fmax.at(self._peak, self._rows, pressure)
        self._seen[self._rows] = self._dumps
        return self._peak[self._rows]

    def _keep(self, present: Names) -> None:
        """Make room for these names, which are in ascending order, and forget what is too much."""
        known = among(present, self._names)
        gone = np.flatnonzero(~among(self._names, present))
        gone = gone[np.argsort(-self._seen[gone], kind="stable")[: self._most]]
        kept = np.sort(np.append(gone, np.searchsorted(self._names, present[known])))
        new = np.count_nonzero(~known)
        names = np.append(self._names[kept], present[~known])
        order = np.argsort(names)
        self._names = names[order]
        self._peak = np.append(self._peak[kept], np.full(new, np.nan))[order]
        self._seen = np.append(self._seen[kept], np.zeros(new, np.int64))[order]
