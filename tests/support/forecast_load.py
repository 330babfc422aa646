"""A real load, and twtop's own reading of it in the same namespace, for tests of the forecast."""

import errno
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.support.built_frames import UNBOUNDED
from tests.support.in_namespace import FellBehind, sysctl
from twtop.budgets.bottleneck import Bottleneck
from twtop.demo.load import Connection, ConnectStats, Server, Stream, client_closes, connect, run
from twtop.engine.pipeline import Pipeline
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import Direction
from twtop.sources.open_source import open_local

READ_EVERY_S = 1.0
BEHIND_S = 0.25
"""A load that has missed as many connections as it makes in this time is not the one that was asked for."""

LOCAL = "127.0.0.1"
NO_PORT = {errno.EADDRNOTAVAIL, errno.EADDRINUSE}
"""The errnos with which connect(), and bind() before it, fail for want of a port."""

Client = Callable[[ConnectStats], Callable[[], Connection]]
"""Statistics to fill → a function that makes one more connection."""


class Watch:
    """Frames of this namespace, one a second at most."""

    def __init__(self) -> None:
        self._pipeline = Pipeline(open_local, UNBOUNDED)
        self._read_at = 0.0

    def frame(self) -> Frame | None:
        """A new frame if one is due, otherwise None."""
        if time.monotonic() < self._read_at + READ_EVERY_S:
            return None
        self._read_at = time.monotonic()
        return self._pipeline.build(self._pipeline.read(READ_EVERY_S), View())


@dataclass(frozen=True, slots=True)
class Ended:
    """The last frame of a load, and when the first connection failed for want of a port; None if none did."""

    frame: Frame
    failed_at: float | None


def one_destination(stats: ConnectStats) -> Callable[[], Connection]:
    server = Server((LOCAL, 443))
    return lambda: connect(server, stats)


def bound_to_five_destinations(stats: ConnectStats) -> Callable[[], Connection]:
    """bind() before connect(), to five destinations in turn."""
    servers = itertools.cycle([Server((LOCAL, 9000 + number)) for number in range(5)])
    return lambda: connect(next(servers), stats, LOCAL, bind_first=True)


def load(
    ports: int,
    rate: float,
    seconds: float,
    look: Callable[[Frame], object],
    until_refused: bool = True,
    tw_reuse: int = 0,
    client: Client = one_destination,
) -> Ended:
    """Open and close connections at a `rate` per second, with a range of so many ports. The client closes first.

    `look` is called with each frame. The load ends after `seconds`, or if `until_refused`, with the first connection
    that finds no port. Raises FellBehind if the machine is too busy for it.
    """
    sysctl("net.ipv4.ip_local_port_range", f"32768 {32768 + ports - 1}")
    sysctl("net.ipv4.tcp_tw_reuse", tw_reuse)
    stats, watch = ConnectStats(), Watch()
    opened, last, start = client(stats), watch.frame(), time.monotonic()
    for _ in run([Stream(rate, lambda: client_closes(opened()))], seconds, 1_000_000):
        missed = rate * (time.monotonic() - start) - stats.calls
        if missed > rate * BEHIND_S + 1:
            raise FellBehind(f"too busy for a load of {rate:g}/s: {missed:.0f} of {stats.calls + missed:.0f} missed")
        if until_refused and stats.failed.keys() & NO_PORT:
            assert last
            return Ended(last, time.monotonic())
        if frame := watch.frame():
            look(frame)
            last = frame
    assert last
    return Ended(last, None)


def only_full_in(frame: Frame) -> float:
    """Seconds until the only outbound destination is full."""
    (destination,) = np.flatnonzero(frame.groups.destinations.direction == Direction.OUTBOUND)
    return float(frame.groups.budgets.full_in_s[destination])


def headline(frame: Frame) -> Bottleneck | None:
    """The budget that the headline of the screen names."""
    return frame.analysis.bottleneck
