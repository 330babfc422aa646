"""The kernel's bound sockets, as the sampler reads them: not at each tick, and yet what is left is right."""

import socket

import pytest

from tests.support.in_namespace import in_namespace, sysctl, wait_until
from twtop.engine.bound_sockets import PACE_S
from twtop.engine.sampler import Sampler
from twtop.sources.open_source import open_local

RANGE = (40_000, 40_049)


@pytest.mark.slow
@in_namespace
def test_what_is_left_follows_sockets_that_are_bound() -> None:
    """One is bound, and goes, between two readings of such sockets; a listener makes the next reading tell at once."""
    sysctl("net.ipv4.ip_local_port_range", "{} {}".format(*RANGE))
    server, sampler = socket.create_server(("127.0.0.1", 300)), Sampler(open_local(), max_cpu=1.0)
    client = socket.create_connection(server.getsockname())

    def left() -> tuple[float, float]:
        snapshot = (analysis := sampler.tick(1.0).analysis).snapshot
        assert snapshot.bound_at is not None
        assert snapshot.mono - snapshot.bound_at <= PACE_S
        assert analysis.bottleneck is not None
        return analysis.bottleneck.left_at_most, snapshot.bound_at

    assert left()[0] == 49
    held = [socket.socket() for _ in range(5)]
    for number, each in enumerate(held):
        each.bind(("127.0.0.1", RANGE[0] + 2 * number + 1))  # connect() has an even port
    wait_until(lambda: left()[0] == 44, PACE_S + 10)
    _, before = left()
    held.pop().close()
    listener = socket.create_server(("127.0.0.1", 301))
    now_left, read_at = left()
    assert now_left == 45
    assert read_at > before
    for each in (*held, client, server, listener):
        each.close()
