"""Peak hold: the highest pressure that each destination has had in this run."""

import numpy as np

from twtop.analysis.destinations import Names
from twtop.model import Floats

MOST = 1 << 14
"""Destinations that are remembered besides those of the last dump; those gone longest are forgotten first."""


class PeakHold:
    """Sorted columns over the names of `Destinations.names`, which outlive a destination that goes and comes back."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._names: Names = np.empty(0, np.uint64)
        self._peak: Floats = np.empty(0)
        self._seen = np.empty(0, np.int64)
        self._dumps = 0

    def __len__(self) -> int:
        return len(self._names)

    def hold(self, names: Names, pressure: Floats) -> Floats:
        """The highest pressure of each of these up to now; NaN where it was never known."""
        self._dumps += 1
        present, places = np.unique(names, return_inverse=True)
        peak = np.full(len(present), np.nan)
        np.fmax.at(peak, places, pressure)
        at = np.searchsorted(self._names, present)
        known = np.append(self._names, np.uint64(0))[at] == present
        known &= at < len(self._names)
        peak[known] = np.fmax(peak[known], self._peak[at[known]])
        self._keep(at[known], present, peak)
        return peak[places]

    def _keep(self, replaced: np.ndarray, present: Names, peak: Floats) -> None:
        gone = np.ones(len(self._names), np.bool_)
        gone[replaced] = False
        rows = np.flatnonzero(gone)
        rows = rows[np.argsort(-self._seen[rows], kind="stable")[: self._most]]
        names = np.concatenate((self._names[rows], present))
        order = np.argsort(names)
        self._names = names[order]
        self._peak = np.concatenate((self._peak[rows], peak))[order]
        self._seen = np.concatenate((self._seen[rows], np.full(len(present), self._dumps)))[order]
