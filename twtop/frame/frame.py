"""The one immutable answer to a view, from which screen, text, JSON and CSV are drawn."""

from collections.abc import Mapping
from dataclasses import field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from twtop.analysis.analysis import Analysis
from twtop.filter.query import Everything
from twtop.frame.groups import Groups
from twtop.frame.port_map import PortMap
from twtop.frame.row_failures import RowFailures, of_groups, of_leaves
from twtop.frame.view import Key, View
from twtop.model import Counts, Mask, Owners, Rows, Snapshot
from twtop.records import dataclass, freeze, freeze_columns
from twtop.verdicts.verdict import Verdict

MOST_KNOWN = 4096
"""How many rows' counts at the baseline are kept. This is more than a screen shows."""


@dataclass(frozen=True, slots=True, eq=False)
class StateRows:
    """The sockets that the filter keeps, by state.

    `count` (12,) is the present number, `change_per_s` (12,) its change since the last tick, NaN for unknown, and
    `series` (ticks, 12) the numbers up to now, oldest first.
    """

    count: Counts
    change_per_s: NDArray[np.float64]
    series: Counts

    def __post_init__(self) -> None:
        freeze(self.count, self.change_per_s, self.series)


@dataclass(frozen=True, slots=True, eq=False)
class TimeWait:
    """The TIME_WAIT among some sockets.

    `entered` (60,) are the entries in each second of the last minute, oldest first. `releases` (60,) are the releases
    in each second of the next minute, soonest first. `forecast` (60,) is the count at the end of each of these seconds.
    All three are None where timers are unknown. `counts` (ticks,) are the counts at `times` (ticks,), in seconds from
    the frame (≤ 0). `entered_per_s` and `left_per_s` are how many begin and end per second (churn), None for unknown.
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
        freeze_columns(self)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """Counts at an earlier `time`, under the filter and grouping of this frame.

    `total` (12,) counts all sockets by state, and `count` (12,) those that the filter keeps.
    """

    time: float
    total: Counts
    count: Counts
    groups: Groups
    _known: dict[Key, Counts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self.total, self.count)

    def states(self, key: Key) -> Counts:
        """The sockets that a group or destination had then, by state: (12,)."""
        if key not in self._known:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[key] = self.groups.counts(key)
        return self._known[key]


@dataclass(frozen=True, eq=False)
class Frame:
    """All that a view draws. `total` are the TIME_WAIT of the network namespace, `matching` those of the filter.

    `shown` masks the sockets that the filter keeps. `drill` are the rows of the single sockets, in the order of the
    view. `port_map` is that of the most pressed outbound destination among the single sockets, or without a drill among
    the sockets that the filter keeps. `rates` are the changes of the counters per second, None for unknown. `cpu` is
    twtop's own share of one CPU since the last tick. `every_s` is how many seconds lie between two dumps. `base` is
    None while there is no baseline.
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
        """The sockets and counters from which this frame is built."""
        return self.analysis.snapshot

    @cached_property
    def failures(self) -> RowFailures:
        """The failed connects of each group, found when they are first asked for."""
        return of_groups(self.groups)

    @cached_property
    def leaf_failures(self) -> RowFailures:
        """Those of each leaf."""
        return of_leaves(self.groups)

    @property
    def all_filtered_out(self) -> bool:
        """Whether there are connections, or may be, and the filter keeps none of them."""
        any_connections = bool(len(self.groups.destinations)) or self.snapshot.part
        return any_connections and not len(self.groups) and not isinstance(self.view.query, Everything)
