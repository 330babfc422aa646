"""Failed connects as a subscription counts them, made up."""

from collections.abc import Mapping

import numpy as np

from twtop.failed_connects import FailedConnects

Rows = Mapping[tuple[int, int], int]
"""(128-bit remote address, tenth of a second) → how many failed."""


def counted(until: float, rows: Rows, lost: int = 0, at_least: bool = False) -> FailedConnects:
    return FailedConnects(
        since=0.0,
        until=until,
        hi=np.array([address >> 64 for address, _ in rows], np.uint64),
        lo=np.array([address & (1 << 64) - 1 for address, _ in rows], np.uint64),
        device=np.zeros(len(rows), np.uint32),
        tenth=np.array([tenth for _, tenth in rows], np.int64),
        count=np.array([*rows.values()], np.int64),
        lost=lost,
        at_least=at_least or lost > 0,
    )
