"""What a run remembers from tick to tick: counts by state, the last counters, churn, and the baseline."""

from collections.abc import Mapping

import numpy as np

from twtop.analysis.analysis import Analysis
from twtop.filter.query import Everything, Query
from twtop.frame.apply_view import AppliedView, apply_view
from twtop.frame.baseline import Baseline
from twtop.frame.by_state import STATES
from twtop.frame.churn import Churn
from twtop.frame.frame import Base
from twtop.frame.view import View
from twtop.model import Counts, Owners, Snapshot
from twtop.records import dataclass
from twtop.verdicts.verdict import CounterRates

TICKS = 240
"""How far back the timeline goes, in ticks: four minutes at one per second."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What is kept of an earlier snapshot: its time, twtop's CPU time so far, and its counters."""

    mono: float
    cpu: float
    counters: Mapping[str, int]


class StateSeries:
    """Sockets by state at the last TICKS ticks. What was given out stays as it is."""

    def __init__(self) -> None:
        self._times, self._counts, self._end = np.empty(0), np.empty((0, STATES), np.int64), 0

    def add(self, mono: float, count: Counts) -> None:
        """Append the counts (12,) of a tick, unless it is known."""
        if self._end and self._times[self._end - 1] >= mono:
            return
        if self._end == len(self._times):
            times, counts = self.so_far()
            self._times, self._end = np.append(times, np.empty(TICKS)), len(times)
            self._counts = np.append(counts, np.empty((TICKS, STATES), np.int64), axis=0)
        self._times[self._end], self._counts[self._end] = mono, count
        self._end += 1

    def so_far(self) -> tuple[np.ndarray, Counts]:
        """(times (ticks,), counts by state (ticks, 12)), oldest first."""
        last = slice(max(0, self._end - TICKS), self._end)
        return self._times[last], self._counts[last]


class History:
    """Key figures of the last snapshots. Each filter has counts of its own, which begin when it is first used."""

    def __init__(self) -> None:
        self.number = 0
        self.latest: Tick | None = None
        self.previous: Tick | None = None
        self.churn = Churn()
        self._states: dict[Query, StateSeries] = {}
        self._applied: AppliedView | None = None
        self._baseline: Baseline | None = None

    def advance(self, snapshot: Snapshot) -> None:
        """Take note of a snapshot before a frame is built from it. One with the same counters is not a new one."""
        if self.latest is not None and snapshot.counters is self.latest.counters:
            return
        self.number += 1
        self.previous = self.latest
        self.latest = Tick(snapshot.mono, snapshot.cpu, snapshot.counters)
        self.churn.advance(snapshot)

    def watch(self, query: Query) -> None:
        """Keep the counts of this filter and of all sockets; forget those of any other filter."""
        for gone in self._states.keys() - {query, Everything()}:
            del self._states[gone]

    def states(self, query: Query, mono: float, count: Counts) -> tuple[np.ndarray, Counts]:
        """(times (ticks,), counts by state (ticks, 12)) of a filter's sockets up to now, oldest first."""
        series = self._states.setdefault(query, StateSeries())
        series.add(mono, count)
        return series.so_far()

    def applied(self, analysis: Analysis, view: View, owners: Owners) -> AppliedView:
        """What the view picks; the same object as the last time where nothing has changed."""
        self._applied = apply_view(analysis, view, owners, self._applied)
        return self._applied

    def base(self, analysis: Analysis, view: View, owners: Owners, count: Counts) -> Base | None:
        """The counts at the baseline; None where there is none or it is unknown.

        A baseline is set now if the view has one and this history has none yet. `count` (12,) are all sockets by state.
        """
        if not view.baseline:
            self._baseline = None
            return None
        if self._baseline is None:
            self._baseline = Baseline(analysis, owners, view.query, count)
        return self._baseline.under(view)

    def rates(self) -> CounterRates:
        """The rate of each counter since the snapshot before; None where there is none, or where a counter fell."""
        now, before, growth = self.latest, self.previous, self.churn.growth_per_s()
        if now is None:
            return CounterRates({}, growth)
        if before is None or now.mono <= before.mono:
            return CounterRates(dict.fromkeys(now.counters), growth)
        span = now.mono - before.mono
        per_s = {
            name: (value - before.counters[name]) / span if value >= before.counters.get(name, value + 1) else None
            for name, value in now.counters.items()
        }
        return CounterRates(per_s, growth)

    def cpu(self) -> float | None:
        """This process's share of one CPU between the last two snapshots; None for unknown."""
        now, before = self.latest, self.previous
        if now is None or before is None or now.mono <= before.mono:
            return None
        return (now.cpu - before.cpu) / (now.mono - before.mono)
