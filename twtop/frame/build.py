"""Analysis, view and history → Frame."""

import numpy as np

from twtop.analysis.analysis import Analysis
from twtop.analysis.forecast import Minute
from twtop.dump.timer_wheel import MINUTE_S, carried, rate
from twtop.filter.query import Everything, Query, TimingTest, has_test
from twtop.frame.by_state import STATES, count_by_state
from twtop.frame.frame import Frame, StateRows, TimeWait
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.model import Counts, Floats, Owners, Snapshot, TcpState
from twtop.verdicts.verdict import Evidence
from twtop.verdicts.verdicts import verdicts


def build_frame(history: History, analysis: Analysis, view: View, owners: Owners, every_s: float) -> Frame:
    """Build a Frame. Call `history.advance` with the snapshot of the analysis first.

    Several views of one analysis may be built in turn. `every_s` is how many seconds lie between two dumps.
    """
    history.watch(view.query)
    snapshot = analysis.snapshot
    applied = history.applied(analysis, view, owners)
    rates, (entered, left) = history.rates(), history.churn.per_s()
    times, series = _counted(history, analysis)
    base = history.base(analysis, view, owners, series[-1])
    total = matching = _time_wait(
        snapshot, times, series, Minute() if snapshot.part else analysis.minute, entered, left, snapshot.age_s
    )
    if not isinstance(view.query, Everything):
        times, series = history.states(view.query, snapshot.dumped, applied.count)
        matching = _time_wait(snapshot, times, series, applied.minute, None, None, _carried_s(view.query, snapshot))
    return Frame(
        tick=history.number,
        view=view,
        analysis=analysis,
        owners=owners,
        groups=applied.groups,
        states=_states(times, series),
        total=total,
        matching=matching,
        rates=rates.per_s,
        verdicts=verdicts(Evidence(analysis, rates, owners)),
        shown=applied.shown,
        drill=applied.drill,
        port_map=applied.port_map,
        cpu=history.cpu(),
        every_s=every_s,
        base=base,
    )


def _counted(history: History, analysis: Analysis) -> tuple[np.ndarray, Counts]:
    """(times (ticks,), counts by state (ticks, 12)) of all sockets.

    TIME_WAIT counts those of the dump and, by sockstat, those that were added since. Where only a part of the sockets
    was read, only the present number of TIME_WAIT is known.
    """
    snapshot = analysis.snapshot
    count = count_by_state(snapshot.sockets)
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
    minute: Minute,
    entered_per_s: float | None,
    left_per_s: float | None,
    age_s: float,
) -> TimeWait:
    """`minute` is by the timers at the time of the dump. It is carried on by `age_s` seconds."""
    now_per_s = rate(minute.entered) if entered_per_s is None else entered_per_s
    count = int(series[-1, TcpState.TIME_WAIT])
    return TimeWait(
        count=count,
        entered_per_s=now_per_s,
        left_per_s=left_per_s,
        entered=carried(minute.entered, age_s, now_per_s),
        releases=carried(minute.releases, age_s, now_per_s),
        forecast=None if minute.forecast is None else _forecast(count, minute.forecast, int(age_s)),
        times=times - snapshot.mono,
        counts=series[:, TcpState.TIME_WAIT],
    )


def _carried_s(query: Query, snapshot: Snapshot) -> float:
    """How far to carry on what the timers of a filter's sockets tell.

    Not at all where the filter tests times: which sockets it would keep by now is unknown.
    """
    return 0.0 if has_test(query, TimingTest) else snapshot.age_s


def _forecast(count: int, earlier: Floats, age_s: int) -> Floats:
    """The counts of the next 60 s: (60,), from the present count and a forecast (61,) that was made `age_s` ago.

    The forecast is shifted so that it begins with the present count. Beyond its end the count stays the same, because
    entries then balance releases.

    >>> _forecast(12, np.array([9.0, 11.0, *[14.0] * 59]), age_s=1)[[0, 59]].tolist()
    [15.0, 15.0]
    """
    at = np.minimum(age_s + np.arange(MINUTE_S + 1), MINUTE_S)
    counts: Floats = np.maximum(count + earlier[at[1:]] - earlier[at[0]], 0.0)
    return counts
