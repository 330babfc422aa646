"""Who holds sockets that are gone before a search can find them: the processes whose descriptors come and go.

A connection of 5 ms has ended long before a walk over /proc comes to its process. But a process that opens 150 of them
per second has one open most of the time, and its descriptors change all the time. So the few processes for which that
is so are read again and again, while the kernel is asked for its live sockets. What stands in both answers was seen:
this process held that socket.
"""

import os
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twtop.model import Inodes, Process
from twtop.processes.fd_search import all_pids, descriptor_count, process_name, socket_inodes
from twtop.processes.inode_map import Holders, holders
from twtop.records import dataclass

LOOK_S, PAUSE_S = 0.001, 0.002
"""CPU seconds of one look, and the pause between two. A connection of 5 ms is then seen at least once."""

WATCH_S = 0.03
"""CPU seconds of all looks while the kernel answers once."""

MOST_LIKELY = 64
"""How many processes are read before any other."""

CHANGED, MET, FADING = 1.0, 100.0, 0.9
"""What it weighs that the descriptors of a process have changed, what it weighs that it was met, and what is left of
that at the next glimpse."""

COUNTING = 0.05
"""The share of one CPU that may go into counting descriptors, while the kernel answers."""

READING = 20
"""To open a process's directory takes as long as to read so many descriptors."""

FAVOUR = 0.05
"""A process that is so much less worth reading than the best one is left out."""

MOST_DESCRIPTORS = 4096
"""Processes with more are not read: that takes 10 ms. Connections that stay are found by the search."""

REMEMBERED_S = 2.0
"""Seconds for which the sockets of a process are remembered, at least."""


@dataclass(slots=True)
class Suspect:
    """A process by its name when it was first suspected: it may end before it is met."""

    name: str
    weight: float = 0.0


class Suspects:
    """Remembers which sockets the likeliest processes have held lately.

    `clock` returns the time and `cpu` the CPU time that the calling thread has taken, both in seconds.
    """

    def __init__(
        self,
        proc: str = "/proc",
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._proc, self._clock, self._cpu = proc, clock, cpu
        self._begun = clock()
        self._sizes: dict[int, int] = {}  # pid → number of descriptors
        self._sums: dict[int, int] = {}  # pid → sum of its sockets' inodes
        self._likely: dict[int, Suspect] = {}  # by pid
        self._turn = 0  # the last pid that was read in turn
        self._count_at = self._begun
        self._own = os.getpid()  # twtop opens descriptors all the time, but no connections
        self._seen: dict[int, int] = {}  # inode → pid
        self._before: dict[int, int] = {}  # the same of the time before

    @contextmanager
    def watched(self) -> Iterator[Callable[[], float]]:
        """Look before the body runs, and in a thread of its own again and again until it is over.

        Gives a function that tells the CPU seconds of that thread, once the body is over.
        """
        over, spent = threading.Event(), [0.0]

        def watch() -> None:
            start = self._cpu()
            while not over.wait(PAUSE_S):
                self.look()
                if self._cpu() - start > WATCH_S:
                    over.wait()
            self.look()
            spent[0] = self._cpu() - start

        self._forget()
        self.look()
        watching = threading.Thread(target=watch, name="glimpse", daemon=True)
        watching.start()
        try:
            yield lambda: spent[0]
        finally:
            over.set()
            watching.join()

    def look(self) -> None:
        """Read the sockets of the likeliest processes, then of all in turn, each for about LOOK_S."""
        self._notice_changes()
        self._read_likely()
        pids = tuple(self._sizes)
        end, turn = self._cpu() + LOOK_S, bisect_right(pids, self._turn)
        for self._turn in (*pids[turn:], *pids[:turn]):
            self._read(self._turn)
            if self._cpu() >= end:
                return

    def met(self, inodes: Inodes) -> Holders:
        """Who was seen to hold these sockets lately. Whoever was is likely to be met again."""
        found: list[tuple[int, Process]] = []
        for inode in inodes.tolist():
            pid = self._seen.get(inode) or self._before.get(inode)
            if pid is not None:
                name = self._suspect(pid, MET).name
                found.append((inode, Process(pid, process_name(pid, self._proc) or name)))
        return holders(found)

    def _forget(self) -> None:
        """Forget sockets of long ago, and trust what was noticed a bit less."""
        for suspect in self._likely.values():
            suspect.weight *= FADING
        self._sums = {pid: inodes for pid, inodes in self._sums.items() if pid in self._sizes}
        if self._clock() - self._begun > REMEMBERED_S:
            self._seen, self._before, self._begun = {}, self._seen, self._clock()

    def _notice_changes(self) -> None:
        """Suspect the processes that are new, or have another number of descriptors than when they were counted last.

        Does nothing while that would take more than COUNTING of one CPU.
        """
        now, begun = self._clock(), self._cpu()
        if now < self._count_at:
            return
        before = self._sizes
        pids = (pid for pid in all_pids(self._proc) if pid != self._own)
        self._sizes = {pid: descriptor_count(pid, self._proc) for pid in pids}
        for pid, size in self._sizes.items():
            if before and size != before.get(pid):
                self._suspect(pid, CHANGED)
        self._likely = dict(sorted(self._likely.items(), key=self._worth, reverse=True)[:MOST_LIKELY])
        self._count_at = now + (self._cpu() - begun) / COUNTING

    def _worth(self, suspect: tuple[int, Suspect]) -> float:
        """How likely a process is to be met, for the time that it takes to read it."""
        pid, weight = suspect[0], suspect[1].weight
        return weight / (READING + self._sizes[pid]) if pid in self._sizes else 0.0

    def _suspect(self, pid: int, weight: float) -> Suspect:
        suspect = self._likely.get(pid) or Suspect(process_name(pid, self._proc))
        suspect.weight += weight
        self._likely[pid] = suspect
        return suspect

    def _read_likely(self) -> None:
        end = self._cpu() + LOOK_S
        worth = [self._worth(each) for each in self._likely.items()]
        for pid, each in zip(tuple(self._likely), worth, strict=True):
            if self._cpu() >= end or each <= FAVOUR * worth[0]:
                return
            self._read(pid)

    def _read(self, pid: int) -> None:
        if self._sizes.get(pid, 0) > MOST_DESCRIPTORS:
            return
        sockets = socket_inodes(f"{self._proc}/{pid}/fd")
        before, self._sums[pid] = self._sums.get(pid), sum(sockets)
        if before not in (None, self._sums[pid]):
            self._suspect(pid, CHANGED)
        for inode in sockets:
            self._seen[inode] = min(pid, self._seen.get(inode, pid))
