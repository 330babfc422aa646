"""Owners and holders of sockets as a test describes them, and as a test compares them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from twtop.engine.glimpses import Glimpses, Wanted
from twtop.model import Inodes, Owners, Process, Sockets
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, Holders, holders

ByInode = Mapping[int, Process]
"""Socket inode → process."""


def owned(sockets: Sockets, by_inode: ByInode | None = None) -> Owners:
    """The owners in the first dump of a run."""
    return OwnerTracker().assign(sockets, holders((by_inode or {}).items()))


Owner = str | None
"""The owner of one socket: "wrk 20" if it was seen, "wrk?" if it was inferred, None if it is unknown."""


def owner_of_each(owners: Owners) -> list[Owner]:
    """The owner of each socket."""
    names = [(process.name, f"{process.name} {process.pid}") for process in owners.processes]
    rows = zip(owners.process.tolist(), owners.inferred.tolist(), strict=True)
    return [None if code < 0 else f"{names[code][0]}?" if inferred else names[code][1] for code, inferred in rows]


def by_inode(known: Holders) -> dict[int, Process]:
    """The holders that are known, by inode."""
    return {int(inode): known.processes[code] for inode, code in zip(known.inode, known.process, strict=True)}


class InstantSearch(Search):
    """A search that finds at once, and at no cost, all that `by_inode` has at that moment.

    `hidden` are inodes whose holders may not be read.
    """

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


class NoGlimpses(Glimpses):
    """None is ever due: a script of samples has no other answers."""

    def due_in_s(self, wanted: Wanted, spare: float) -> None:  # noqa: ARG002
        return None
