"""Who holds which socket, by inode, in columns."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from twtop.arrays import Inodes, among, index_of
from twtop.model import Codes, Process, freeze


@dataclass(frozen=True, slots=True, eq=False)
class Holders:
    """Who holds sockets: `inode` ascending, `process` an index into `processes` for each.

    `hidden`, ascending too, are sockets that no readable process holds.
    """

    inode: Inodes
    process: Codes
    processes: tuple[Process, ...]
    hidden: Inodes

    def __post_init__(self) -> None:
        freeze(self.inode, self.process, self.hidden)

    def of(self, inodes: Inodes) -> Codes:
        """The process of each inode, −1 where unknown; inode 0 is no socket's."""
        rows = np.flatnonzero(inodes)
        rows = rows[np.argsort(inodes[rows])]
        found = np.full(len(inodes), -1, np.int32)
        found[rows] = np.append(self.process, np.int32(-1))[index_of(inodes[rows], self.inode)]
        return found


NO_INODES = np.empty(0, np.uint32)
NOBODY = Holders(NO_INODES, np.empty(0, np.int32), (), NO_INODES)


def holders(found: Iterable[tuple[int, Process]], before: Holders = NOBODY) -> Holders:
    """These (inode, process) beside those known before; of two that name the same inode the first counts."""
    number = {process: i for i, process in enumerate(before.processes)}
    pairs = [(inode, number.setdefault(process, len(number))) for inode, process in found]
    inodes = np.append(np.array([inode for inode, _ in pairs], np.uint32), before.inode)
    codes = np.append(np.array([code for _, code in pairs], np.int32), before.process)
    distinct, first = np.unique(inodes, return_index=True)
    used, process = np.unique(codes[first], return_inverse=True)
    processes, hidden = tuple(number), before.hidden[~among(before.hidden, distinct)]
    return Holders(distinct, process.astype(np.int32), tuple(processes[code] for code in used), hidden)
