"""One tick without threads: source → snapshot → analysis → history → frame. This is the only place that joins them."""

from twtop.engine.glimpses import Glimpses, Wanted
from twtop.engine.sampler import EVERYTHING, MAX_CPU, Sampled, Sampler
from twtop.filter.query import Query
from twtop.frame.build import build_frame
from twtop.frame.frame import Frame
from twtop.frame.history import History
from twtop.frame.view import View
from twtop.model import Owners, Snapshot, Sockets
from twtop.processes.attribution import OwnerTracker
from twtop.processes.inode_map import Holders, holders_by_pid
from twtop.processes.sightings import Sightings, lately
from twtop.sources.source import OpenSource


class Pipeline:
    """Call `read` and then `build`, again and again. The two share no state, so each may have a thread of its own.

    Between two readings, the thread that reads may take glimpses.
    """

    def __init__(self, open_source: OpenSource, max_cpu: float = MAX_CPU, glimpses: Glimpses | None = None) -> None:
        self._open_source = open_source
        self._max_cpu = max_cpu
        self._sampler: Sampler | None = None
        self._glimpses = glimpses or Glimpses()
        self._history, self._tracker = History(), OwnerTracker()
        self._by_source: tuple[Snapshot, Holders] | None = None
        self._unknown: tuple[Sockets, Owners] | None = None

    def read(self, interval_s: float, query: Query = EVERYTHING, now: bool = False) -> Sampled:
        """Read and analyse the source. The first call opens it, in its own thread. Raises CollectError.

        The arguments are those of Sampler.tick.
        """
        if self._sampler is None:
            self._sampler = Sampler(self._open_source(), self._max_cpu)
        return self._sampler.tick(interval_s, query, now)

    def glimpse_due_in_s(self, wanted: Wanted) -> float | None:
        """Seconds until a glimpse of these destinations is due, 0 or less for now; None for never."""
        return self._glimpses.due_in_s(wanted, self._sampler.spare) if self._sampler else None

    def glimpse(self, wanted: Wanted) -> Sightings:
        """Take a glimpse, in the thread that reads; all sightings that still count."""
        return self._glimpses.take(wanted, self._sampler.held) if self._sampler else ()

    def build(self, sampled: Sampled, view: View, found: Holders | None = None, sightings: Sightings = ()) -> Frame:
        """Build the frame of one view from one tick.

        `found` are the holders of sockets as far as the search in /proc has found them, None where there is no search,
        and `sightings` those of connections that ended before. If the source itself names holders, those are used
        instead.
        """
        snapshot = sampled.analysis.snapshot
        self._history.advance(snapshot)
        owners = self._owners(
            snapshot.sockets, self._holders_by_source(snapshot) or found, lately(sightings, snapshot.mono)
        )
        return build_frame(self._history, sampled.analysis, view, owners, sampled.every_s)

    def _owners(self, sockets: Sockets, held: Holders | None, sightings: Sightings) -> Owners:
        """The owners of sockets; the same object for the same sockets and holders, so that no view is applied twice."""
        if held is not None:
            return self._tracker.assign(sockets, held, sightings)
        if self._unknown is None or self._unknown[0] is not sockets:
            self._unknown = sockets, Owners.unknown(sockets)
        return self._unknown[1]

    def _holders_by_source(self, snapshot: Snapshot) -> Holders | None:
        if snapshot.holders is None:
            return None
        if self._by_source is None or self._by_source[0].holders is not snapshot.holders:
            self._by_source = snapshot, holders_by_pid(snapshot.holders)
        return self._by_source[1]
