"""Rows of the peers table: one, as the screen formats it, and many in numpy columns, as reports need them."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from twtop.frame.frame import Frame
from twtop.frame.groups import Groups
from twtop.frame.row_failures import Failed, RowFailures, of_groups, of_leaves
from twtop.frame.view import Key
from twtop.model import Counts, Rows

Number = TypeVar("Number", bound=np.generic)


class PeerRow(NamedTuple):
    """One visible row: a group, or with `leaf` one of its destinations. `expanded` is whether those stand below it."""

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
        """Sockets by state (12,)."""
        row: Counts = self.groups.states[self.group] if self.leaf is None else self.groups.leaf_states[self.leaf]
        return row

    @property
    def entered(self) -> Counts:
        """TIME_WAIT entries of the last minute (20,), oldest first."""
        row: Counts = self.groups.entered[self.group] if self.leaf is None else self.groups.leaf_entered[self.leaf]
        return row

    @property
    def failed(self) -> Failed:
        """The failed connects of all its destinations."""
        return self.frame.failures.row(self.group) if self.leaf is None else self.frame.leaf_failures.row(self.leaf)


class ManyPeers(NamedTuple):
    """Many rows: `destination` (n,) is the one that each row's figures are about, `states` (n, 12) and `entered`
    (n, 20) count its sockets, and `key_of` names the group or leaf with a number of `numbers` (n,). `failures_of` finds
    the failed connects of all groups or leaves, by these numbers."""

    groups: Groups
    destination: Rows
    states: Counts
    entered: Counts
    numbers: Rows
    key_of: Callable[[int], Key]
    failures_of: Callable[[Groups], RowFailures]

    @classmethod
    def of_groups(cls, groups: Groups, order: Rows) -> "ManyPeers":
        """These groups, each with its worst destination."""
        return cls(
            groups, groups.worst[order], groups.states[order], groups.entered[order], order, groups.key, of_groups
        )

    @classmethod
    def of_leaves(cls, groups: Groups, leaves: Rows) -> "ManyPeers":
        """These leaves, each with its own destination."""
        destination, states, entered = groups.destination, groups.leaf_states, groups.leaf_entered
        own = states[leaves], entered[leaves], leaves
        return cls(groups, destination[leaves], *own, groups.leaf_key, of_leaves)

    @classmethod
    def of_row(cls, row: PeerRow) -> "ManyPeers":
        """The one row, as many."""
        if row.leaf is None:
            return cls.of_groups(row.groups, np.array([row.group]))
        return cls.of_leaves(row.groups, np.array([row.leaf]))

    @property
    def keys(self) -> list[Key]:
        return [self.key_of(number) for number in self.numbers.tolist()]

    @property
    def failed(self) -> list[Failed]:
        """The failed connects of each row."""
        found = self.failures_of(self.groups)
        return [found.row(number) for number in self.numbers.tolist()]

    @property
    def direction(self) -> NDArray[np.uint8]:
        return self.groups.destinations.direction[self.destination]

    def each(self, column: NDArray[Number]) -> NDArray[Number]:
        """A column of destinations, as it is for each row."""
        return column[self.destination]
