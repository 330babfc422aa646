"""Failed connects are counted while a connect() can fail, and for a minute after."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.support.sock_diag_dump import Block, make_sample, many
from twtop.analysis.analysis import analyse
from twtop.engine.failure_watch import LINGER_S, FailureWatch, nearest_end
from twtop.engine.sampler import Sampler
from twtop.sources.decode import decode
from twtop.sources.probe import FailureTable, Request, Sample
from twtop.sources.source import ReadBy

NEVER = math.inf


@pytest.mark.parametrize(
    ("pressure", "full_in_s", "wanted"),
    [
        *((0.5, NEVER, True), (0.49, NEVER, False), (1.0, 0.0, True), (math.inf, 0.0, True)),
        *((0.1, 60.0, True), (0.1, 61.0, False), (0.1, 0.0, True), (0.0, NEVER, False)),
        *((math.nan, math.nan, False), (math.nan, 10.0, True), (0.7, math.nan, True)),
    ],
)
def test_a_budget_near_its_end_is_watched(pressure: float, full_in_s: float, wanted: bool) -> None:
    watch = FailureWatch()
    assert not watch.wanted
    watch.observe(100.0, pressure, full_in_s)
    assert watch.wanted is wanted


def test_it_ends_a_minute_after_the_last_danger() -> None:
    watch = FailureWatch()
    watch.observe(0.0, 0.9, NEVER)
    watch.observe(40.0, 0.6, NEVER)
    asked = []
    for mono in (41.0, 99.9, 100.0, 200.0):
        watch.observe(mono, 0.1, NEVER)
        asked.append(watch.wanted)
    assert asked == [True, True, False, False]


def test_a_budget_at_the_border_switches_nothing() -> None:
    watch = FailureWatch()
    for mono in range(600):
        watch.observe(mono, 0.5 if mono % 50 == 0 else 0.499, NEVER)
        assert watch.wanted


def test_whatever_fails_is_counted_on() -> None:
    """Not all that fails can be seen in the table, such as a socket's own range."""
    watch = FailureWatch()
    watch.observe(0.0, 0.9, NEVER)
    watch.observe(50.0, 0.1, NEVER, failed=1)
    watch.observe(50.0 + LINGER_S - 1, 0.1, NEVER)
    assert watch.wanted


def test_a_part_of_the_sockets_shows_no_end_of_danger() -> None:
    watch = FailureWatch()
    watch.observe(0.0, 0.1, NEVER, whole=False)
    assert not watch.wanted
    watch.observe(1.0, 0.9, NEVER)
    for mono in range(10, 300, 10):
        watch.observe(mono, 0.0, NEVER, whole=False)
        assert watch.wanted


def outbound(used: int) -> Block:
    return many("10.0.0.1", "10.0.0.5:443", lports=range(40_000, 40_000 + used))


@pytest.mark.parametrize(("used", "pressure"), [(10, 0.1), (50, 0.5), (100, 1.0)])
def test_the_budget_nearest_to_its_end_counts(used: int, pressure: float) -> None:
    other = many("10.0.0.1", "10.0.0.6:443", lports=[40_001, 40_002])
    found = analyse(decode(make_sample(outbound(used), other, port_range=(40_000, 40_099))))
    assert nearest_end(found)[0] == pressure


def test_a_service_is_no_danger() -> None:
    """Client ports of a peer, which connect() does not choose here."""
    served = many("10.0.0.1", "10.0.0.9", lports=80, rports=range(1024, 65_000))
    listener = many("0.0.0.0:80", state="LISTEN")
    found = analyse(decode(make_sample(listener, served)))
    assert np.isnan(nearest_end(found)).all()


def test_without_any_port_each_connect_fails() -> None:
    found = analyse(decode(make_sample(port_range=(40_000, 40_099), reserved="40000-40099")))
    assert nearest_end(found) == (math.inf, 0.0)


def test_the_range_is_unknown() -> None:
    assert np.isnan(nearest_end(analyse(decode(make_sample(outbound(10), port_range=None))))).all()


def test_the_sampler_asks_for_it_tick_by_tick() -> None:
    used = [10, 60, 60, *[10] * 63]
    asked: list[bool | None] = []

    def read(request: Request) -> Sample:
        second = len(asked)
        asked.append(request.failed_connects)
        sample = make_sample(outbound(used[second]), at=second, port_range=(40_000, 40_099))
        return replace(sample, request=request, failures=FailureTable(0.0, float(second), b""))

    sampler = Sampler(ReadBy(read))
    for _ in used:
        sampler.tick(1.0)
    assert asked == [False, False, *[True] * 61, *[False] * 3]
