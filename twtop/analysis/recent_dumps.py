"""Summaries of the dumps of the last seconds, for the next dump to compare itself with."""

from collections import deque
from dataclasses import dataclass, fields

import numpy as np

from twtop.analysis.destinations import Names
from twtop.model import Floats, freeze

LONG_S = 10
"""Summaries reach back at least this far."""

LASTING_S = 12
"""A TIME_WAIT with more time left than this is still there LONG_S later, unless it ended early."""


@dataclass(frozen=True, slots=True, eq=False)
class DumpSummary:
    """Counts of one dump by budget, sorted by name: (budgets,).

    `live` counts connections that are not in TIME_WAIT, `used` all sockets in the budget, `running` the TIME_WAIT with
    time left, and `lasting` those with more than LASTING_S left. Of the budget that an address has for all destinations
    only `live` is known; its other counts are 0. `held` counts all timewait objects, closed FIN_WAIT2 included. `mono`
    is when the dump was read, in seconds of the monotonic clock.
    """

    mono: float
    held: int
    names: Names
    live: Floats
    used: Floats
    running: Floats
    lasting: Floats

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self)[2:]))

    def of(self, column: Floats, names: Names) -> Floats:
        """The entries of a column for the budgets with these names; 0 for one that this dump did not have."""
        if not len(self.names):
            return np.zeros(len(names))
        at = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return np.where(self.names[at] == names, column[at], 0.0)


class RecentDumps:
    """Keeps the summaries of the last seconds."""

    def __init__(self) -> None:
        self._kept: deque[DumpSummary] = deque()

    def before(self, mono: float) -> tuple[DumpSummary, ...]:
        """The summaries of the LONG_S before `mono`, and the last one before those; oldest first."""
        while len(self._kept) > 1 and self._kept[1].mono <= mono - LONG_S:
            self._kept.popleft()
        return tuple(summary for summary in self._kept if summary.mono < mono)

    def keep(self, summary: DumpSummary) -> None:
        """Remember the newest dump."""
        self._kept.append(summary)
