"""The drill-down: single 4-tuples of the chosen group, with their timers."""

from collections.abc import Callable, Hashable
from functools import partial

import numpy as np

from twtop import formatting as fmt
from twtop.columns.failed import FAILED, phrase
from twtop.columns.socket_rows import SocketRow
from twtop.columns.sockets import SOCKETS
from twtop.filter.query import Everything
from twtop.frame.frame import Frame
from twtop.frame.groups import members
from twtop.frame.row_failures import of_destinations
from twtop.frame.view import GroupBy, Key, SocketSort, label
from twtop.model import Direction
from twtop.records import dataclass
from twtop.report.csv_rows import socket_line, sockets_csv
from twtop.sanitize import printable
from twtop.ui.kit.table import NoRows, Table

NONE_LEFT, NO_MATCH = "none left", "no socket matches the filter: Esc twice clears it"


@dataclass(frozen=True, slots=True)
class SocketKey:
    """A socket by its identity. One that `lives` leaves a TIME_WAIT of another identity, with the same ends."""

    identity: int
    ends: tuple[int, int, int, int]
    lives: bool


class SocketRows:
    """The drilled sockets of a frame in their order."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def __len__(self) -> int:
        return len(self._frame.drill)

    def row(self, index: int) -> SocketRow:
        return SocketRow(self._frame, int(self._frame.drill[index]))

    def key(self, index: int) -> SocketKey:
        sockets, row = self._frame.snapshot.sockets, int(self._frame.drill[index])
        local, remote = (sockets.addresses.integer(code[row]) for code in (sockets.local, sockets.remote))
        return SocketKey(
            identity=int(sockets.identity[row]),
            ends=(local, remote, int(sockets.lport[row]), int(sockets.rport[row])),
            lives=not sockets.is_timewait_object[row],
        )

    def find(self, key: Hashable) -> int | None:
        if not isinstance(key, SocketKey):
            return None
        sockets, rows = self._frame.snapshot.sockets, self._frame.drill
        same = np.flatnonzero(sockets.identity[rows] == key.identity)
        if len(same):
            return int(same[0])
        *_, lport, rport = key.ends
        left = sockets.is_timewait_object[rows] & (sockets.lport[rows] == lport) & (sockets.rport[rows] == rport)
        candidates = np.flatnonzero(left) if key.lives else ()
        return next((int(at) for at in candidates if self.key(int(at)).ends == key.ends), None)


def whose(key: Key) -> str:
    """The row of the peers table, whatever that is grouped by now.

    >>> whose(Key(Direction.OUTBOUND, port=443)), whose(Key(process="nginx"))
    ('Outbound service :443', 'Process nginx')
    """
    if key.remote is None:
        kind = GroupBy.PROCESS if key.port is None else GroupBy.SERVICE
    elif key.local is not None:
        kind = GroupBy.DESTINATION
    else:
        kind = GroupBy.PREFIX if key.bits < 128 else GroupBy.PEER
    if kind is GroupBy.DESTINATION:  # the label tells the direction, but not who of several processes
        holder = "" if key.process is None else f" of {printable(key.process) or 'unknown process'}"
        return f"Destination {label(key)}{holder}"
    direction = {Direction.OUTBOUND: "outbound ", Direction.INBOUND: "inbound "}.get(key.direction or Direction.UNKNOWN)
    return f"{direction or ''}{kind} ".capitalize() + label(key)


def _filtered_out(frame: Frame, drill: Key) -> bool:
    """Whether there are sockets of this group, or may be, of which the filter keeps none."""
    if isinstance(frame.view.query, Everything):
        return False
    return frame.snapshot.part or bool(members(frame.snapshot, frame.groups.destinations, frame.owners, drill).any())


def _titles(frame: Frame) -> tuple[str, ...]:
    """Whose sockets these are, how many, how old, and in which order; then the same in fewer words."""
    assert frame.view.drill is not None
    view, count, change = frame.view, len(frame.drill), ""
    if frame.base is not None:
        change = f" ({fmt.signed(float(count - frame.base.states(frame.view.drill).sum()))})"
    soonest = view.socket_sort is SocketSort.REMAINING and not view.reverse
    order = "soonest first" if soonest else f"by {view.socket_sort}{'↑' * view.reverse}"
    old = f", {fmt.seconds(frame.snapshot.age_s)} old" if frame.snapshot.age_s else ""
    who, many = whose(frame.view.drill), f"{fmt.count(count)} socket{'s' * (count != 1)}{change}{old}"
    return f"{who} ── {many} ── {order}", f"{who} ── {many}", who, many


def _failing(frame: Frame) -> str:
    """The failed connects of all destinations that the single sockets have; empty for none and for unknown."""
    analysis, failures = frame.analysis, frame.analysis.reading.failures
    if failures is None or not failures.last_60s:
        return ""
    chosen = np.flatnonzero(np.bincount(analysis.destinations.code[frame.drill]))  # all of them are connections
    failed = of_destinations(analysis.destinations, analysis.budgets, chosen).row(0)
    return f"{FAILED} {told}" if (told := phrase(failed, frame.groups)) else ""


class SocketsTable(Table[SocketRow]):
    """The sockets that the frame's view drills into."""

    def __init__(self) -> None:
        super().__init__(SOCKETS.columns(), NONE_LEFT, id="sockets")
        self.sorted_by = SOCKETS.sorted_by(SocketSort.REMAINING)
        self._drill: Key | None = None
        self._titles: tuple[str, ...] = ("",)
        self._failing = ""

    def show_frame(self, frame: Frame) -> None:
        """Draw the drilled sockets of this frame."""
        if frame.view.drill != self._drill:
            self.rewind()
        self._drill = frame.view.drill
        if frame.view.drill is None:
            self.rows = NoRows()  # nobody sees them, and they hold the frame that they were of
            return
        by = frame.view.socket_sort
        self.order_by(SOCKETS.sorted_by(by), frame.view.reverse)
        self._titles, self._failing = _titles(frame), _failing(frame)
        self._entitle()
        count = len(frame.drill)
        self.empty = NO_MATCH if not count and _filtered_out(frame, frame.view.drill) else NONE_LEFT
        self.show(SocketRows(frame))

    def on_resize(self) -> None:
        self._entitle()

    def _entitle(self) -> None:
        self.entitle(*self._titles, alarm=self._failing)

    def row_text(self) -> str:
        """The selected socket in plain values; empty without sockets."""
        return "" if (row := self.selected) is None else socket_line(row)

    def csv(self, frame: Frame) -> Callable[[], str]:
        """The frame's drilled sockets in their order, once they are asked for."""
        return partial(sockets_csv, frame, frame.drill)
