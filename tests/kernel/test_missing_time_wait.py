"""Loads whose TIME_WAIT are not all there: another connection has taken their place, or they have found no bucket."""

import time
from dataclasses import dataclass

import numpy as np
import pytest

from tests.support.forecast_load import Ended, load
from tests.support.in_namespace import in_namespace, sysctl
from twtop.frame.frame import Frame
from twtop.model import Direction

PER_S, SECONDS = 100.0, 7
SETTLED_S = 4


@dataclass(frozen=True, slots=True)
class Told:
    """New per second and seconds until full, and the least and the most that the kernel opened per second lately."""

    per_s: float
    full_in_s: float
    least: float
    most: float

    @property
    def is_right(self) -> bool:
        return 0.9 * self.least <= self.per_s <= 1.1 * self.most


def settled(ports: int, tw_reuse: int) -> tuple[list[Told], Ended]:
    """What is told in each reading of a load that has gone on for a while, and its end."""
    told, opened = list[Told](), list[tuple[float, int]]()
    start = time.monotonic()

    def look(frame: Frame) -> None:
        mono, count = frame.snapshot.mono, frame.snapshot.counters["ActiveOpens"]
        if mono > start + SETTLED_S:
            (destination,) = np.flatnonzero(frame.groups.destinations.direction == Direction.OUTBOUND)
            budgets = frame.groups.budgets
            rates = [(count - before) / (mono - then) for then, before in opened]
            told.append(
                Told(
                    float(budgets.new_per_s[destination]), float(budgets.full_in_s[destination]), min(rates), max(rates)
                )
            )
        opened.append((mono, count))

    ended = load(ports, PER_S, SECONDS, look, until_refused=False, tw_reuse=tw_reuse)
    assert len(told) >= 2
    return told, ended


@pytest.mark.slow
@in_namespace
def test_under_reuse_the_rate_is_that_of_all_connections() -> None:
    """Two hundred ports are taken anew every other second, so that the table has a third of what began."""
    told, ended = settled(ports=200, tw_reuse=1)
    assert ended.failed_at is None
    assert ended.frame.total.count <= 200
    assert all(each.is_right for each in told), told
    assert {each.full_in_s for each in told} == {np.inf}


@pytest.mark.slow
@in_namespace
def test_without_buckets_the_rate_is_that_of_all_connections_and_the_ports_never_run_out() -> None:
    """At 100 per second 400 ports would be full within four seconds, but only 150 can be waiting."""
    sysctl("net.ipv4.tcp_max_tw_buckets", 150)
    told, ended = settled(ports=400, tw_reuse=0)
    assert ended.failed_at is None
    assert ended.frame.total.count == 150
    assert all(each.is_right for each in told), told
    assert {each.full_in_s for each in told} == {np.inf}
