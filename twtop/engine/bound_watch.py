"""Sockets that are bound and not connected: read at a pace of their own, and carried from dump to dump between.

They take a quarter of a dump (Request.without_bound), and seldom change.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from twtop.model import Inodes, Snapshot, Sockets, TcpState
from twtop.sources.probe import Request
from twtop.table.socket_table import joined

PACE_S = 5.0
"""Seconds between two readings of them."""


class BoundWatch:
    """Keeps the sockets that were last seen to be bound and not connected."""

    def __init__(self) -> None:
        self._last: Snapshot | None = None
        self._bound: Snapshot | None = None

    def narrowed(self, request: Request, mono: float) -> Request:
        """The request without these sockets, unless it is time to read them again at `mono`."""
        last = self._last
        if last is None or last.bound_at is None or mono - last.bound_at >= PACE_S:
            return request
        return request.without_bound()

    def complete(self, snapshot: Snapshot, read: Callable[[], Snapshot]) -> Snapshot:
        """A snapshot of the narrowed request, with the sockets that it lacks.

        Where a listener came or went, or the range of ports changed, something may be bound as well or no more: then
        `read` is asked for a snapshot of such sockets alone.
        """
        if self._last is None or self._bound is None or self._last.bound_at is None or snapshot.bound_at is not None:
            found = snapshot.sockets.take(np.flatnonzero(snapshot.sockets.state == TcpState.CLOSE))
            self._last, self._bound = snapshot, replace(snapshot, sockets=found)
            return snapshot
        if _has_changed(self._last, snapshot):
            self._bound = read()
        sockets, bound = snapshot.sockets, self._bound.sockets
        live = sockets.is_connection & ~sockets.is_timewait_object
        still = bound.take(~np.isin(bound.inode, sockets.inode[live]))  # the others are connected by now
        if len(still):
            sockets = joined(sockets, still)
        self._last = replace(snapshot, sockets=sockets, bound_at=self._bound.bound_at)
        return self._last


def _has_changed(before: Snapshot, now: Snapshot) -> bool:
    if before.limits.port_range != now.limits.port_range:
        return True
    return not np.array_equal(_listeners(before.sockets), _listeners(now.sockets))


def _listeners(sockets: Sockets) -> Inodes:
    return np.sort(sockets.inode[sockets.state == TcpState.LISTEN])
