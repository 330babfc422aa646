"""A budget that is or was full: what it is asked for, whose connects fail, and when its ports come free."""

import math

import numpy as np
import pytest

from tests.support.counted_failures import counted
from tests.support.not_none import known
from tests.support.port_reading import PortReading, described
from tests.support.sock_diag_dump import Block, many, sock
from twtop.dump.failures import FailureHistory, Failures
from twtop.dump.reading import RecentDumps

LOW, SIZE = 40_000, 300
ENDS = ("10.0.0.1", "10.0.0.5", 443)


class Run:
    """Readings of one run, each compared with those before it."""

    def __init__(self) -> None:
        self._recent = RecentDumps()

    def read(self, now: float, *blocks: Block, failures: Failures | None = None) -> PortReading:
        port_range, recent = (LOW, LOW + SIZE - 1), self._recent.before(1000 + now)
        found = described(*blocks, at=now, recent=recent, port_range=port_range, failures=failures)
        self._recent.keep(found.summary())
        return found


def opened(now: float, per_s: float) -> Block:
    """TIME_WAIT of a load that takes `per_s` ports from second 0 on, as long as there are any."""
    number = np.arange(min(SIZE, int(now * per_s)))
    left = number / per_s + 60 - now
    return many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=LOW + number, remaining=left)


def asked(reading: PortReading) -> tuple[float, bool]:
    at = known(reading.find(ENDS))
    return float(reading.budgets.new_per_s[at]), bool(reading.budgets.limit.unseen[at])


def test_a_full_budget_keeps_the_demand_that_filled_it() -> None:
    """30/s fill 300 ports in 10 s. None succeeds afterwards, and nobody counts those that fail."""
    run = Run()
    said = [asked(run.read(now, opened(now, 30))) for now in range(1, 50)]
    assert [rate for rate, _ in said[9:]] == pytest.approx([30] * 40, rel=0.05)
    assert [unseen for _, unseen in said] == [False] * 9 + [True] * 40


def test_the_first_reading_of_a_full_budget_tells_the_demand_that_filled_it() -> None:
    rate, unseen = asked(Run().read(40, opened(40, 30)))
    assert rate == pytest.approx(30, rel=0.05)
    assert unseen


def test_the_demand_for_a_budget_of_open_connections_is_unknown() -> None:
    """No timer tells when these began."""
    held = many("10.0.0.1", "10.0.0.5:443", lports=range(LOW, LOW + SIZE))
    rate, unseen = asked(Run().read(0, held))
    assert (math.isnan(rate), unseen) == (True, True)


def test_once_ports_are_free_the_demand_is_what_is_seen() -> None:
    """The load has ended while the budget was full."""
    run = Run()
    for now in range(1, 12):
        run.read(now, opened(now, 30))
    some = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, LOW + 100), remaining=8)
    said = [asked(run.read(now, some)) for now in range(12, 16)]
    assert [rate for rate, _ in said] == pytest.approx([30, 30, 30, 0], rel=0.05)
    assert [unseen for _, unseen in said] == [True, True, True, False]


def test_the_demand_is_unseen_while_it_may_take_all_that_is_free_between_two_dumps() -> None:
    """At each move of the timer wheel some ports come free. Two moves take 4.2 s: 30/s take 126 ports in that time."""
    run = Run()
    for now in range(1, 12):
        run.read(now, opened(now, 30))
    held = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, LOW + SIZE - 120), remaining=8)
    said = [asked(run.read(now, held)) for now in range(12, 30)]
    assert [rate for rate, _ in said] == pytest.approx([30] * 18, rel=0.05)
    assert [unseen for _, unseen in said] == [True] * 18


def test_a_full_budget_tells_when_ports_come_free_and_how_fast() -> None:
    reading = Run().read(40, opened(40, 30))
    at = known(reading.find(ENDS))
    assert reading.budgets.waits[at]
    assert reading.budgets.next_free_s[at] == pytest.approx(20, abs=2.1)  # at the next move of the wheel
    assert reading.budgets.freed_per_s[at] == pytest.approx(30, rel=0.02)


def test_a_budget_was_at_its_limit_for_a_minute() -> None:
    """Also once it is empty."""
    run = Run()
    run.read(11, opened(11, 30))
    lately = []
    for now in (30, 60, 71, 72):
        reading = run.read(now, sock("10.0.0.1:40000", "10.0.0.5:443"))
        lately.append(bool(reading.budgets.limit.lately[known(reading.find(ENDS))]))
    assert lately == [True, True, True, False]


def test_what_fails_is_of_the_destination_that_was_full_lately() -> None:
    """The other one of the same address never was."""
    run, history = Run(), FailureHistory()
    other = many("10.0.0.1", "10.0.0.5:80", lports=range(LOW, LOW + 5))
    run.read(11, opened(11, 30), other)
    freed = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, LOW + 250), remaining=20)
    failures = history.advance(counted(1012.0, {(0xFFFF_0A00_0005, 10_115): 30}), 1012.0)
    found = run.read(12, freed, other, failures=failures).budgets
    assert sorted(found.failed_60s.tolist()) == [0, 30]
