"""A steady number of real TIME_WAIT in this network namespace, while they run out and new ones come."""

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.namespace import sysctl, wait_until
from twtop.load import Met, Server, client_closes, connect
from twtop.namespace import add_local_network, die_with_parent

PORTS, ADDRESSES = 25, 200
"""5,000 destinations: this many listening ports on this many addresses."""

FIRST_PORT = 443
FILLERS = 2
BATCH = 64
TOLERANCE = 0.02


def time_waits() -> int:
    """How many there are, by sockstat."""
    words = Path("/proc/self/net/sockstat").read_text().split()
    return int(words[words.index("tw") + 1])


@contextmanager
def held(wanted: int) -> Iterator[None]:
    """Bring the namespace to this many TIME_WAIT and keep them there; all end with the context."""
    add_local_network("10.0.0.0", 8)
    sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    sysctl("net.ipv4.tcp_max_tw_buckets", 2 * wanted + 1000)
    fillers = [multiprocessing.get_context("fork").Process(target=_fill, args=(wanted, n)) for n in range(FILLERS)]
    for filler in fillers:
        filler.start()
    try:
        wait_until(lambda: time_waits() >= wanted * (1 - TOLERANCE), timeout=120, what=f"{wanted} TIME_WAIT")
        yield
    finally:
        for filler in fillers:
            filler.kill()
            filler.join()


def _fill(wanted: int, number: int) -> None:
    """The first filler keeps the level; the others help while much is missing."""
    die_with_parent()
    met, enough = Met(), wanted if number == 0 else wanted * (1 - TOLERANCE)
    servers = [Server(("0.0.0.0", FIRST_PORT + PORTS * number + i)) for i in range(PORTS)]
    places = count()
    while True:
        missing = int(enough) - time_waits()
        if missing <= 0:
            time.sleep(0.02)
        for _ in range(min(missing, BATCH)):
            place = next(places) % (PORTS * ADDRESSES)
            client_closes(connect(servers[place % PORTS], met, to=f"10.0.0.{1 + place // PORTS}"))
