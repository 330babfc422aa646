"""Who holds which socket: a search in /proc/PID/fd that reads no more than it must, and that costs a share of one core.

A walk over all descriptors costs about 3 µs each, so a large box takes most of a second: it is done in slices. Only
sockets without a known holder are searched for. Processes that had such sockets before are read first, then new ones
and those whose number of descriptors changed, then the others; the search ends when every socket is found.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from twtop.arrays import Inodes, among
from twtop.model import Mask, Process
from twtop.processes.inode_map import NO_INODES, NOBODY, holders

EAGER = 64
"""How many processes that had new sockets are read again before any other."""

AFRESH_S = 30
"""A socket may be handed to another process, so all are searched for again after this long."""

SHARE, SAVED_S, SLICE_S = 0.035, 0.2, 0.02
"""The search may take this share of one core, and may save up so much for a burst: less than 5 % of any 20 s. It
reads for so long at a time."""


class Allowance:
    """CPU seconds that may be spent: `share` of one core, of which `most` seconds can be saved up."""

    def __init__(self, share: float, most: float, now: float) -> None:
        self._share, self._most = share, most
        self._left, self._at = most, now

    def spend(self, cpu_s: float, now: float) -> None:
        """Take this much at this moment, even if it is more than there is."""
        self._left = min(self._most, self._left + (now - self._at) * self._share) - cpu_s
        self._at = now

    @property
    def rested_at(self) -> float:
        """When something is left again, or was."""
        return self._at - min(0.0, self._left) / self._share


class Search:
    """`holders` are those of the sockets wanted last, as far as they are found.

    `clock` gives the time and `cpu` the CPU time that this thread has taken, in seconds.
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
        self._missing: dict[int, int] = {}  # inode → how many walks had begun when it was first wanted
        self._found: dict[int, Process] = {}
        self._walks = 0
        self._afresh_at = -1.0
        self._bearers: dict[int, None] = {}  # pids that had what was missing, the latest last
        self._sizes: dict[int, int] = {}
        self._queue: deque[int] = deque()
        self._walk: deque[int] | None = None  # pids that are left of the walk under way

    @property
    def over(self) -> bool:
        """Nothing is left to find."""
        return not self._missing

    @property
    def rested_at(self) -> float:
        """When the search may go on without taking more than its share of CPU time."""
        return self._allowance.rested_at

    def want(self, inodes: Inodes) -> None:
        """Search for the holders of these from now on; those of the sockets wanted before stay known until the next."""
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
        self._queue = deque(sorted(self._bearers))
        self._allowance.spend(self._cpu() - start, now)

    def advance(self, cpu_s: float = SLICE_S) -> bool:
        """Read on for about so much CPU time, or until nothing is left to find; whether there is news of holders."""
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
        """Read on until nothing is left to find."""
        while not self.over:
            self.advance(math.inf)

    def _next(self) -> int | None:
        """The process to read next; None when a walk ended, which gives up what was wanted before it began."""
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
        self._walks += 1
        before = self._sizes
        pids = sorted(int(name) for name in _entries(self._proc) if name.isdigit())
        self._sizes = {pid: self._size(pid) for pid in pids}
        return deque(sorted(pids, key=lambda pid: self._sizes[pid] == before.get(pid)))

    def _size(self, pid: int) -> int:
        """The number of descriptors, from Linux 6.2 on (proc_fd_getattr in fs/proc/fd.c); 0 before."""
        try:
            return os.stat(f"{self._proc}/{pid}/fd").st_size
        except OSError:
            return 0

    def _read(self, pid: int) -> None:
        found = self._missing.keys() & socket_inodes(f"{self._proc}/{pid}/fd")
        self._bearers.pop(pid, None)
        if found:
            self._bearers[pid] = None
            if len(self._bearers) > EAGER:
                del self._bearers[next(iter(self._bearers))]
            process = Process(pid, process_name(pid, self._proc))
            for inode in found:
                self._found[inode] = process
                del self._missing[inode]

    def _give_up(self, inodes: list[int]) -> None:
        """No readable process holds these any more."""
        for inode in inodes:
            del self._missing[inode]
        hidden = np.union1d(self.holders.hidden, np.array(inodes, np.uint32))
        kept = ~among(self.holders.inode, hidden)
        self.holders = replace(
            self.holders, inode=self.holders.inode[kept], process=self.holders.process[kept], hidden=hidden
        )


def _distinct(inodes: Inodes) -> Inodes:
    """Ascending, without the 0 of sockets that have none."""
    ascending: Inodes = np.sort(inodes)
    first: Mask = np.diff(ascending, prepend=np.uint32(0)) != 0
    return ascending[first]


def socket_inodes(directory: str) -> set[int]:
    """The inodes of a process's sockets, none when it is gone or may not be read."""
    found: set[int] = set()
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return found
    try:
        for name in _entries(descriptor):
            try:
                target = os.readlink(name, dir_fd=descriptor)  # spares the kernel the way to the directory
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(int(target[8:-1]) & 0xFFFF_FFFF)  # sock_diag has 32 bits of it
    finally:
        os.close(descriptor)
    return found


def _entries(directory: str | int) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def process_name(pid: int, proc: str = "/proc") -> str:
    """Of 15 bytes at most, whatever the process made of them; "" when it is gone."""
    try:
        with open(f"{proc}/{pid}/comm", "rb") as file:
            return file.read().removesuffix(b"\n").decode(errors="replace")
    except OSError:
        return ""
