"""The search for the processes that hold the sockets of the latest snapshot."""

import time

from twtop.model import Snapshot, Sockets
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import Holders


class OwnerSearch:
    """Lets a search in /proc look for the holders of the latest snapshot's sockets, at the pace of that search."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._sockets: Sockets | None = None

    def due_in_s(self, snapshot: Snapshot | None) -> float | None:
        """Seconds until `advance` has something to do, 0 or less for now. None until there is another snapshot."""
        if snapshot is None or not snapshot.is_searchable:
            return None
        if snapshot.sockets is self._sockets and self._search.over:
            return None
        return self._search.rested_at - time.monotonic()

    def advance(self, snapshot: Snapshot) -> Holders | None:
        """Search for the holders of this snapshot's sockets for a slice of CPU time; all holders if some are new."""
        self._search_for(snapshot)
        return self._search.holders if self._search.advance() else None

    def complete(self, snapshot: Snapshot) -> Holders:
        """Search until nothing is left to find, unless the search has to rest; the holders."""
        due = self.due_in_s(snapshot)
        if due is not None and due <= 0:
            self._search_for(snapshot)
            self._search.finish()
        return self._search.holders

    def _search_for(self, snapshot: Snapshot) -> None:
        if snapshot.sockets is not self._sockets:
            self._search.want(snapshot.sockets.inode)
            self._sockets = snapshot.sockets
