"""The past of a run in ring buffers, and fold(): history + analysis + view → Frame."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from twtop.analysis import Analysis
from twtop.baseline import Baseline
from twtop.flow import Flow
from twtop.frame import Base, Frame, StateRows, TimeWait, View
from twtop.groups import STATES
from twtop.model import Counts, Floats, Owners, Snapshot, TcpState
from twtop.query import Everything, Query
from twtop.selection import Selection, select
from twtop.timers import MINUTE_S, carried, rate
from twtop.verdicts import verdicts

TICKS = 240
"""How far back the timeline goes, in ticks: four minutes at one per second."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What is kept of a past snapshot: its clock, its own cost and its counters."""

    mono: float
    cpu: float
    counters: Mapping[str, int]


class History:
    """The last snapshots' key figures. A filter has its own counts, which begin when it is first asked for."""

    def __init__(self) -> None:
        self.number = 0
        self.latest: Tick | None = None
        self.previous: Tick | None = None
        self.flow = Flow()
        self._states: dict[Query, deque[tuple[float, Counts]]] = {}
        self._selection: Selection | None = None
        self._baseline: Baseline | None = None

    def advance(self, snapshot: Snapshot) -> None:
        """Take note of a new snapshot, before it is folded; not again of one with the same counters."""
        if self.latest is not None and snapshot.counters is self.latest.counters:
            return
        self.number += 1
        self.previous = self.latest
        self.latest = Tick(snapshot.mono, snapshot.cpu, snapshot.counters)
        self.flow.advance(snapshot)

    def watch(self, query: Query) -> None:
        """Keep the past of this filter, and of everything; forget any other's."""
        for gone in self._states.keys() - {query, Everything()}:
            del self._states[gone]

    def states(self, query: Query, mono: float, count: Counts) -> tuple[np.ndarray, Counts]:
        """(times, counts by state (ticks, 12)) of a filter's sockets up to now, oldest first."""
        ring = self._states.setdefault(query, deque(maxlen=TICKS))
        if not ring or ring[-1][0] < mono:
            ring.append((mono, count))
        return np.array([time for time, _ in ring]), np.array([counts for _, counts in ring])

    def selection(self, analysis: Analysis, view: View, owners: Owners) -> Selection:
        """What the view picks; the last answer once more where it still holds."""
        self._selection = select(analysis, view, owners, self._selection)
        return self._selection

    def base(self, analysis: Analysis, view: View, owners: Owners, count: Counts) -> Base | None:
        """The counts at the baseline, which is now if it is asked for and there is none yet; None where unknown."""
        if not view.baseline:
            self._baseline = None
            return None
        if self._baseline is None:
            self._baseline = Baseline(analysis, owners, count)
        return self._baseline.under(view)

    def rates(self) -> dict[str, float | None]:
        """Change per second of each counter since the snapshot before; None when there is none."""
        now, before = self.latest, self.previous
        if now is None:
            return {}
        if before is None or now.mono <= before.mono:
            return dict.fromkeys(now.counters)
        span = now.mono - before.mono
        return {
            name: (value - before.counters[name]) / span if value >= before.counters.get(name, value + 1) else None
            for name, value in now.counters.items()
        }

    def cpu(self) -> float | None:
        """This process's share of one CPU between the last two snapshots."""
        now, before = self.latest, self.previous
        if now is None or before is None or now.mono <= before.mono:
            return None
        return (now.cpu - before.cpu) / (now.mono - before.mono)


def fold(history: History, analysis: Analysis, view: View, owners: Owners) -> Frame:
    """The Frame of an analysis whose snapshot `history` has been advanced by; a second fold with another view is as
    good."""
    history.watch(view.query)
    snapshot = analysis.snapshot
    chosen = history.selection(analysis, view, owners)
    entered, left = history.flow.per_s()
    rates, growth = history.rates(), history.flow.growth_per_s()
    everything = isinstance(view.query, Everything)
    times, series = _counted(history, analysis)
    base = history.base(analysis, view, owners, series[-1])
    timers = (None, None, None) if snapshot.part else (analysis.entered, analysis.releases, analysis.ahead)
    total = matching = _time_wait(snapshot, times, series, *timers, entered, left)
    if not everything:
        times, series = history.states(view.query, snapshot.dumped, chosen.count)
        matching = _time_wait(snapshot, times, series, chosen.entered, chosen.releases, chosen.ahead, None, None)
    return Frame(
        tick=history.number,
        view=view,
        snapshot=snapshot,
        owners=owners,
        groups=chosen.groups,
        peak=analysis.peak,
        bind_first=analysis.binders,
        states=_states(times, series),
        total=total,
        matching=matching,
        memory=analysis.memory,
        rates=rates,
        verdicts=verdicts(
            snapshot,
            analysis.places,
            analysis.budget,
            analysis.binders,
            analysis.memory,
            analysis.unclosed,
            rates,
            growth,
        ),
        shown=chosen.shown,
        drill=chosen.drill,
        port_map=chosen.port_map,
        cpu=history.cpu(),
        every_s=analysis.every_s,
        base=base,
    )


def _counted(history: History, analysis: Analysis) -> tuple[np.ndarray, Counts]:
    """(times, counts by state (ticks, 12)) of all sockets, TIME_WAIT as sockstat has gone on counting.

    Of a part of the sockets nothing else than that is known, and only now.
    """
    snapshot = analysis.snapshot
    count = np.bincount(snapshot.sockets.state, minlength=STATES)
    if snapshot.part:
        count[TcpState.TIME_WAIT] = snapshot.gauges.get("tw", 0)
        return np.array([snapshot.mono]), count[None]
    count[TcpState.TIME_WAIT] = max(count[TcpState.TIME_WAIT] + analysis.grown, 0)
    return history.states(Everything(), snapshot.mono, count)


def _states(times: np.ndarray, series: Counts) -> StateRows:
    change = np.full(STATES, np.nan)
    if len(times) > 1:
        change = (series[-1] - series[-2]) / (times[-1] - times[-2])
    return StateRows(series[-1], change, series)


def _time_wait(
    snapshot: Snapshot,
    times: np.ndarray,
    series: Counts,
    entered: Counts | None,
    due: Counts | None,
    ahead: Floats | None,
    entered_per_s: float | None,
    left_per_s: float | None,
) -> TimeWait:
    """`entered`, `due` and `ahead` as things stood when the sockets were read."""
    now_per_s = rate(entered) if entered_per_s is None else entered_per_s
    count = int(series[-1, TcpState.TIME_WAIT])
    return TimeWait(
        count=count,
        entered_per_s=now_per_s,
        left_per_s=left_per_s,
        entered=carried(entered, snapshot.age_s, now_per_s),
        releases=carried(due, snapshot.age_s, now_per_s),
        forecast=None if ahead is None else _forecast(count, ahead, int(snapshot.age_s)),
        times=times - snapshot.mono,
        counts=series[:, TcpState.TIME_WAIT],
    )


def _forecast(count: int, ahead: Floats, age_s: int) -> Floats:
    """From the count of now on as `ahead` goes on from `age_s`; beyond its end nothing changes: what enters by then
    stands against what is released.

    >>> _forecast(12, np.array([9.0, 11.0, *[14.0] * 59]), age_s=1)[[0, 59]].tolist()
    [15.0, 15.0]
    """
    at = np.minimum(age_s + np.arange(MINUTE_S + 1), MINUTE_S)
    forecast: Floats = np.maximum(count + ahead[at[1:]] - ahead[at[0]], 0.0)
    return forecast
