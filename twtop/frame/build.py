"""History, analysis and view → Frame."""

import numpy as np

from twtop.analysis.analysis import Analysis
from twtop.analysis.timer_wheel import MINUTE_S, carried, rate
from twtop.analysis.verdicts import verdicts
from twtop.filter.query import Everything
from twtop.frame.frame import Frame, StateRows, TimeWait
from twtop.frame.groups import STATES
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.model import Counts, Floats, Owners, Snapshot, TcpState


def build_frame(history: History, analysis: Analysis, view: View, owners: Owners) -> Frame:
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
            analysis.destinations,
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
