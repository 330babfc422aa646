"""View → Frame: what a user asks to see, and the one immutable answer from which every view draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.bind_first import BindFirst
from twtop.analysis.kernel_costs import Memory
from twtop.analysis.port_map import PortMap
from twtop.analysis.verdicts import Verdict
from twtop.filter.query import Everything
from twtop.frame.groups import Groups
from twtop.frame.view import Key, View
from twtop.model import Counts, Floats, Mask, Owners, Rows, Snapshot, freeze

MOST_KNOWN = 4096
"""Rows whose counts at the baseline are kept: more than a screen shows."""


@dataclass(frozen=True, slots=True, eq=False)
class StateRows:
    """Sockets by state, filtered: `count` (12,), `change_per_s` (12,) with NaN for unknown, `series` (ticks, 12)."""

    count: Counts
    change_per_s: NDArray[np.float64]
    series: Counts

    def __post_init__(self) -> None:
        freeze(self.count, self.change_per_s, self.series)


@dataclass(frozen=True, slots=True, eq=False)
class TimeWait:
    """TIME_WAIT of some sockets: `entered`, `releases` and `forecast` (60,), `times` and `counts` (ticks,).

    `times` are seconds before the frame (≤ 0); `forecast` is the count at the end of each second to come; these three
    are None where timers are unknown. Rates are per second, None when unknown: TIME_WAIT that begin, and those whose
    minute is over or that end before, as flow.Flow tells.
    """

    count: int
    entered_per_s: float | None
    left_per_s: float | None
    entered: Counts | None
    releases: Counts | None
    forecast: NDArray[np.float64] | None
    times: NDArray[np.float64]
    counts: Counts

    def __post_init__(self) -> None:
        freeze(*(getattr(self, f.name) for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)))


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Counts at an earlier `time`, under this frame's filter and grouping: by state (12,) `total` of all sockets and
    `count` of those that the filter keeps."""

    time: float
    total: Counts
    count: Counts
    groups: Groups
    _known: dict[Key, Counts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self.total, self.count)

    def states(self, key: Key) -> Counts:
        """What a group or destination had then, by state (12,)."""
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self.groups.counts(key)
        return self._known[key]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """All that a view needs. `total` is the namespace's TIME_WAIT, `matching` that of the filter.

    `peak` is the highest pressure of each destination in this run. `bind_first` is None where the range is unknown.
    `shown` masks the sockets that the filter keeps. `drill` are rows of sockets in the order asked for, `port_map` that
    of the most pressed outbound destination among them, or without a drill among those that the filter keeps.
    `rates` are of the counters, per second, None on the first tick; `cpu` is twtop's own share of one CPU since the
    last tick; the sockets are read anew `every_s` seconds. `base` is None while there is no baseline.
    """

    tick: int
    view: View
    snapshot: Snapshot
    owners: Owners
    groups: Groups
    peak: Floats
    bind_first: BindFirst | None
    states: StateRows
    total: TimeWait
    matching: TimeWait
    memory: Memory
    rates: Mapping[str, float | None]
    verdicts: tuple[Verdict, ...]
    shown: Mask
    drill: Rows
    port_map: PortMap | None
    cpu: float | None
    every_s: float
    base: Base | None

    def __post_init__(self) -> None:
        freeze(self.peak, self.shown, self.drill)

    @property
    def all_filtered_out(self) -> bool:
        """Whether there are connections, or may be, of which the filter keeps none."""
        there_are = bool(len(self.groups.destinations)) or self.snapshot.part
        return there_are and not len(self.groups) and not isinstance(self.view.query, Everything)
