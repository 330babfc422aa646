"""Who holds which socket: a search in /proc/PID/fd that reads no more than it must and takes a small share of one CPU.

It takes about 3 µs to read a descriptor, so a walk over all of a large machine takes most of a second. The search
proceeds in slices, and looks only for sockets whose holder is unknown. It reads processes that had such sockets before,
then those that are new or whose number of descriptors changed, then the others. It ends when every socket is found.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from twtop.arrays import among
from twtop.model import Inodes, Mask, Process
from twtop.processes.inode_map import NO_INODES, NOBODY, holders

EAGER = 64
"""How many of the processes that had new sockets lately are read before any other."""

AFRESH_S = 30
"""Seconds after which all sockets are searched for again, since one may have been handed to another process."""

SHARE, SAVED_S, SLICE_S = 0.035, 0.2, 0.02
"""The share of one CPU that the search may take, the CPU seconds that it may save up for a burst (together less than
5 % of any 20 s), and the CPU seconds of one slice."""


class Allowance:
    """CPU seconds that may be spent: a `share` of one CPU, of which at most `most` seconds are saved up."""

    def __init__(self, share: float, most: float, now: float) -> None:
        self._share, self._most = share, most
        self._left, self._at = most, now

    def spend(self, cpu_s: float, now: float) -> None:
        """Note that so much was spent by `now`, even if it is more than was left."""
        self._left = min(self._most, self._left + (now - self._at) * self._share) - cpu_s
        self._at = now

    @property
    def rested_at(self) -> float:
        """The time from which on something is left to spend."""
        return self._at - min(0.0, self._left) / self._share


class Search:
    """Finds who holds the wanted sockets. `holders` is what is found so far.

    `clock` returns the time and `cpu` the CPU time that this thread has taken, both in seconds.
    """

    def __init__(
        self,
        proc: str = "/proc",
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self.holders = NOBODY
        self._proc, self._clock, self._cpu = proc, clock, cpu
        self._allowance = Allowance(SHARE, SAVED_S, clock())
        self._wanted = NO_INODES
        self._missing: dict[int, int] = {}  # inode → number of walks that had begun when it was first wanted
        self._found: dict[int, Process] = {}
        self._walks = 0
        self._afresh_at = -1.0
        self._recent: dict[int, None] = {}  # pids that had missing sockets, the latest last
        self._sizes: dict[int, int] = {}  # pid → number of descriptors
        self._queue: deque[int] = deque()
        self._walk: deque[int] | None = None  # pids that are left of the walk under way

    @property
    def over(self) -> bool:
        """Whether nothing is left to find."""
        return not self._missing

    @property
    def rested_at(self) -> float:
        """The time from which on the search may proceed without taking more than its share of CPU time."""
        return self._allowance.rested_at

    def want(self, inodes: Inodes) -> None:
        """Search from now on for the holders of these sockets.

        Holders of the sockets that were wanted before stay known until the next call.
        """
        start, now = self._cpu(), self._clock()
        before, self._wanted = self._wanted, _distinct(inodes)
        known = self.holders
        kept = among(known.inode, self._wanted) | among(known.inode, before)
        hidden = known.hidden[among(known.hidden, self._wanted)]
        self.holders = replace(known, inode=known.inode[kept], process=known.process[kept], hidden=hidden)
        missing = self._wanted
        if now < self._afresh_at:
            missing = missing[~among(missing, known.inode) & ~among(missing, hidden)]
        else:
            self._afresh_at = now + AFRESH_S
        if self.over:
            self._walk = None
        self._missing = {inode: self._missing.get(inode, self._walks) for inode in missing.tolist()}
        self._queue = deque(sorted(self._recent))
        self._allowance.spend(self._cpu() - start, now)

    def advance(self, cpu_s: float = SLICE_S) -> bool:
        """Search for about so many CPU seconds, or until nothing is left to find. Returns whether `holders` changed."""
        start, before = self._cpu(), self.holders
        while self._missing and self._cpu() < start + cpu_s:
            if (pid := self._next()) is not None:
                self._read(pid)
        if self._found:
            self.holders = holders(self._found.items(), self.holders)
            self._found = {}
        self._allowance.spend(self._cpu() - start, self._clock())
        return self.holders is not before

    def finish(self) -> None:
        """Search until nothing is left to find."""
        while not self.over:
            self.advance(math.inf)

    def _next(self) -> int | None:
        """The pid to read next; None at the end of a walk, which gives up the sockets wanted before it began."""
        if self._queue:
            return self._queue.popleft()
        if self._walk is None:
            self._walk = self._begin_walk()
        if self._walk:
            return self._walk.popleft()
        self._walk = None
        if nowhere := [inode for inode, walks in self._missing.items() if walks < self._walks]:
            self._give_up(nowhere)
        return None

    def _begin_walk(self) -> deque[int]:
        """All pids: first those that are new or have another number of descriptors than in the last walk."""
        self._walks += 1
        before = self._sizes
        pids = all_pids(self._proc)
        self._sizes = {pid: descriptor_count(pid, self._proc) for pid in pids}
        return deque(sorted(pids, key=lambda pid: self._sizes[pid] == before.get(pid)))

    def _read(self, pid: int) -> None:
        """Note which of the missing sockets this process holds."""
        found = self._missing.keys() & socket_inodes(f"{self._proc}/{pid}/fd")
        self._recent.pop(pid, None)
        if found:
            self._recent[pid] = None
            if len(self._recent) > EAGER:
                del self._recent[next(iter(self._recent))]
            process = Process(pid, process_name(pid, self._proc))
            for inode in found:
                self._found[inode] = process
                del self._missing[inode]

    def _give_up(self, inodes: list[int]) -> None:
        """Mark these as hidden: no readable process holds them."""
        for inode in inodes:
            del self._missing[inode]
        hidden = np.union1d(self.holders.hidden, np.array(inodes, np.uint32))
        kept = ~among(self.holders.inode, hidden)
        self.holders = replace(
            self.holders, inode=self.holders.inode[kept], process=self.holders.process[kept], hidden=hidden
        )


def _distinct(inodes: Inodes) -> Inodes:
    """Each inode once, in ascending order, without 0."""
    ascending: Inodes = np.sort(inodes)
    first: Mask = np.diff(ascending, prepend=np.uint32(0)) != 0
    return ascending[first]


def socket_inodes(directory: str) -> set[int]:
    """The inodes of the sockets in this `fd` directory; none if the process is gone or may not be read."""
    found: set[int] = set()
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return found
    try:
        for name in entries(descriptor):
            try:
                target = os.readlink(name, dir_fd=descriptor)  # so that the kernel need not walk the whole path
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(int(target[8:-1]) & 0xFFFF_FFFF)  # sock_diag tells 32 bits of it
    finally:
        os.close(descriptor)
    return found


def all_pids(proc: str = "/proc") -> list[int]:
    """All processes, in ascending order."""
    return sorted(int(name) for name in entries(proc) if name.isdigit())


def descriptor_count(pid: int, proc: str = "/proc") -> int:
    """The number of a process's descriptors (proc_fd_getattr in fs/proc/fd.c); always 0 before Linux 6.2."""
    try:
        return os.stat(f"{proc}/{pid}/fd").st_size
    except OSError:
        return 0


def entries(directory: str | int) -> list[str]:
    """The names in a directory; none if it is gone or may not be read."""
    try:
        return os.listdir(directory)
    except OSError:
        return []


def process_name(pid: int, proc: str = "/proc") -> str:
    """The `comm` of a process: at most 15 bytes, which may be anything. Empty when the process is gone."""
    try:
        with open(f"{proc}/{pid}/comm", "rb") as file:
            return file.read().removesuffix(b"\n").decode(errors="replace")
    except OSError:
        return ""
