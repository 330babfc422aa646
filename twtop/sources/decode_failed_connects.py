"""The rows of failed connects that a Sample has → columns."""

import math

import numpy as np

from twtop.failed_connects import FailedConnects
from twtop.sources.probe import CollectError, FailureTable

ROW = np.dtype([("tenth", "<i8"), ("count", "<u4"), ("device", "<u4"), ("address", ">u8", 2)])
"""A row of FailureTable.rows: of one address, device and tenth of a second."""


def decode_failed_connects(table: FailureTable | None) -> FailedConnects | None:
    """None where nothing was counted. Raises CollectError where the rows cannot be such."""
    if table is None:
        return None
    if len(table.rows) % ROW.itemsize:
        raise CollectError(f"failed connects are cut off: {len(table.rows)} bytes are no whole number of rows")
    if not (math.isfinite(table.since) and math.isfinite(table.until) and table.lost >= 0):
        raise CollectError("failed connects are damaged: they have no time or a negative count")
    rows = np.frombuffer(table.rows, ROW)
    address = rows["address"].astype(np.uint64)
    return FailedConnects(
        since=table.since,
        until=table.until,
        hi=address[:, 0].copy(),
        lo=address[:, 1].copy(),
        device=rows["device"].astype(np.uint32),
        tenth=rows["tenth"].astype(np.int64),
        count=rows["count"].astype(np.int64),
        lost=table.lost,
        at_least=table.at_least,
    )
