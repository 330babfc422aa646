"""Who holds which socket, told and not searched for."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from twtop.arrays import Inodes
from twtop.model import Owners, Process, Sockets
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, holders

ByInode = Mapping[int, Process]
"""Socket inode → process."""


def owned(sockets: Sockets, by_inode: ByInode | None = None) -> Owners:
    """The owners in the first dump of a run."""
    return OwnerTracker().assign(sockets, holders((by_inode or {}).items()))


class Told(Search):
    """In place of a Search: finds all that `by_inode` holds at that moment, at once and for nothing.

    `hidden` are the inodes that it does not find."""

    def __init__(self, by_inode: ByInode, hidden: Iterable[int] = ()) -> None:
        self.holders = NOBODY
        self._is_over = True
        self._by_inode, self._hidden = by_inode, np.array([*hidden], np.uint32)

    @property
    def over(self) -> bool:
        return self._is_over

    @property
    def rested_at(self) -> float:
        return 0.0

    def want(self, inodes: Inodes) -> None:  # noqa: ARG002
        self._is_over = False

    def advance(self, cpu_s: float = 0.0) -> bool:  # noqa: ARG002
        self._is_over = True
        before = self.holders
        self.holders = replace(holders(self._by_inode.items()), hidden=self._hidden)
        return [*map(len, (before.inode, before.hidden))] != [*map(len, (self.holders.inode, self.holders.hidden))]
