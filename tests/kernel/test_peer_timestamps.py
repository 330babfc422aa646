"""What connect() may take over depends on the peer's timestamps: told as a range until a live connection shows them."""

import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.in_namespace import run_in_namespace, sysctl, wait_until
from tests.support.links import add_network, other_machine
from tests.support.port_reading import PortReading, analyse
from tests.support.real_connections import Peer, Route, settled
from twtop.dump.reading import NOTHING, Known
from twtop.sources.probe import WITH_OPTIONS, Request

LOW, SIZE, WAITING = 40_000, 20, 12
ASKING = Request(extensions=WITH_OPTIONS)

if not Path("/proc/sys/net/ipv4/tcp_tw_reuse_delay").exists():
    pytest.skip("before Linux 6.15 a TIME_WAIT cannot be reused at once", allow_module_level=True)


@dataclass(frozen=True, slots=True)
class Said:
    """How many more connections can be made to a peer, by twtop: at least and at most."""

    least: float
    most: float


def said(reading: PortReading, route: Route) -> Said:
    number, budgets = reading.find(route.ends), reading.budgets
    assert number is not None
    free = float(budgets.capacity[number] - budgets.used[number])
    reusable = float(budgets.reusable[number])
    return Said(free + (0 if math.isnan(reusable) else reusable), free + float(budgets.reusable_at_most[number]))


def read(known: Known = NOTHING) -> PortReading:
    """Read as soon as no TIME_WAIT is too young to be reused, and ask for the options of live connections."""

    def old_enough() -> PortReading | None:
        snapshot = settled(ASKING)
        ages = snapshot.sockets.age_ms[snapshot.sockets.is_time_wait] if snapshot else None
        return None if snapshot is None or ages is None or (ages <= 1).any() else analyse(snapshot, known=known)

    return wait_until(old_enough, what="TIME_WAIT that are old enough")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What twtop said without any live connection, with one, and after it, and how many connections there were then."""

    unknown: Said
    shown: Said
    remembered: Said
    got: int


@pytest.mark.parametrize("timestamps", [1, 0])
def test_what_is_left_is_a_range_until_a_live_connection_shows_the_timestamps(timestamps: int) -> None:
    def body() -> Outcome:
        sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
        sysctl("net.ipv4.tcp_tw_reuse", 0)  # while TIME_WAIT are made, none is to take the port of another
        sysctl("net.ipv4.tcp_tw_reuse_delay", 1)
        with other_machine("link", "10.9.0.2/24", {"net.ipv4.tcp_timestamps": timestamps}) as listen:
            add_network("10.9.0.1/24", "link")
            peer = Peer(Route("10.9.0.1", "10.9.0.2"), listen(300))
            peer.time_wait(WAITING)
            sysctl("net.ipv4.tcp_tw_reuse", 1)
            unknown = read()
            peer.established(1)
            shown = read()
            peer.close_all()
            after = read(shown.reading.known())
            return Outcome(said(unknown, peer.route), said(shown, peer.route), said(after, peer.route), peer.fill())

    found = run_in_namespace(body)
    ends_up = SIZE if timestamps else SIZE - WAITING - 1
    assert found.unknown == Said(SIZE - WAITING, SIZE)
    assert found.shown == Said(*[SIZE - 1 if timestamps else SIZE - WAITING - 1] * 2)
    assert found.remembered == Said(ends_up, ends_up)
    assert found.got == ends_up
    assert found.unknown.least - 1 <= found.got <= found.unknown.most
