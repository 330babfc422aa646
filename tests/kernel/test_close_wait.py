"""A server that forgets to close, and one that closes late: twtop warns only of the first. Real connections."""

import time
from collections import deque
from collections.abc import Iterator

import pytest

from tests.support.forecast_load import Watch
from tests.support.in_namespace import in_namespace, wait_until
from twtop.demo.lab import Lab, Plan
from twtop.demo.load import Connection, ConnectStats, Server, Stream, connect, run
from twtop.demo.scenarios import BY_NAME
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.verdicts.verdict import Level

SOON_S, SLOW_S = 8, 0.5


def fds(frame: Frame) -> Level:
    return next(verdict.level for verdict in frame.verdicts if verdict.id == "fds")


@pytest.mark.slow
@in_namespace
def test_twtop_warns_of_the_leak_of_the_demo_within_seconds() -> None:
    scenario, watch = BY_NAME["leak"], Watch()
    running = Lab(Plan(scenario, scenario.rate, 60, scenario.ports))
    try:
        running.wait_for_load()
        wait_until(lambda: (frame := watch.frame()) and fds(frame) is Level.WARN, SOON_S, "a warning")
    finally:
        running.close()


@pytest.mark.slow
@in_namespace
def test_a_server_that_closes_late_is_no_leak() -> None:
    """A hundred and fifty of its connections are in CLOSE_WAIT at any time, and next to none in another state."""
    seen = [frame for frame in late_closer(rate=300, seconds=5) if frame.states.count[TcpState.CLOSE_WAIT] > 100]
    assert len(seen) >= 3
    assert {fds(frame) for frame in seen} == {Level.OK}


def late_closer(rate: float, seconds: float) -> Iterator[Frame]:
    server, stats, watch = Server(("127.0.0.1", 80)), ConnectStats(), Watch()
    waiting: deque[tuple[float, Connection]] = deque()

    def step() -> None:
        pair = connect(server, stats)
        pair[0].close()
        waiting.append((time.monotonic() + SLOW_S, pair))
        while waiting[0][0] <= time.monotonic():
            waiting.popleft()[1][1].close()

    for _ in run([Stream(rate, step)], seconds, 1_000_000):
        if frame := watch.frame():
            yield frame
