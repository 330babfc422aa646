"""Sockets that are bound and not connected: read at a pace of their own, and carried from dump to dump between.

They take a quarter of a dump (Request.without_bound), and seldom change. Each snapshot has them, so the last one is all
that is to be remembered.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from twtop.model import Inodes, Snapshot, TcpState
from twtop.sources.probe import Request
from twtop.table.socket_table import joined

PACE_S = 5.0
"""Seconds between two readings of them."""


def narrowed(request: Request, last: Snapshot | None, mono: float) -> Request:
    """The request without these sockets, unless it is time to read them again at `mono`."""
    if last is None or last.bound_at is None or mono - last.bound_at >= PACE_S:
        return request
    return request.without_bound()


def completed(snapshot: Snapshot, last: Snapshot | None, read: Callable[[], Snapshot]) -> Snapshot:
    """A snapshot of the narrowed request, with the sockets that it lacks.

    Where a listener came or went, or the range of ports changed, something may be bound as well or no more: then `read`
    is asked for a snapshot of such sockets alone.
    """
    if last is None or last.bound_at is None or snapshot.bound_at is not None:
        return snapshot
    source = read() if _has_changed(last, snapshot) else last
    sockets, rows = snapshot.sockets, source.sockets.in_state(TcpState.CLOSE)
    bound = replace(source.sockets.take(rows), origin=rows if source is last else np.full(len(rows), -1))
    still = bound.take(~np.isin(bound.inode, sockets.inode[sockets.live]))  # the others are connected by now
    return replace(snapshot, sockets=joined(sockets, still) if len(still) else sockets, bound_at=source.bound_at)


def _has_changed(before: Snapshot, now: Snapshot) -> bool:
    if before.limits.port_range != now.limits.port_range:
        return True
    return not np.array_equal(_listeners(before), _listeners(now))


def _listeners(snapshot: Snapshot) -> Inodes:
    return np.sort(snapshot.sockets.inode[snapshot.sockets.in_state(TcpState.LISTEN)])
