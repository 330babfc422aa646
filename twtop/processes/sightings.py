"""Connections that were seen with their holders between two dumps."""

from twtop.model import Codes, Process, Sockets
from twtop.records import dataclass, freeze

KEPT_S = 60.0
"""Seconds for which a sighting tells who opens the connections to a destination. Its own TIME_WAIT lasts as long."""


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """Sockets that processes held at a time: `process` has for each an index into `processes`, never −1.

    `at` is in seconds of the monotonic clock.
    """

    at: float
    sockets: Sockets
    process: Codes
    processes: tuple[Process, ...]

    def __post_init__(self) -> None:
        freeze(self.process)


Sightings = tuple[Sighting, ...]
"""The latest last."""


def lately(sightings: Sightings, now: float, within_s: float = KEPT_S) -> Sightings:
    """Those of the last seconds before `now`, on the monotonic clock."""
    return tuple(each for each in sightings if each.at > now - within_s)
