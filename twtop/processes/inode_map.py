"""Who holds which socket: inode → process, in columns."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from twtop.arrays import among, index_of
from twtop.model import Codes, Inodes, Process, Rows, Sockets
from twtop.records import dataclass, freeze


@dataclass(frozen=True, slots=True, eq=False)
class Holders:
    """Who holds sockets: `inode` ascends, and `process` has for each an index into `processes`.

    `hidden`, which ascends too, are the inodes that no readable process holds.
    """

    inode: Inodes
    process: Codes
    processes: tuple[Process, ...]
    hidden: Inodes

    def __post_init__(self) -> None:
        freeze(self.inode, self.process, self.hidden)

    def of(self, inodes: Inodes) -> Codes:
        """The holder of each inode as an index into `processes`, −1 where unknown. No socket has inode 0."""
        rows = np.flatnonzero(inodes)
        rows = rows[np.argsort(inodes[rows])]
        found = np.full(len(inodes), -1, np.int32)
        found[rows] = np.append(self.process, np.int32(-1))[index_of(inodes[rows], self.inode)]
        return found

    def of_sockets(self, sockets: Sockets, rows: Rows) -> Codes:
        """The holder of each of these sockets as an index into `processes`, −1 where unknown.

        It is found by the pid where the source tells one, else by the inode.
        """
        if not sockets.pid.any():
            return self.of(sockets.inode.take(rows))
        pids = np.array([process.pid for process in self.processes], np.uint32)
        return index_of(sockets.pid.take(rows), pids).astype(np.int32)


NO_INODES = np.empty(0, np.uint32)
NOBODY = Holders(NO_INODES, np.empty(0, np.int32), (), NO_INODES)


def holders_by_pid(told: Mapping[int, Process]) -> Holders:
    """The holders that a source tells, {pid: process}: no inodes, and the processes by ascending pid."""
    return replace(NOBODY, processes=tuple(told[pid] for pid in sorted(told) if pid))


def holders(found: Iterable[tuple[int, Process]], before: Holders = NOBODY) -> Holders:
    """These (inode, process) and those known before. Of several with the same inode the first counts."""
    number = {process: i for i, process in enumerate(before.processes)}
    pairs = [(inode, number.setdefault(process, len(number))) for inode, process in found]
    inodes = np.append(np.array([inode for inode, _ in pairs], np.uint32), before.inode)
    codes = np.append(np.array([code for _, code in pairs], np.int32), before.process)
    distinct, first = np.unique(inodes, return_index=True)
    used, process = np.unique(codes[first], return_inverse=True)
    processes, hidden = tuple(number), before.hidden[~among(before.hidden, distinct)]
    return Holders(distinct, process.astype(np.int32), tuple(processes[code] for code in used), hidden)
