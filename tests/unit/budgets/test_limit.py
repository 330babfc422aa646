"""A budget that is or was full: what it is asked for, whose connects fail, and when its ports come free."""

import math

import numpy as np
import pytest

from tests.support.counted_failures import counted
from tests.support.not_none import known
from tests.support.port_reading import PortReading, described
from tests.support.sock_diag_dump import Block, many, sock
from twtop.budgets.exhaustion import TimeToFull
from twtop.budgets.limit import Limit, freed
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


STEP_S, NEAR_S = 2.048, 4.0


def limit(lately: bool, just_now: bool = False, was_now: bool = False) -> Limit:
    return Limit(
        full_at=np.array([990.0]),
        lately=np.array([lately]),
        just_now=np.array([just_now]),
        was_now=np.array([was_now]),
        was_soon=np.array([False]),
        near_s=NEAR_S,
        seen_s=np.array([10.0]),
        unseen=np.array([False]),
        asked_per_s=np.array([math.nan]),
    )


def is_now(found: Limit, full: float, tight: float) -> bool:
    return bool(found.is_now(TimeToFull(np.array([full]), np.array([tight])))[0])


@pytest.mark.parametrize("was_now", [True, False])
@pytest.mark.parametrize(
    ("lately", "full", "now"),
    [
        (False, 0, True),
        (False, 4, False),
        (True, 4, True),  # full again within two moves of the wheel
        (True, 4.1, False),
        (True, math.inf, False),
        (True, math.nan, False),
    ],
)
def test_a_budget_that_was_full_lately_is_so_while_it_will_be_full_again_at_once(
    lately: bool, full: float, now: bool, was_now: bool
) -> None:
    assert is_now(limit(lately, was_now=was_now), full, tight=4.1) == now


@pytest.mark.parametrize("full", [24, math.inf, math.nan])
def test_a_budget_that_is_full_remains_so_until_it_has_ports_to_spare(full: float) -> None:
    assert is_now(limit(lately=True, just_now=True), full, tight=60)
    assert is_now(limit(lately=True, was_now=True), full, tight=4)
    assert not is_now(limit(lately=True, was_now=True), full, tight=4.1)
    assert not is_now(limit(lately=True, was_now=False), full, tight=4)
    assert not is_now(limit(lately=False, was_now=True), full, tight=4)


def test_it_was_full_just_now_for_two_moves_of_the_wheel() -> None:
    run, was_full = Run(), list[tuple[bool, bool]]()
    run.read(11, opened(11, 30))
    for now in (12, 15, 15.5, 70):
        reading = run.read(now, sock("10.0.0.1:40000", "10.0.0.5:443"))
        at, found = known(reading.find(ENDS)), reading.budgets.limit
        assert found.near_s == pytest.approx(2 * STEP_S, rel=0.05)
        was_full.append((bool(found.just_now[at]), bool(found.lately[at])))
    assert was_full == [(True, True), (True, True), (False, True), (False, True)]


def ports_freed(*seconds: tuple[int, float, float], count: int = 2) -> list[list[float]]:
    """(seconds until the next port, ports per second) of each budget; `seconds` are (budget, free in, runs out in)."""
    code, free_in_s, runs_out_s = (np.array(column) for column in zip(*seconds, strict=True))
    found = freed(code.astype(np.int32), free_in_s.astype(float), runs_out_s.astype(float), count)
    return [[float(next_s), float(per_s)] for next_s, per_s in zip(*found, strict=True)]


def test_the_next_port_comes_free_with_the_first_move_and_then_as_fast_as_timers_run_out() -> None:
    found = ports_freed((0, 3, 2.5), (0, 3, 2), (0, 5, 4), (1, 7, 6), (0, 5, 4.5), (1, 9, 8))
    assert found == [[3, pytest.approx(3 / 2.5)], [7, 0.5]]


def test_only_the_ten_seconds_after_the_first_tell_how_fast() -> None:
    assert ports_freed((0, 3, 2), (0, 13, 12), (0, 15, 12.001))[0] == [3, 0.1]


def test_how_fast_is_unknown_if_all_run_out_at_once_or_none_does() -> None:
    assert ports_freed((0, 3, 2), (0, 3, 2)) == [
        [3, pytest.approx(math.nan, nan_ok=True)],
        [pytest.approx(math.nan, nan_ok=True)] * 2,
    ]


def test_the_demand_before_it_was_full_is_that_of_the_three_seconds_before_its_youngest_time_wait() -> None:
    """Its youngest are of 20 s ago: 40 in the 3 s before, and 60 in the 3 s before those."""
    ports = LOW + np.arange(SIZE)
    left = np.concatenate([[40.0] * 1, [37.004] * 39, [37.0] * 60, [5.0] * (SIZE - 100)])
    full = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=ports, remaining=left)
    rate, unseen = asked(Run().read(40, full))
    assert rate == pytest.approx(40 / 3)
    assert unseen


def test_once_it_is_no_more_full_only_the_time_since_then_tells_the_demand() -> None:
    """Sixty a second until it was full at 5 s, and 2 per second since 15 s, when most of the ports came free."""
    run, moment = Run(), np.arange(SIZE) / 60
    for now in (4.9, 5.1, 10.0, 15.0):
        block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=LOW + np.arange(SIZE), remaining=60 + moment - now)
        before = moment <= now
        run.read(now, block[before])
    said = []
    for now in (17.0, 18.0, 18.5, 25.0):
        late = np.arange(15, now, 0.5)
        remaining = np.concatenate([60 + moment[280:] - now, 60 + late - now])
        ports = LOW + np.concatenate([np.arange(280, SIZE), np.arange(len(late))])
        block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=ports, remaining=remaining)
        said.append(asked(run.read(now, block)))
    assert [unseen for _, unseen in said] == [True, True, False, False]
    assert [rate for rate, _ in said] == pytest.approx([60, 60, 2, 2], rel=0.15)


def test_limits_are_immutable() -> None:
    found = limit(True)
    columns = (
        found.full_at,
        found.lately,
        found.just_now,
        found.was_now,
        found.seen_s,
        found.unseen,
        found.asked_per_s,
    )
    assert not any(column.flags.writeable for column in columns)
