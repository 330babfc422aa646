"""Sockets that a monitor can be shown, and a source that gives them out tick by tick."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event

import numpy as np

from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.model import Process
from twtop.sources.probe import Request, Sample
from twtop.sources.source import Source

RANGE = (32768, 33767)
"""A thousand local ports, so that a few hundred sockets are a pressure."""


@dataclass
class Held:
    """A tick that takes from when it is `asked` for until it is `given`."""

    sample: Sample
    asked: Event = field(default_factory=Event)
    given: Event = field(default_factory=Event)

    @property
    def is_held(self) -> bool:
        return self.asked.is_set() and not self.given.is_set()

    def wait(self) -> Sample:
        self.asked.set()
        self.given.wait()
        return self.sample


Tick = Sample | Exception | Held


class Script:
    """A Source of which each reading is the next of its ticks, then the last one again with later clocks.

    Called as an OpenSource, it opens itself. An exception among the ticks is raised. `read_at` are the monotonic times
    of its readings.
    """

    def __init__(self, ticks: Iterable[Tick]) -> None:
        self._ticks = list(ticks)
        self.read_at: list[float] = []
        self._open = Event()
        self._open.set()

    def __call__(self) -> Source:
        return self

    @property
    def reads(self) -> int:
        return len(self.read_at)

    @contextmanager
    def held(self, held: bool) -> Iterator[None]:
        """Let readings wait meanwhile, if `held`."""
        if held:
            self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    @property
    def holds(self) -> bool:
        """Whether a reading waits for its tick to be given."""
        return any(isinstance(tick, Held) and tick.is_held for tick in self._ticks)

    def read(self, _: Request) -> Sample:
        self.read_at.append(time.monotonic())
        self._open.wait()
        tick = self._ticks[min(self.reads, len(self._ticks)) - 1]
        if isinstance(tick, Exception):
            raise tick
        sample = tick.wait() if isinstance(tick, Held) else tick
        return later(sample, max(0, self.reads - len(self._ticks)))


def later(sample: Sample, seconds: float) -> Sample:
    """The same sockets with later clocks."""
    return replace(sample, time=sample.time + seconds, mono=sample.mono + seconds, cpu=sample.cpu + 0.04 * seconds)


LISTENER = sock("10.0.0.1:80", state="LISTEN")
NEARLY_FULL = (  # 40 a second in the last ten, and none leaves soon
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=32768 + np.arange(400), remaining=np.linspace(50.1, 60, 400)),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=33168 + np.arange(430), remaining=np.linspace(30, 49, 430)),
)
QUIET = many("10.0.0.1", "10.0.0.6:8080", "TIME_WAIT", lports=32768 + np.arange(200), remaining=np.linspace(1, 20, 200))
CLIENT = many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=np.arange(40000, 40600), remaining=np.linspace(1, 60, 600))
DATABASE = many("10.0.0.1", "10.0.0.7:5432", "ESTABLISHED", lports=range(33600, 33614, 2), inode=range(900, 907))
CONNECTIONS = (LISTENER, *NEARLY_FULL, QUIET, CLIENT, DATABASE)
"""Pressed most to least: 10.0.0.5 at 83 %, 10.0.0.6 at 20 %, 10.0.0.7 at 0 %, and 10.0.0.9, which came in."""

RARE = {"SYN_SENT": 11, "FIN_WAIT1": 12, "FIN_WAIT2": 13, "CLOSE_WAIT": 14, "LAST_ACK": 15, "CLOSING": 16}
OTHERS = tuple(
    many("10.0.0.1", f"10.0.0.8:{count}", state, lports=range(33000, 33000 + count)) for state, count in RARE.items()
)
HALF_OPEN = many("10.0.0.1:80", "10.0.0.9", "SYN_RECV", rports=range(50000, 50005))
MERELY_BOUND = sock("10.0.0.1:33767", state="CLOSE")
ALL_STATES = (*CONNECTIONS, *OTHERS, HALF_OPEN, MERELY_BOUND)


def scene(*blocks: Block, at: float = 0, port_range: tuple[int, int] = RANGE) -> Sample:
    """A sample of these sockets, where nothing is reused."""
    return make_sample(*blocks, at=at, port_range=port_range, tw_reuse=0)


def lab(at: float = 0) -> Sample:
    """The connections that most tests look at."""
    return scene(*CONNECTIONS, at=at)


def draining(at: float = 0, count: int = 100) -> Sample:
    """What `at` seconds leave of `count` TIME_WAIT to 10.0.0.5, which are released one by one within 50 seconds."""
    release = np.linspace(0.5, 50, count)
    kept = np.flatnonzero(release > at)
    lports, rports = 1024 + kept % 60000, 443 + kept // 60000
    waiting = many("10.0.0.1", "10.0.0.5", "TIME_WAIT", lports=lports, rports=rports, remaining=release[kept] - at)
    return scene(waiting, at=at, port_range=(1024, 65535))


def owners(names: Iterable[str]) -> dict[int, Process]:
    """The database's sockets, owned by processes of these names."""
    return {900 + number: Process(100 + number, name) for number, name in enumerate(names)}
