"""The highest pressure that each destination has had in this run."""

import numpy as np

from twtop.dump.destinations import Names
from twtop.model import Floats, Rows

MOST = 1 << 14
"""How many destinations are remembered beside those of the last dump. Those gone longest are forgotten first."""


class PeakHold:
    """Peaks by the name of a destination (Destinations.names). A destination that comes back has the same name."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._names: Names = np.empty(0, np.uint64)
        self._peak: Floats = np.empty(0)
        self._seen = np.empty(0, np.int64)
        self._dumps = 0

    def __len__(self) -> int:
        return len(self._names)

    def hold(self, names: Names, pressure: Floats) -> Floats:
        """Take note of the pressure of these destinations. The highest of each up to now, NaN where none is known."""
        self._dumps += 1
        present, index = np.unique(names, return_inverse=True)
        peak = np.full(len(present), np.nan)
        np.fmax.at(peak, index, pressure)
        at = np.searchsorted(self._names, present)
        known = np.append(self._names, np.uint64(0))[at] == present
        known &= at < len(self._names)
        peak[known] = np.fmax(peak[known], self._peak[at[known]])
        self._keep(at[known], present, peak)
        return peak[index]

    def _keep(self, replaced: Rows, present: Names, peak: Floats) -> None:
        """Put these peaks in, sorted by name; `replaced` are the rows that have had some of the names."""
        gone = np.ones(len(self._names), np.bool_)
        gone[replaced] = False
        rows = np.flatnonzero(gone)
        rows = rows[np.argsort(-self._seen[rows], kind="stable")[: self._most]]
        names = np.concatenate((self._names[rows], present))
        order = np.argsort(names)
        self._names = names[order]
        self._peak = np.concatenate((self._peak[rows], peak))[order]
        self._seen = np.concatenate((self._seen[rows], np.full(len(present), self._dumps)))[order]
