"""Sockets that are merely bound: read now and then, and carried between."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.engine.bound_sockets import completed, narrowed
from twtop.formatting import endpoint
from twtop.model import Snapshot, Sockets, TcpState
from twtop.sources.decode import decode
from twtop.sources.probe import ALL_SOCKETS, BOUND_ONLY, Request

BOUND = [sock("10.0.0.1:5000", state="CLOSE", inode=50), sock("[fe80::7]:6000", state="CLOSE", inode=60)]
LISTENER = sock("10.0.0.1:80", state="LISTEN", inode=8)
WAITING = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40_000, 40_003))


class Kernel:
    """What a source reads, dump by dump, and what it was asked for."""

    def __init__(self) -> None:
        self.bound, self.others = list(BOUND), [LISTENER, WAITING]
        self.port_range = (32768, 60999)
        self.asked: list[Request] = []
        self.now = 0.0

    def read(self, request: Request) -> Snapshot:
        self.asked.append(request)
        blocks: Iterable[Block] = self.bound if request == BOUND_ONLY else self.others
        if request == ALL_SOCKETS:
            blocks = [*self.others, *self.bound]
        return decode(replace(make_sample(*blocks, at=self.now, port_range=self.port_range), request=request))


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


class Watch:
    """Whoever keeps the last snapshot."""

    last: Snapshot | None = None


def tick(watch: Watch, kernel: Kernel, now: float) -> Snapshot:
    kernel.now = now
    found = kernel.read(narrowed(ALL_SOCKETS, watch.last, 1000 + now))
    watch.last = completed(found, watch.last, lambda: kernel.read(BOUND_ONLY))
    return watch.last


def bound(sockets: Sockets) -> list[str]:
    rows = (sockets.state == TcpState.CLOSE).nonzero()[0]
    return [endpoint(sockets.addresses.integer(sockets.local[row]), int(sockets.lport[row])) for row in rows]


def test_they_are_read_each_five_seconds_and_carried_between(kernel: Kernel) -> None:
    watch = Watch()
    read_at = []
    for now in range(12):
        snapshot = tick(watch, kernel, now)
        assert bound(snapshot.sockets) == ["10.0.0.1:5000", "[fe80::7]:6000"]
        assert len(snapshot.sockets) == 6
        assert not snapshot.part
        read_at.append(snapshot.bound_at)
    assert read_at == [1000] * 5 + [1005] * 5 + [1010] * 2
    assert [request == ALL_SOCKETS for request in kernel.asked] == [now % 5 == 0 for now in range(12)]


def test_a_new_one_shows_within_the_pace(kernel: Kernel) -> None:
    watch = Watch()
    tick(watch, kernel, 0)
    kernel.bound = [sock("10.0.0.1:7000", state="CLOSE", inode=70)]
    assert bound(tick(watch, kernel, 4.9).sockets) == ["10.0.0.1:5000", "[fe80::7]:6000"]
    assert bound(tick(watch, kernel, 5).sockets) == ["10.0.0.1:7000"]


@pytest.mark.parametrize("what", ["a listener more", "a listener less", "another one", "another range"])
def test_they_are_read_at_once(kernel: Kernel, what: str) -> None:
    """Whoever restarts a service or changes the range sees what that leaves."""
    watch = Watch()
    tick(watch, kernel, 0)
    kernel.bound = []
    match what:
        case "a listener more":
            kernel.others = [LISTENER, sock("10.0.0.1:81", state="LISTEN", inode=9), WAITING]
        case "a listener less":
            kernel.others = [WAITING]
        case "another one":
            kernel.others = [sock("10.0.0.1:80", state="LISTEN", inode=9), WAITING]
        case _:
            kernel.port_range = (20_000, 60_999)
    snapshot = tick(watch, kernel, 1)
    assert bound(snapshot.sockets) == []
    assert snapshot.bound_at == 1001
    assert kernel.asked[1:] == [ALL_SOCKETS.without_bound(), BOUND_ONLY]
    tick(watch, kernel, 2)
    assert len(kernel.asked) == 4  # nothing has changed since


def test_one_that_has_connected_is_no_longer_bound(kernel: Kernel) -> None:
    watch = Watch()
    tick(watch, kernel, 0)
    kernel.others += [sock("10.0.0.1:5000", "10.0.0.5:443", inode=50)]
    assert bound(tick(watch, kernel, 1).sockets) == ["[fe80::7]:6000"]
    assert bound(tick(watch, kernel, 2).sockets) == ["[fe80::7]:6000"]


def test_a_source_without_them_is_asked_as_ever(kernel: Kernel) -> None:
    watch = Watch()
    for now in range(3):
        snapshot = replace(kernel.read(narrowed(ALL_SOCKETS, watch.last, 1000 + now)), bound_at=None)
        watch.last = completed(snapshot, watch.last, lambda: kernel.read(BOUND_ONLY))
        assert watch.last.sockets is snapshot.sockets
    assert kernel.asked == [ALL_SOCKETS] * 3
