"""The past of a run in ring buffers, and fold(): history + snapshot + view → Frame."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.bind_first import bind_first
from twtop.costs import memory
from twtop.destinations import Destinations, find_destinations
from twtop.frame import Frame, SocketSort, StateRows, TimeWait, View
from twtop.groups import STATES, Counts, group, members, process_names, urgency
from twtop.model import Direction, Mask, Owners, Rows, Snapshot, Sockets, TcpState
from twtop.port_space import PortSpace, port_space
from twtop.portmap import PortMap, port_map
from twtop.ports import Budgets, budgets
from twtop.query import Everything, Query, mask
from twtop.rates import LONG_S, Live
from twtop.timers import Wheel, entries, forecast, rate, releases, wheel
from twtop.verdicts import verdicts

TICKS = 240
"""How far back the timeline goes, in ticks: four minutes at one per second."""


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """What is kept of a past snapshot: its clock, its own cost and its counters."""

    mono: float
    cpu: float
    counters: Mapping[str, int]
    tw: int | None


class History:
    """The last snapshots' key figures. A filter has its own counts, which begin when it is first asked for."""

    def __init__(self) -> None:
        self.number = 0
        self.latest: Tick | None = None
        self.previous: Tick | None = None
        self._states: dict[Query, deque[tuple[float, Counts]]] = {}
        self._live: deque[Live] = deque()

    def advance(self, snapshot: Snapshot) -> None:
        """Take note of a new snapshot, before it is folded."""
        self.number += 1
        self.previous = self.latest
        self.latest = Tick(snapshot.mono, snapshot.cpu, snapshot.counters, snapshot.gauges.get("tw"))

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

    def live(self, mono: float) -> tuple[Live, ...]:
        """What the dumps before `mono` left, oldest first: of the last seconds, and the last one before those."""
        while len(self._live) > 1 and self._live[1].mono <= mono - LONG_S:
            self._live.popleft()
        return tuple(each for each in self._live if each.mono < mono)

    def leave(self, live: Live) -> None:
        """Keep what a dump leaves for the next ones."""
        if not self._live or self._live[-1].mono < live.mono:
            self._live.append(live)

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

    def flow(self) -> tuple[float | None, float | None]:
        """TIME_WAIT (entries, exits) per second by the kernel's counters; None before the second tick."""
        now, before, rates = self.latest, self.previous, self.rates()
        entered, killed = rates.get("TW"), rates.get("TWKilled")
        if now is None or before is None or entered is None:
            return None, None
        entered += killed or 0.0
        if now.tw is None or before.tw is None:
            return entered, None
        return entered, max(entered - (now.tw - before.tw) / (now.mono - before.mono), 0.0)

    def cpu(self) -> float | None:
        """This process's share of one CPU between the last two snapshots."""
        now, before = self.latest, self.previous
        if now is None or before is None or now.mono <= before.mono:
            return None
        return (now.cpu - before.cpu) / (now.mono - before.mono)


def fold(history: History, snapshot: Snapshot, view: View, owners: Owners) -> Frame:
    """The Frame of a snapshot that `history` has been advanced by; a second fold with another view is as good."""
    history.watch(view.query)
    sockets = snapshot.sockets
    space = port_space(snapshot.limits, sockets)
    places = find_destinations(sockets, space)
    clock = wheel(sockets.timer_ms[sockets.is_time_wait], snapshot.mono)
    budget = budgets(snapshot, space, places, clock, history.live(snapshot.mono))
    history.leave(budget.live(snapshot.mono, places.names(sockets.addresses)))
    binders = bind_first(sockets, space, places) if space else None
    shown = mask(view.query, sockets, places.per_socket(), owners)
    groups = group(snapshot, places, budget, shown, view.group_by, owners)
    states = _states(history, view.query, snapshot, shown)
    entered, left = history.flow()
    total = _time_wait(history, Everything(), snapshot, np.ones(len(sockets), np.bool_), clock, entered, left)
    everything = isinstance(view.query, Everything)
    held = memory(snapshot)
    rates = history.rates()
    growth = None if entered is None or left is None else entered - left
    drill = np.empty(0, np.intp)
    if view.drill:
        drill = _drill(sockets, owners, view, shown & members(snapshot, places, owners, view.drill))
    return Frame(
        tick=history.number,
        view=view,
        snapshot=snapshot,
        owners=owners,
        groups=groups,
        bind_first=binders,
        states=states,
        total=total,
        matching=total if everything else _time_wait(history, view.query, snapshot, shown, clock, None, None),
        memory=held,
        rates=rates,
        verdicts=verdicts(snapshot, places, budget, binders, held, rates, growth),
        shown=shown,
        drill=drill,
        port_map=_port_map(snapshot, space, places, budget, drill),
        cpu=history.cpu(),
    )


def _port_map(
    snapshot: Snapshot, space: PortSpace | None, places: Destinations, budget: Budgets, drill: Rows
) -> PortMap | None:
    chosen = np.zeros(len(places), np.bool_)
    chosen[places.code[drill]] = True
    chosen &= places.direction == Direction.OUTBOUND
    if space is None or not chosen.any():
        return None
    return port_map(snapshot, space, places, int(np.argmax(np.where(chosen, urgency(places, budget), -1.0))))


def _states(history: History, query: Query, snapshot: Snapshot, shown: Mask) -> StateRows:
    count = np.bincount(snapshot.sockets.state[shown], minlength=STATES)
    times, series = history.states(query, snapshot.mono, count)
    change = np.full(STATES, np.nan)
    if len(times) > 1:
        change = (series[-1] - series[-2]) / (times[-1] - times[-2])
    return StateRows(count, change, series)


def _time_wait(
    history: History,
    query: Query,
    snapshot: Snapshot,
    shown: Mask,
    clock: Wheel,
    entered_per_s: float | None,
    left_per_s: float | None,
) -> TimeWait:
    rows = snapshot.sockets.take(shown & snapshot.sockets.is_time_wait)
    count = np.bincount(snapshot.sockets.state[shown], minlength=STATES)
    times, series = history.states(query, snapshot.mono, count)
    entered, due = entries(rows.age_ms), releases(rows.timer_ms, clock)
    now_per_s = rate(entered) if entered_per_s is None else entered_per_s
    return TimeWait(
        count=len(rows),
        entered_per_s=now_per_s,
        left_per_s=left_per_s,
        entered=entered,
        releases=due,
        forecast=forecast(len(rows), due, now_per_s),
        times=times - snapshot.mono,
        counts=series[:, TcpState.TIME_WAIT],
    )


def _drill(sockets: Sockets, owners: Owners, view: View, chosen: Mask) -> Rows:
    rows = np.flatnonzero(chosen)
    keys = _socket_keys(sockets, owners, view.socket_sort)[rows].astype(np.float64)
    return rows[np.argsort(-keys if view.reverse else keys, kind="stable")]


def _socket_keys(sockets: Sockets, owners: Owners, by: SocketSort) -> NDArray[np.number]:
    """The smallest stands first; NaN is unknown and stands last, in reverse too."""
    match by:
        case SocketSort.REMAINING:
            return np.where(sockets.timer_ms < 0, np.nan, sockets.timer_ms)
        case SocketSort.AGE:
            return np.where(sockets.age_ms < 0, np.nan, sockets.age_ms)
        case SocketSort.LOCAL:
            return sockets.addresses.rank[sockets.local].astype(np.int64) << 16 | sockets.lport
        case SocketSort.REMOTE:
            return sockets.addresses.rank[sockets.remote].astype(np.int64) << 16 | sockets.rport
        case SocketSort.STATE:
            return sockets.state
        case SocketSort.PROCESS:
            name_of, names = process_names(owners)
            name = name_of[owners.process]
            return np.where(name == len(names) - 1, np.nan, name)
