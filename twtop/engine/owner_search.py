"""The search for the processes that hold the sockets of one snapshot after the other."""

import time

from twtop.model import Snapshot, Sockets
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import Holders


class OwnerSearch:
    """Hands the sockets of the latest snapshot to a search in /proc, and takes no more CPU time than that allows."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._wanted: Sockets | None = None

    def due_in_s(self, snapshot: Snapshot | None) -> float | None:
        """Seconds until `advance` has something to do, at most 0 for now; None until there is another snapshot."""
        if snapshot is None or not snapshot.is_searchable:
            return None
        if snapshot.sockets is self._wanted and self._search.over:
            return None
        return self._search.rested_at - time.monotonic()

    def advance(self, snapshot: Snapshot) -> Holders | None:
        """Search on for the sockets of this snapshot, for a slice of CPU time; the holders if there are new ones."""
        self._want(snapshot)
        return self._search.holders if self._search.advance() else None

    def complete(self, snapshot: Snapshot) -> Holders:
        """Search until nothing is left to find, unless the search has to rest."""
        due = self.due_in_s(snapshot)
        if due is not None and due <= 0:
            self._want(snapshot)
            self._search.finish()
        return self._search.holders

    def _want(self, snapshot: Snapshot) -> None:
        if snapshot.sockets is not self._wanted:
            self._search.want(snapshot.sockets.inode)
            self._wanted = snapshot.sockets
