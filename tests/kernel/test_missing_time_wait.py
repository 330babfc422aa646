"""Loads whose TIME_WAIT are not all there: another connection has taken their place, or they have found no bucket."""

import time

import numpy as np
import pytest

from tests.support.forecast_load import Ended, load
from tests.support.in_namespace import in_namespace, sysctl
from twtop.frame.frame import Frame
from twtop.model import Direction

PER_S, SECONDS = 100.0, 7
SETTLED_S = 4


def settled(ports: int, tw_reuse: int) -> tuple[list[float], list[float], Ended]:
    """(new per second, seconds until full) in each reading of a load that has gone on for a while, and its end."""
    per_s, full_in = list[float](), list[float]()
    start = time.monotonic()

    def look(frame: Frame) -> None:
        if frame.snapshot.mono > start + SETTLED_S:
            (destination,) = np.flatnonzero(frame.groups.destinations.direction == Direction.OUTBOUND)
            per_s.append(float(frame.groups.budgets.new_per_s[destination]))
            full_in.append(float(frame.groups.budgets.full_in_s[destination]))

    ended = load(ports, PER_S, SECONDS, look, until_refused=False, tw_reuse=tw_reuse)
    assert len(per_s) >= 2
    return per_s, full_in, ended


@pytest.mark.slow
@in_namespace
def test_under_reuse_the_rate_is_that_of_all_connections() -> None:
    """Two hundred ports are taken anew every other second, so that the table has a third of what began."""
    per_s, full_in, ended = settled(ports=200, tw_reuse=1)
    assert ended.failed_at is None
    assert ended.frame.total.count <= 200
    assert per_s == pytest.approx([PER_S] * len(per_s), rel=0.1)
    assert set(full_in) == {np.inf}


@pytest.mark.slow
@in_namespace
def test_without_buckets_the_rate_is_that_of_all_connections_and_the_ports_never_run_out() -> None:
    """At 100 per second 400 ports would be full within four seconds, but only 150 can be waiting."""
    sysctl("net.ipv4.tcp_max_tw_buckets", 150)
    per_s, full_in, ended = settled(ports=400, tw_reuse=0)
    assert ended.failed_at is None
    assert ended.frame.total.count == 150
    assert per_s == pytest.approx([PER_S] * len(per_s), rel=0.1)
    assert set(full_in) == {np.inf}
