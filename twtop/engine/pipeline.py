"""One tick without threads: source → snapshot → analysis → history → frame. This is the only place that joins them."""

from twtop.engine.sampler import EVERYTHING, MAX_CPU, Sampled, Sampler
from twtop.filter.query import Query
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.model import Owners, Snapshot, Sockets
from twtop.processes.attribution import OwnerTracker
from twtop.processes.inode_map import Holders, holders_by_pid
from twtop.sources.source import OpenSource


class Pipeline:
    """`read` and `build` share only what is handed from one to the other, so each may have a thread of its own."""

    def __init__(self, open_source: OpenSource, max_cpu: float = MAX_CPU) -> None:
        self._open_source = open_source
        self._max_cpu = max_cpu
        self._sampler: Sampler | None = None
        self._history, self._tracker = History(), OwnerTracker()
        self._told: tuple[Snapshot, Holders] | None = None
        self._unknown: tuple[Sockets, Owners] | None = None

    def read(self, interval_s: float, query: Query = EVERYTHING, now: bool = False) -> Sampled:
        """Read and analyse the source, which is opened in the thread that reads first. Raises CollectError.

        The arguments are those of Sampler.tick.
        """
        if self._sampler is None:
            self._sampler = Sampler(self._open_source(), self._max_cpu)
        return self._sampler.tick(interval_s, query, now)

    def build(self, sampled: Sampled, view: View, found: Holders | None = None) -> Frame:
        """Build the frame of one view.

        `found` are the holders of sockets as far as the search in /proc has found them, None where nobody searches. A
        source that tells them itself comes first.
        """
        snapshot = sampled.analysis.snapshot
        self._history.advance(snapshot)
        owners = self._owners(snapshot.sockets, self._holders_by_source(snapshot) or found)
        return build_frame(self._history, sampled.analysis, view, owners, sampled.every_s)

    def _owners(self, sockets: Sockets, held: Holders | None) -> Owners:
        """The same object for the same sockets and holders, so that a frame is not built anew from the ground up."""
        if held is not None:
            return self._tracker.assign(sockets, held)
        if self._unknown is None or self._unknown[0] is not sockets:
            self._unknown = sockets, Owners.unknown(sockets)
        return self._unknown[1]

    def _holders_by_source(self, snapshot: Snapshot) -> Holders | None:
        if snapshot.holders is None:
            return None
        if self._told is None or self._told[0].holders is not snapshot.holders:
            self._told = snapshot, holders_by_pid(snapshot.holders)
        return self._told[1]
