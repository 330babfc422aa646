"""The drill-down: single 4-tuples of the chosen group, with their timers."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np

from twtop import text
from twtop.frame import Frame, SocketSort
from twtop.groups import Key, label
from twtop.model import TIMEWAIT_MS, Process, TcpState, Timer
from twtop.report import sockets_csv
from twtop.ui.columns import Column
from twtop.ui.lines import Line, Tone, aligned, width_of
from twtop.ui.widgets.table import Table

TIMER_LABELS = {Timer.RETRANSMIT: "retransmit", Timer.KEEPALIVE: "keepalive", Timer.PROBE: "probe"}
INFERRED = " (inferred)"
BAR = 10


@dataclass(frozen=True, slots=True)
class SocketRow:
    """One socket: a row of the frame's table."""

    frame: Frame
    index: int

    @property
    def left_ms(self) -> int:
        return int(self.frame.snapshot.times_ms(np.array([self.index]))[0][0])

    @property
    def age_ms(self) -> int:
        return int(self.frame.snapshot.times_ms(np.array([self.index]))[1][0])

    @property
    def process(self) -> Process | None:
        """Who holds the socket or held it, as far as that is known."""
        owners = self.frame.owners
        code = int(owners.process[self.index])
        return None if code < 0 else owners.processes[code]

    @property
    def held(self) -> bool:
        """Whether a descriptor leads to it."""
        return bool(self.frame.snapshot.sockets.inode[self.index])

    @property
    def inferred(self) -> bool:
        return bool(self.frame.owners.inferred[self.index])

    @property
    def state(self) -> TcpState:
        return TcpState(self.frame.snapshot.sockets.state[self.index])

    @property
    def timer(self) -> int:
        return int(self.frame.snapshot.sockets.timer[self.index])

    def endpoint(self, local: bool) -> str:
        sockets = self.frame.snapshot.sockets
        code, port = (sockets.local, sockets.lport) if local else (sockets.remote, sockets.rport)
        return text.endpoint(sockets.addresses.integer(code[self.index]), int(port[self.index]))


class SocketRows:
    """The drilled sockets of a frame in their order."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __len__(self) -> int:
        return len(self._frame.drill)

    def row(self, index: int) -> SocketRow:
        return SocketRow(self._frame, int(self._frame.drill[index]))

    def key(self, index: int) -> Hashable:
        sockets, row = self._frame.snapshot.sockets, int(self._frame.drill[index])
        ends = (sockets.addresses.integer(code[row]) for code in (sockets.local, sockets.remote))
        return (*ends, int(sockets.lport[row]), int(sockets.rport[row]))

    def find(self, key: Hashable) -> int | None:
        if not isinstance(key, tuple):
            return None
        sockets, rows = self._frame.snapshot.sockets, self._frame.drill
        local, remote, lport, rport = key
        same = (sockets.lport[rows] == lport) & (sockets.rport[rows] == rport)
        candidates = np.flatnonzero(same)
        wanted = (local, remote, lport, rport)
        return next((int(i) for i in candidates if self.key(int(i)) == wanted), None)


def _local(row: SocketRow, _width: int) -> Line:
    return ((row.endpoint(local=True), Tone.PLAIN),)


def _remote(row: SocketRow, _width: int) -> Line:
    return ((row.endpoint(local=False), Tone.PLAIN),)


def _state(row: SocketRow, _width: int) -> Line:
    return ((row.state.name, Tone.TIME_WAIT if row.state is TcpState.TIME_WAIT else Tone.LIVE),)


def _remaining(row: SocketRow, width: int) -> Line:
    if row.left_ms < 0:
        return ((text.UNKNOWN, Tone.DIM),)
    figure = text.seconds(row.left_ms / 1000)
    if row.timer != Timer.TIMEWAIT:
        return ((f"{TIMER_LABELS.get(Timer(row.timer), 'timer')} ", Tone.DIM), (figure, Tone.PLAIN))
    if width < BAR + 8:
        return ((figure, Tone.PLAIN),)
    filled = min(BAR, -(-row.left_ms * BAR // TIMEWAIT_MS))
    return (("▓" * filled, Tone.TIME_WAIT), ("░" * (BAR - filled), Tone.FREE), (f" {figure:>7}", Tone.PLAIN))


def _age(row: SocketRow, _width: int) -> Line:
    age = row.age_ms
    return ((text.seconds(age / 1000) if age >= 0 else text.UNKNOWN, Tone.PLAIN if age >= 0 else Tone.DIM),)


def _process(row: SocketRow, width: int) -> Line:
    """The name gives way to what stands behind it: the pid, or that there is none to be sure of."""
    if (process := row.process) is None:
        return ((text.UNKNOWN, Tone.DIM),)
    name: Line = ((text.printable(process.name), Tone.PLAIN),)
    behind = f" {process.pid}"
    if row.inferred:
        behind = INFERRED if width_of(name) + len(INFERRED) <= width else "?"
    return (*aligned(name, min(width_of(name), width - len(behind))), (behind, Tone.DIM))


REMAINING = Column[SocketRow]("remaining", "REMAINING", 18, _remaining, "Time left on the timer", priority=9,
    most=20, sort=SocketSort.REMAINING)  # fmt: skip
SOCKET_COLUMNS = (
    Column[SocketRow]("local", "LOCAL", 17, _local, "Local address and port", most=30, right=False, priority=10,
        sort=SocketSort.LOCAL),
    Column[SocketRow]("remote", "REMOTE", 17, _remote, "Remote address and port", most=30, right=False, priority=10,
        sort=SocketSort.REMOTE),
    Column[SocketRow]("state", "STATE", 11, _state, "TCP state", right=False, priority=8, sort=SocketSort.STATE),
    REMAINING,
    Column[SocketRow]("age", "AGE", 7, _age, "Time since TIME_WAIT was entered", priority=6, sort=SocketSort.AGE),
    Column[SocketRow]("process", "PROCESS", 11, _process,
        "Who holds the socket, or held it; without a pid or with ? it is inferred from other sockets", most=26,
        right=False, priority=4, sort=SocketSort.PROCESS),
)  # fmt: skip


class SocketsTable(Table[SocketRow]):
    """The sockets that the frame's view drills into."""

    def __init__(self) -> None:
        super().__init__(SOCKET_COLUMNS, "none left", id="sockets")
        self.sorted_by = REMAINING
        self._drill: Key | None = None

    def show_frame(self, frame: Frame) -> None:
        """Draw the drilled sockets of this frame."""
        if frame.view.drill != self._drill:
            self.rewind()
        self._drill = frame.view.drill
        if frame.view.drill is None:
            return
        by = frame.view.socket_sort
        self.order_by(next(column for column in SOCKET_COLUMNS if column.sort is by), frame.view.reverse)
        order = "soonest first" if by is SocketSort.REMAINING and not self.reverse else f"by {by}"
        count, change = len(frame.drill), ""
        if frame.base is not None:
            change = f" ({text.signed(float(count - frame.base.states(frame.view.drill).sum()))})"
        self.entitle(f"{label(frame.view.drill)} ── {text.count(count)} sockets{change} ── {order}")
        self.show(SocketRows(frame))

    def csv(self, frame: Frame) -> Callable[[], str]:
        """The frame's drilled sockets in their order, once they are asked for."""
        return partial(sockets_csv, frame, frame.drill)
