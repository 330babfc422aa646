"""Glimpses: who opens the connections that are gone before a dump and a search can meet them.

The owner of a TIME_WAIT is known only from the time when a process held the connection. A dump each second misses
connections of some milliseconds, and the search comes too late for those that it sees. So while it is unknown who opens
the connections to a pressed destination, twtop asks several times a second for the connections that are held, and
watches the processes that may hold them meanwhile (Suspects).
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from twtop.frame.frame import Frame
from twtop.model import Direction, Sockets
from twtop.processes.sightings import KEPT_S, Sighting, Sightings, lately
from twtop.processes.suspects import Suspects
from twtop.records import dataclass
from twtop.sources.kernel_filter import towards
from twtop.sources.probe import CollectError

PRESSED = 0.01
"""The share of its ports from which on a destination is pressed, reusable ones too: a few hundred TIME_WAIT."""

RECENT_MS, LEAST_RECENT = 3000, 3
"""A load goes on if so many TIME_WAIT are younger than that: one a second."""

MOST_WANTED = 16
"""How many destinations are looked at, the most pressed ones first."""

ENOUGH, STALE_S = 5, KEPT_S / 2
"""So many connections are met until a destination is left alone for so long. One names the owner, further ones show
whether there is another; a stale sighting is renewed before it is dropped."""

GAP_S, SAVED_S = 0.1, 5.0
"""Seconds between two glimpses at least, and for how many seconds CPU time is saved up while there are none."""

TRIES, MORE_TRIES, REST_S = 60, 10, 60.0
"""Glimpses in vain after which a destination rests for so long, and how many more there are after each rest."""

MOST_KEPT = 64


class Destination(NamedTuple):
    """Addresses as 128-bit numbers, and the remote port."""

    local: int
    remote: int
    port: int


Wanted = tuple[Destination, ...]


def wanted(frame: Frame, sightings: Sightings) -> Wanted:
    """The pressed destinations of a frame to which somebody connects who is unknown, or was not met lately.

    There are none where the sockets are not of this machine, or where the source itself tells who holds them.
    """
    view, analysis, snapshot = frame.view, frame.analysis, frame.snapshot
    if not snapshot.is_searchable:
        return ()
    destinations, budgets, sockets = analysis.destinations, analysis.budgets, snapshot.sockets
    used = np.divide(budgets.used, budgets.capacity, out=np.zeros(len(destinations)), where=budgets.capacity > 0)
    rows = analysis.time_wait if view.drill is None else frame.drill
    rows = rows[(sockets.age_ms[rows] >= 0) & (sockets.age_ms[rows] < RECENT_MS)]
    unknown = np.bincount(destinations.code[rows[frame.owners.process[rows] < 0]], minlength=len(destinations))
    recent = np.bincount(destinations.code[rows], minlength=len(destinations))
    busy = (destinations.direction == Direction.OUTBOUND) & (used >= PRESSED) & (recent >= LEAST_RECENT)
    met, fresh = (
        Counter(ends for sighting in lately(sightings, snapshot.mono, age_s) for ends in connected_to(sighting.sockets))
        for age_s in (KEPT_S, STALE_S)
    )
    found: list[Destination] = []
    for number in np.flatnonzero(busy)[np.argsort(-used[busy], kind="stable")].tolist():
        ends = destinations.local[number], destinations.remote[number]
        local, remote = (sockets.addresses.integer(end) for end in ends)
        each = Destination(local, remote, int(destinations.port[number]))
        if fresh[each] < ENOUGH and (unknown[number] >= LEAST_RECENT or met[each]):
            found.append(each)
        if len(found) == MOST_WANTED:
            break
    return tuple(found)


def connected_to(sockets: Sockets) -> list[Destination]:
    """The destination of each of these sockets. It loops in Python: for few."""
    integer, rows = sockets.addresses.integer, zip(sockets.local, sockets.remote, sockets.rport, strict=True)
    return [Destination(integer(local), integer(remote), int(port)) for local, remote, port in rows]


@dataclass(slots=True)
class Patience:
    """What is left of it for one destination."""

    tries: int = TRIES
    rests_until: float = 0.0
    tried: float = 0.0


class Glimpses:
    """Takes glimpses of the destinations that are wanted, until their owners were met or it has run out of patience.

    `clock` returns the time and `cpu` the CPU time that the calling thread has taken, both in seconds.
    """

    def __init__(
        self,
        suspects: Suspects | None = None,
        clock: Callable[[], float] = time.monotonic,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._suspects, self._clock, self._cpu = suspects or Suspects(), clock, cpu
        self._patience: dict[Destination, Patience] = {}
        self._began, self._saved_s, self._saved_at = -GAP_S, 0.0, clock()
        self._sightings: Sightings = ()

    def due_in_s(self, wanted: Wanted, spare: float) -> float | None:
        """Seconds until the next glimpse, 0 or less for now, if all take no more than the `spare` share of one CPU.

        None where nothing is wanted, or no CPU time is left for it.
        """
        if not wanted or spare <= 0:
            return None
        patient = min(self._patience[each].rests_until if each in self._patience else 0.0 for each in wanted)
        now = self._clock()
        self._saved_s = min(self._saved_s + (now - self._saved_at) * spare, SAVED_S * spare)
        self._saved_at = now
        return max(self._began + GAP_S, now - min(0.0, self._saved_s) / spare, patient) - now

    def take(self, wanted: Wanted, held: Callable[[bytes], Sockets]) -> Sightings:
        """Take one glimpse of those that do not rest; all sightings that still count.

        `held` returns the connections that processes hold, at least those that pass this bytecode. If it raises
        CollectError nothing was seen: the next tick will say so.
        """
        self._began, begun, spent_s = self._clock(), self._cpu(), 0.0
        looked_at = [each for each in wanted if self._patient(each).rests_until <= self._began]
        if not looked_at:
            return self._sightings
        met: set[Destination] = set()
        try:
            with self._suspects.watched() as spent:
                sockets = held(towards((each.remote, each.port) for each in looked_at))
            spent_s = spent()
            met = self._meet(sockets, looked_at)
        except CollectError:
            pass
        for each in looked_at:
            self._note(each, each in met)
        self._saved_s -= self._cpu() - begun + spent_s
        return self._sightings

    def _meet(self, sockets: Sockets, looked_at: list[Destination]) -> set[Destination]:
        """Keep what was seen of these sockets; to which destinations."""
        holders = self._suspects.met(sockets.inode)
        process = holders.of(sockets.inode)
        rows = np.flatnonzero(process >= 0)
        ends = connected_to(sockets.take(rows))
        rows = rows[[each in looked_at for each in ends]]
        if len(rows):
            kept = lately(self._sightings[1 - MOST_KEPT :], self._began)
            new = Sighting(self._began, sockets.take(rows), process[rows], holders.processes)
            self._sightings = (*kept, new)
        return {each for each in ends if each in looked_at}

    def _patient(self, destination: Destination) -> Patience:
        return self._patience.setdefault(destination, Patience())

    def _note(self, destination: Destination, met: bool) -> None:
        patience, now = self._patient(destination), self._clock()
        patience.tried = now
        patience.tries = TRIES if met else patience.tries - 1
        if not patience.tries:
            patience.tries, patience.rests_until = MORE_TRIES, now + REST_S
        self._patience = {each: left for each, left in self._patience.items() if left.tried > now - 2 * REST_S}
