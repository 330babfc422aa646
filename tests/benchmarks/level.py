"""A steady number of real TIME_WAIT in this network namespace, while they run out and new ones come."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from tests.support.in_namespace import sysctl, wait_until
from twtop.demo.load import ConnectStats, Server, client_closes, connect
from twtop.demo.private_netns import add_local_network, die_with_parent

PORTS, ADDRESSES = 25, 200
"""5,000 destinations: this many listening ports on this many addresses."""

FIRST_PORT = 443
FILLERS = 2
BATCH = 64
LACK = 0.01
"""Share that may be missing of a full level."""

LIMIT_S = 180


def time_waits() -> int:
    """How many there are, by sockstat."""
    words = Path("/proc/self/net/sockstat").read_text().split()
    return int(words[words.index("tw") + 1])


class Level:
    """Processes that make connections while there are fewer TIME_WAIT than wanted."""

    def __init__(self, wanted: int) -> None:
        self._full = wanted * (1 - LACK)
        fork = multiprocessing.get_context("fork")
        self._wanted: Synchronized[int] = fork.Value("q", 0)
        self._most = wanted
        self._fillers = [
            fork.Process(target=_fill, args=(self._wanted, number, os.getpid())) for number in range(FILLERS)
        ]
        for filler in self._fillers:
            filler.start()

    def keep(self) -> None:
        """Bring the level up and keep it there."""
        self._wanted.value = self._most
        wait_until(lambda: time_waits() >= self._full, timeout=LIMIT_S, what=f"{self._most} TIME_WAIT")

    def fill(self) -> None:
        """Bring the level up and leave it alone."""
        self.keep()
        self._wanted.value = 0

    def close(self) -> None:
        for filler in self._fillers:
            filler.kill()
            filler.join()


@contextmanager
def held(wanted: int) -> Iterator[Level]:
    """Bring the namespace to this many TIME_WAIT to 5,000 destinations."""
    add_local_network("10.0.0.0", 8)
    sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    sysctl("net.ipv4.tcp_max_tw_buckets", 2 * wanted + 1000)
    level = Level(wanted)
    try:
        level.fill()
        yield level
    finally:
        level.close()


def _fill(wanted: "Synchronized[int]", number: int, parent: int) -> None:
    """The first keeps the level; the others help while much is missing."""
    die_with_parent(parent)
    stats, share = ConnectStats(), 1.0 if number == 0 else 1 - LACK
    servers = [Server(("0.0.0.0", FIRST_PORT + PORTS * number + i)) for i in range(PORTS)]
    places = count()
    while True:
        missing = int(wanted.value * share) - time_waits()
        if missing <= 0:
            time.sleep(0.02)
        for _ in range(min(missing, BATCH)):
            place = next(places) % (PORTS * ADDRESSES)
            client_closes(connect(servers[place % PORTS], stats, to=f"10.0.0.{1 + place // PORTS}"))
