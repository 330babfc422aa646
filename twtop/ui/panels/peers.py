"""The peers table: a row a group, its destinations below it when expanded."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from twtop import formatting as fmt
from twtop.analysis.verdicts import SOON_S, Level, ports_level
from twtop.columns.gauge import gauge
from twtop.columns.tones import SIGNS, Line, Span, Tone, width_of
from twtop.frame.frame import Frame
from twtop.frame.groups import SPARK_STEPS, Groups, has_timers
from twtop.frame.sorting import ordered
from twtop.frame.view import GroupBy, GroupSort, Key, label
from twtop.model import Counts, Direction, Rows, TcpState
from twtop.report.csv_rows import group_line, leaf_line, peers_csv
from twtop.ui.kit.columns import Column
from twtop.ui.kit.table import Table

DIRECTION_LABELS = {Direction.OUTBOUND: "out", Direction.INBOUND: "in", Direction.UNKNOWN: "?"}
DESTINATION = 27
"""Cells for ` 10.0.0.5:443 from 10.0.0.1`."""

PORT, FIGURES, SHARE = 6, 15, 8
"""Cells for `:65535`, ` 23,432/28,232 ` and ` ▲ 100 %`."""

LEVEL_TONES = {Level.CRITICAL: Tone.CRITICAL, Level.WARN: Tone.WARN}

NARROW_GAUGE, WIDEST_GAUGE = 8, 60

NO_CONNECTIONS, NO_MATCH = "no connections", "no connection matches the filter: Esc clears it"
NO_MATCH_DRILLED = NO_MATCH.replace("Esc", "Esc twice")
"""The first Esc closes the sockets."""

PLURALS = {
    GroupBy.PEER: "Peers",
    GroupBy.DESTINATION: "Destinations",
    GroupBy.SERVICE: "Services",
    GroupBy.PROCESS: "Processes",
    GroupBy.PREFIX: "Prefixes",
}


@dataclass(frozen=True, slots=True)
class PeerRow:
    """One visible row: a group, or with `leaf` one of its destinations."""

    frame: Frame
    group: int
    leaf: int | None
    expanded: bool

    @property
    def groups(self) -> Groups:
        return self.frame.groups

    @property
    def key(self) -> Key:
        return self.groups.key(self.group) if self.leaf is None else self.groups.leaf_key(self.leaf)

    @property
    def destination(self) -> int:
        """The destination that the figures of this row are about: its own, or the group's worst."""
        leaf = self.groups.first[self.group] if self.leaf is None else self.leaf
        return int(self.groups.destination[leaf])

    @property
    def states(self) -> Counts:
        row: Counts = self.groups.states[self.group] if self.leaf is None else self.groups.leaf_states[self.leaf]
        return row

    @property
    def entered(self) -> Counts:
        row: Counts = self.groups.entered[self.group] if self.leaf is None else self.groups.leaf_entered[self.leaf]
        return row


@dataclass(frozen=True, slots=True)
class RowKey:
    """A leaf of one group and the group itself may name the same sockets; they are different rows."""

    group: Key
    leaf: Key | None


class PeerRows:
    """Groups in sort order with the leaves of expanded ones between them; nothing is made before it is seen."""

    def __init__(self, frame: Frame, order: NDArray[np.intp], expanded: frozenset[Key]) -> None:
        self._frame = frame
        groups = self._groups = frame.groups
        self._order = order
        self._open = np.zeros(len(groups), np.bool_)
        for key in expanded:
            if (group := groups.find(key)) is not None:
                self._open[group] = True
        leaves = np.diff(groups.first)
        heights = np.where(self._open, 1 + leaves, 1)[order]
        self._ends = np.cumsum(heights)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def row(self, index: int) -> PeerRow:
        at = int(np.searchsorted(self._ends, index, side="right"))
        group = int(self._order[at])
        inside = index - (int(self._ends[at - 1]) if at else 0)
        leaf = int(self._groups.first[group]) + inside - 1 if inside else None
        return PeerRow(self._frame, group, leaf, bool(self._open[group]))

    def key(self, index: int) -> Hashable:
        row = self.row(index)
        return RowKey(self._groups.key(row.group), None if row.leaf is None else row.key)

    def find(self, key: Hashable) -> int | None:
        if not isinstance(key, RowKey) or (group := self._groups.find(key.group)) is None:
            return None
        at = int(np.flatnonzero(self._order == group)[0])
        start = int(self._ends[at - 1]) if at else 0
        if key.leaf is None or not self._open[group]:
            return start
        leaves = range(int(self._groups.first[group]), int(self._groups.first[group + 1]))
        return next((start + 1 + i for i, leaf in enumerate(leaves) if self._groups.leaf_key(leaf) == key.leaf), start)


def _looks_like(one: Frame, other: Frame) -> bool:
    """Whether the rows of two frames are the same, as when only another group is drilled into."""
    return one.groups is other.groups and one.analysis.peak is other.analysis.peak and one.base is other.base


def _name(row: PeerRow, _width: int) -> Line:
    if row.leaf is not None:
        return (("   " + _leaf_label(row.groups.leaf_key(row.leaf)), Tone.PLAIN),)
    several = row.groups.first[row.group + 1] - row.groups.first[row.group] > 1
    sign = "▾" if row.expanded else "▸" if several else " "
    return ((sign, Tone.DIM), (label(row.key), Tone.STRONG))


def _leaf_label(key: Key) -> str:
    remote = fmt.address(key.remote or 0)
    if key.direction is Direction.INBOUND:
        return f"{remote} to {fmt.endpoint(key.local or 0, key.port or 0)}"
    return f"{fmt.endpoint(key.remote or 0, key.port or 0)} from {fmt.address(key.local or 0)}"


def _direction(row: PeerRow, _width: int) -> Line:
    return ((DIRECTION_LABELS[Direction(row.groups.destinations.direction[row.destination])], Tone.DIM),)


def _time_wait(row: PeerRow, _width: int) -> Line:
    return ((fmt.count(row.states[TcpState.TIME_WAIT]), Tone.TIME_WAIT),)


def _other(row: PeerRow, _width: int) -> Line:
    return ((fmt.count(row.states.sum() - row.states[TcpState.TIME_WAIT]), Tone.PLAIN),)


def _change_of_time_wait(row: PeerRow, _width: int) -> Line:
    return _change(row, lambda states: states[TcpState.TIME_WAIT])


def _change_of_other(row: PeerRow, _width: int) -> Line:
    return _change(row, lambda states: states.sum() - states[TcpState.TIME_WAIT])


def _change(row: PeerRow, count: Callable[[Counts], int]) -> Line:
    if (base := row.frame.base) is None:
        return ()
    return ((fmt.signed(float(count(row.states) - count(base.states(row.key)))), Tone.KEY),)


def _ports(row: PeerRow, width: int) -> Line:
    """`:443 ▓▓▓▓│░░░ 1,438/7,233 △ 19 %`: the gauge takes the room that the words leave."""
    groups, destination = row.groups, row.destination
    budget, port = groups.budgets, f":{groups.destinations.port[destination]}"
    used, capacity = fmt.count(budget.used[destination]), fmt.count(budget.capacity[destination])
    if np.isnan(budget.capacity[destination]):
        return ((f"{port:>{PORT}} {used} used, budget unknown", Tone.DIM),)
    inbound = groups.destinations.direction[destination] == Direction.INBOUND
    pressure, full_in_s = float(budget.pressure[destination]), float(budget.full_in_s[destination])
    level = Level.OK if inbound else ports_level(pressure, bool(budget.past_cliff[destination]), full_in_s)
    tone, sign = LEVEL_TONES.get(level, Tone.PLAIN), f"{SIGNS[level]} " if level in LEVEL_TONES else ""
    words: list[Span] = [(f"{sign + fmt.percent(pressure):>{SHARE}}", tone)]
    if width >= PORT + NARROW_GAUGE + FIGURES + SHARE + 1:
        words.insert(0, (f" {used:>7}/{capacity:<6}", Tone.PLAIN))
    recyclable = f" {fmt.count(budget.time_wait[destination]):>6} recyclable"
    if width >= PORT + NARROW_GAUGE + FIGURES + SHARE + len(recyclable) + 1:  # room in every row: figures stay in line
        words.append((recyclable if inbound else " " * len(recyclable), Tone.DIM))
    room = min(width - PORT - 1 - width_of(tuple(words)), WIDEST_GAUGE)
    return (
        (f"{port:>{PORT}} ", Tone.DIM),
        *gauge(groups, destination, room, float(row.frame.analysis.peak[destination])),
        *words,
    )


def _new(row: PeerRow, _width: int) -> Line:
    return ((fmt.rate_on_point(row.groups.budgets.new_per_s[row.destination]), Tone.PLAIN),)


def _most(row: PeerRow, _width: int) -> Line:
    return ((fmt.rate_on_point(row.groups.budgets.max_per_s[row.destination]), Tone.DIM),)


def _full_in(row: PeerRow, _width: int) -> Line:
    full_in = float(row.groups.budgets.full_in_s[row.destination])
    tone = Tone.CRITICAL if full_in <= SOON_S else Tone.WARN if np.isfinite(full_in) else Tone.DIM
    return ((fmt.full_in(full_in), tone),)


def _spark(row: PeerRow, width: int) -> Line:
    if not has_timers(row.states, row.entered):
        return ((fmt.UNKNOWN, Tone.DIM),)
    steps = row.entered if width >= SPARK_STEPS else row.entered.reshape(SPARK_STEPS // 2, 2).sum(axis=1)
    return ((fmt.sparkline(steps.tolist(), len(steps)), Tone.TIME_WAIT),)


PRESSURE = Column[PeerRow](
    "ports", "PORTS (worst destination)", 39, _ports, "Local ports in use of those that connect() may pick",
    most=100, least=25, right=False, priority=9, sort=GroupSort.PORTS,
)  # fmt: skip
PEER_COLUMNS = (
    Column[PeerRow]("peer", "PEER", 16, _name, "Remote address, or what the table is grouped by",
        most=42, right=False, priority=10, sort=GroupSort.PEER),
    Column[PeerRow]("dir", "DIR", 4, _direction, "Who opened the connections: out is this box", least=3, right=False,
        priority=7, sort=GroupSort.DIRECTION),
    Column[PeerRow]("time_wait", "TIME_WAIT", 10, _time_wait, "Sockets in TIME_WAIT", priority=8,
        sort=GroupSort.TIME_WAIT),
    Column[PeerRow]("other", "OTHER", 7, _other, "Sockets in all other states", priority=3,
        sort=GroupSort.OTHER),
    PRESSURE,
    Column[PeerRow]("new", "NEW/s", 7, _new, "New connections per second", priority=5,
        sort=GroupSort.NEW),
    Column[PeerRow]("max", "MAX/s", 7, _most, "The rate that this budget can carry for ever", priority=2,
        sort=GroupSort.MAX),
    Column[PeerRow]("full_in", "FULL IN", 8, _full_in, "Until connect() fails, at this rate", priority=7,
        sort=GroupSort.FULL_IN),
    Column[PeerRow]("last", "LAST 60 s", 10, _spark, "Entries into TIME_WAIT in the last minute", most=20, right=False,
        priority=3, sort=GroupSort.LAST_MINUTE),
)  # fmt: skip

CHANGES = {
    "time_wait": Column[PeerRow]("time_wait_change", "CHANGE", 8, _change_of_time_wait,
        "TIME_WAIT more than at the baseline", priority=8),
    "other": Column[PeerRow]("other_change", "CHANGE", 8, _change_of_other,
        "Other sockets more than at the baseline", priority=3),
}  # fmt: skip
WITH_CHANGES = tuple(each for column in PEER_COLUMNS for each in (column, CHANGES.get(column.name)) if each is not None)
"""Beside each count its difference to the baseline."""


def _without_rows(frame: Frame) -> str:
    if not frame.all_filtered_out:
        return NO_CONNECTIONS
    return NO_MATCH if frame.view.drill is None else NO_MATCH_DRILLED


class PeersTable(Table[PeerRow]):
    """Peers of a Frame, sorted by pressure until the user wants otherwise."""

    def __init__(self, sort: GroupSort) -> None:
        super().__init__(PEER_COLUMNS, "", id="peers")
        self.sorted_by = next(column for column in PEER_COLUMNS if column.sort is sort)
        self.expanded: frozenset[Key] = frozenset()
        self._frame: Frame | None = None
        self._filter = ""

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's groups."""
        before, self._frame = self._frame, frame
        if before is None or before.view.group_by is not frame.view.group_by:
            self.rearrange()
        self.show_columns(PEER_COLUMNS if frame.base is None else WITH_CHANGES)
        self._entitle()
        told, self.empty = self.empty, _without_rows(frame)
        if before is None or told != self.empty or not _looks_like(before, frame):
            self._arrange()

    def title_of(self, column: Column[PeerRow]) -> str:
        """The first column is headed by what the rows are grouped by."""
        if self._frame is None or column.name != "peer":
            return column.title
        return self._frame.view.group_by.upper()

    def width_for(self, column: Column[PeerRow]) -> int:
        """A destination has two addresses."""
        wide = self._frame is not None and self._frame.view.group_by is GroupBy.DESTINATION and column.name == "peer"
        return DESTINATION if wide else column.width

    def show_filter(self, filter: str) -> None:
        """Name the filter in force beside the title; empty is none."""
        self._filter = filter
        self._entitle()

    def on_resize(self) -> None:
        self._entitle()

    def _entitle(self) -> None:
        """What the rows are, the column that they are sorted by where it is out of sight, and the filter."""
        parts = []
        if self._frame is not None:
            parts.append(PLURALS[self._frame.view.group_by])
            if (by := self.sorted_by) is not None and not self.is_visible(by):
                parts.append(f"by {by.title.split(' (')[0]}{self.arrow}")
        if self._filter:
            parts.append(f"filter: {self._filter}")
        self.entitle(" ── ".join(parts))

    def toggle(self) -> None:
        """Expand or fold the group under the cursor."""
        if (row := self.selected) is not None:
            self.expanded ^= {row.groups.key(row.group)}
            self._arrange()

    def sort_by(self, column: Column[PeerRow], reverse: bool) -> None:
        """Order the rows by a column, largest first unless reversed."""
        self.order_by(column, reverse)
        self._entitle()
        self._arrange()

    def row_text(self) -> str:
        """The selected row in plain values; empty without rows."""
        if (row := self.selected) is None:
            return ""
        return group_line(row.frame, row.group) if row.leaf is None else leaf_line(row.frame, row.leaf)

    def csv(self, frame: Frame) -> Callable[[], str]:
        """The frame's groups as the table sorts them, once they are asked for."""
        return partial(peers_csv, frame, self._order(frame.groups))

    def _order(self, groups: Groups) -> Rows:
        by = self.sorted_by.sort if self.sorted_by else None
        return ordered(groups, by if isinstance(by, GroupSort) else GroupSort.PORTS, self.reverse)

    def _arrange(self) -> None:
        if self._frame is not None:
            self.show(PeerRows(self._frame, self._order(self._frame.groups), self.expanded))
