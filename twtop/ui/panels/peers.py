"""The peers table: a row a group, its destinations below it when expanded."""

from collections.abc import Callable, Hashable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from twtop.budgets.shared_failures import worst_shared
from twtop.columns.column import Column
from twtop.columns.failed import FAILED
from twtop.columns.peer_rows import PeerRow
from twtop.columns.peers import PEERS, title_of
from twtop.frame.frame import Frame
from twtop.frame.groups import Groups
from twtop.frame.sorting import ordered
from twtop.frame.view import GroupBy, GroupSort, Key
from twtop.model import Rows
from twtop.records import dataclass
from twtop.report.csv_rows import peer_line, peers_csv
from twtop.ui.kit.table import Table

DESTINATION = 27
"""Cells for ` 10.0.0.5:443 from 10.0.0.1`."""

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


def _without_rows(frame: Frame) -> str:
    if not frame.all_filtered_out:
        return NO_CONNECTIONS
    return NO_MATCH if frame.view.drill is None else NO_MATCH_DRILLED


class PeersTable(Table[PeerRow]):
    """Peers of a Frame, sorted by pressure until the user wants otherwise."""

    def __init__(self, sort: GroupSort) -> None:
        super().__init__(PEERS.columns(), "", id="peers")
        self.sorted_by = PEERS.sorted_by(sort)
        self.expanded: frozenset[Key] = frozenset()
        self._frame: Frame | None = None
        self._filter = ""

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's groups."""
        before, self._frame = self._frame, frame
        if before is None or before.view.group_by is not frame.view.group_by:
            self.rearrange()
        self.show_columns(PEERS.columns(frame))
        self._entitle()
        told, self.empty = self.empty, _without_rows(frame)
        if before is None or told != self.empty or not _looks_like(before, frame):
            self._arrange()

    def title_of(self, column: Column[PeerRow]) -> str:
        """The first column is headed by what the rows are grouped by."""
        return column.title if self._frame is None else title_of(column, self._frame.view.group_by)

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
        """What the rows are, the column that they are sorted by where it is out of sight, and the filter.

        Behind them stands what fails at an address where nobody knows to which destination.
        """
        parts, failing = [], ""
        if self._frame is not None:
            groups = self._frame.groups
            parts.append(PLURALS[groups.by])
            if (by := self.sorted_by) is not None and not self.is_visible(by):
                parts.append(f"by {by.title.split(' (')[0]}{self.arrow}")
            if told := worst_shared(groups.destinations, groups.budgets, groups.addresses):
                failing = f"{FAILED} {told}"
        if self._filter:
            parts.append(f"filter: {self._filter}")
        self.entitle(" ── ".join(parts), *parts[:1], alarm=failing)

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
        return "" if (row := self.selected) is None else peer_line(row)

    def csv(self, frame: Frame) -> Callable[[], str]:
        """The frame's groups as the table sorts them, once they are asked for."""
        return partial(peers_csv, frame, self._order(frame.groups))

    def _order(self, groups: Groups) -> Rows:
        by = self.sorted_by.sort if self.sorted_by else None
        return ordered(groups, by if isinstance(by, GroupSort) else GroupSort.PORTS, self.reverse)

    def _arrange(self) -> None:
        if self._frame is not None:
            self.show(PeerRows(self._frame, self._order(self._frame.groups), self.expanded))
