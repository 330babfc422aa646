"""The one immutable answer to a view, from which screen, text, JSON and CSV are drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.analysis import Analysis
from twtop.analysis.verdicts import Verdict
from twtop.filter.query import Everything
from twtop.frame.groups import Groups
from twtop.frame.port_map import PortMap
from twtop.frame.view import Key, View
from twtop.model import Counts, Mask, Owners, Rows, Snapshot, freeze

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
    minute is over or that end before, as churn.Churn tells.
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
    """All that a view draws. `total` are the TIME_WAIT of the network namespace, `matching` those of the filter.

    `shown` masks the sockets that the filter keeps. `drill` are rows of sockets in the order asked for. `port_map` is
    that of the most pressed outbound destination among them; without a drill, among those that the filter keeps.
    `rates` are changes of the counters per second, None where unknown. `cpu` is twtop's own share of one CPU since the
    last tick. The sockets are read anew each `every_s` seconds. `base` is None while there is no baseline.
    """

    tick: int
    view: View
    analysis: Analysis
    owners: Owners
    groups: Groups
    states: StateRows
    total: TimeWait
    matching: TimeWait
    rates: Mapping[str, float | None]
    verdicts: tuple[Verdict, ...]
    shown: Mask
    drill: Rows
    port_map: PortMap | None
    cpu: float | None
    every_s: float
    base: Base | None

    def __post_init__(self) -> None:
        freeze(self.shown, self.drill)

    @property
    def snapshot(self) -> Snapshot:
        """The sockets and counters of which this is a frame."""
        return self.analysis.snapshot

    @property
    def all_filtered_out(self) -> bool:
        """Whether there are connections, or may be, of which the filter keeps none."""
        there_are = bool(len(self.groups.destinations)) or self.snapshot.part
        return there_are and not len(self.groups) and not isinstance(self.view.query, Everything)
