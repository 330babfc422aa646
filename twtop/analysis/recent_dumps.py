"""What the dumps of the last seconds left behind, for the next one to compare with."""

from collections import deque
from dataclasses import dataclass, fields

import numpy as np

from twtop.analysis.destinations import Destinations, Names
from twtop.model import Floats, Snapshot, Timer, freeze

LONG_S = 10
"""How far back it goes at least."""

LASTING_S = 12
"""A TIME_WAIT with more time left than this is still there in a dump a long span later, unless it ended early."""


@dataclass(frozen=True, slots=True, eq=False)
class DumpSummary:
    """One dump's figures per destination, sorted by name: connections not in TIME_WAIT (`live`), all that count in a
    budget (`used`), TIME_WAIT with time left (`running`) and with more than LASTING_S left. Budgets that an address
    has for all destinations have only `live`. `held` are all timewait objects, FIN_WAIT2 too."""

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
        """A column of this trace for these destinations; 0 for one that did not exist."""
        if not len(self.names):
            return np.zeros(len(names))
        at = np.minimum(np.searchsorted(self.names, names), len(self.names) - 1)
        return np.where(self.names[at] == names, column[at], 0.0)


def summarize_dump(
    snapshot: Snapshot,
    destinations: Destinations,
    used: Floats,
    time_wait: Floats,
    shared: tuple[Names, Floats] | None = None,
) -> DumpSummary:
    """Of a dump whose destinations have so many sockets in their budgets, and so many TIME_WAIT among them; `shared`
    are names and connections of budgets beside those."""
    sockets = snapshot.sockets
    names, live = destinations.names(sockets.addresses), used - time_wait
    if shared is not None:
        names, live = np.append(names, shared[0]), np.append(live, shared[1])
    order = np.argsort(names)

    def each(column: Floats) -> Floats:
        return np.append(column, np.zeros(len(names) - len(column)))[order]

    def with_more_than(left_ms: int) -> Floats:
        rows = sockets.is_time_wait & (sockets.timer_ms > left_ms)
        return each(np.bincount(destinations.code[rows], minlength=len(destinations)).astype(np.float64))

    return DumpSummary(
        mono=snapshot.dumped,
        held=int(np.count_nonzero(sockets.timer == Timer.TIMEWAIT)),
        names=names[order],
        live=live[order],
        used=each(used),
        running=with_more_than(0),
        lasting=with_more_than(LASTING_S * 1000),
    )


class RecentDumps:
    """What the dumps of the last seconds left."""

    def __init__(self) -> None:
        self._kept: deque[DumpSummary] = deque()

    def before(self, mono: float) -> tuple[DumpSummary, ...]:
        """Oldest first: of the last seconds before `mono`, and the last one before those."""
        while len(self._kept) > 1 and self._kept[1].mono <= mono - LONG_S:
            self._kept.popleft()
        return tuple(each for each in self._kept if each.mono < mono)

    def keep(self, summarize_dump: DumpSummary) -> None:
        self._kept.append(summarize_dump)
