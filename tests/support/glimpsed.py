"""Suspects who are met at a test's word."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twtop.model import Inodes, Process
from twtop.processes.inode_map import Holders, holders
from twtop.processes.suspects import Suspects


class Crowd(Suspects):
    """Suspects of whom those are met who hold these inodes. Watching them takes `cost_s` of a CPU."""

    def __init__(self, holding: dict[int, Process] | None = None) -> None:
        self.holding = holding or {}
        self.cost_s = 0.0

    @contextmanager
    def watched(self) -> Iterator[Callable[[], float]]:
        yield lambda: self.cost_s

    def met(self, inodes: Inodes) -> Holders:
        return holders((inode, self.holding[inode]) for inode in inodes.tolist() if inode in self.holding)
