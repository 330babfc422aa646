"""Failed connects add up: in all, by second, by address, and as at least so many."""

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.support.counted_failures import counted
from tests.support.not_none import known as not_none
from tests.support.port_reading import PortReading, described
from tests.support.sock_diag_dump import Block, make_sample, many
from twtop.analysis.analysis import analyse
from twtop.dump.failures import FailureHistory, Failures, Refused, differ
from twtop.failed_connects import FailedConnects
from twtop.sources.decode import decode

A, B, C = (int(ipaddress.ip_address(text)) for text in ("::ffff:10.0.0.5", "fd00::1", "::1"))


def advance(history: FailureHistory, *args: FailedConnects | None, mono: float) -> Failures:
    found = history.advance(args[0], mono)
    assert found
    return found


def test_nobody_has_counted_yet() -> None:
    assert FailureHistory().advance(None, 10.0) is None


def test_seconds_end_with_the_last_whole_tenth() -> None:
    """At 100.05 s the last second is from 99.0 on, and what came after 100.0 is in the next one."""
    rows = {(A, 989): 1, (A, 990): 2, (A, 999): 4, (B, 995): 8, (A, 1000): 16}
    history = FailureHistory()
    found = advance(history, counted(100.05, rows), mono=100.0)
    assert found.per_second.tolist() == [*[0] * 58, 1, 14]
    assert (found.last_s, found.last_60s, found.count, found.last_tick) == (14, 15, 31, 31)
    assert found.to(A).tolist() == [*[0] * 58, 1, 6]
    assert found.to(B).tolist() == [*[0] * 59, 8]
    assert found.to(C).tolist() == [0] * 60
    later = advance(history, counted(100.15, {(A, 1000): 1}), mono=100.1)
    assert (later.last_s, later.count, later.last_tick) == (8 + 4 + 17, 32, 1)


def test_ticks_add_up_and_a_minute_forgets() -> None:
    history = FailureHistory()
    for second in range(1, 101):
        found = advance(history, counted(second, {(A, 10 * second - 3): 5, (B, 10 * second - 1): 1}), mono=second)
    assert (found.count, found.last_60s, found.last_s) == (600, 360, 6)
    assert found.per_second.tolist() == [6] * 60
    assert found.by_address.sum(axis=1).tolist() == found.by_address.sum(axis=1).tolist()
    assert (found.to(A).sum(), found.to(B).sum()) == (300, 60)
    empty = advance(history, counted(200.0, {}), mono=200.0)
    assert (empty.count, empty.last_60s, len(empty.addresses)) == (600, 0, 0)


def test_what_came_too_fast_counts_without_an_address() -> None:
    history = FailureHistory()
    found = advance(history, counted(10.0, {(A, 95): 7}, lost=3), mono=10.0)
    assert (found.count, found.last_tick, found.last_s, found.lost) == (10, 10, 10, 3)
    assert (found.to(A).sum(), found.at_least, found.count_at_least) == (7, True, True)
    later = advance(history, counted(75.0, {}), mono=75.0)
    assert (later.count, later.last_60s, later.lost) == (10, 0, 0)
    assert (later.at_least, later.count_at_least) == (False, True)


def test_a_kernel_that_does_not_say_how_many() -> None:
    found = advance(FailureHistory(), counted(10.0, {(A, 95): 7}, at_least=True), mono=10.0)
    assert (found.count, found.lost, found.at_least) == (7, 0, True)


def test_when_nobody_counts_any_more_the_rest_ages() -> None:
    history = FailureHistory()
    advance(history, counted(10.0, {(A, 95): 7}), mono=10.0)
    for mono, last_60s in ((40.0, 7), (69.0, 7), (80.0, 0)):
        found = advance(history, None, mono=mono)
        assert (found.counting, found.count, found.last_tick, found.last_60s) == (False, 7, 0, last_60s)


def test_what_is_remembered_of_a_minute_is_so_to_a_tenth_of_a_second() -> None:
    for until, kept in ((69.5, (7, 3)), (69.6, (0, 3)), (69.9, (0, 3)), (70.0, (0, 0))):
        history = FailureHistory()
        advance(history, counted(10.0, {(A, 95): 7}, lost=3), mono=10.0)
        later = advance(history, counted(until, {}), mono=until)
        assert (later.to(A).sum(), later.lost) == kept


def test_it_is_known_for_how_long_somebody_has_counted() -> None:
    for since, seen_s in ((0.0, 10.0), (7.5, 2.5), (10.0, 0.1)):
        history = FailureHistory()
        found = advance(history, replace(counted(10.0, {}), since=since), mono=10.0)
        assert found.seen_s == seen_s


def test_a_mean_is_over_the_whole_seconds_in_which_somebody_counted_some_of_it() -> None:
    per_second = np.zeros((1, 60))
    per_second[0, -4:] = [100, 10, 6, 3]
    for seen_s, per_s in ((0.5, 6), (1.5, 6), (3, 19 / 3), (20, 19 / 3)):
        assert Refused(per_second, np.ones(1, np.int64), seen_s).per_s(3) == pytest.approx([per_s])


def test_an_address_is_told_by_all_of_its_bits() -> None:
    odd = int(ipaddress.ip_address("fd00:0:0:1::1"))
    found = advance(FailureHistory(), counted(10.0, {(B, 95): 7, (odd, 95): 2}), mono=10.0)
    assert (found.to(B).sum(), found.to(odd).sum()) == (7, 2)


def test_figures_can_only_differ_where_something_failed_or_counting_began_or_ended() -> None:
    none = advance(FailureHistory(), counted(10.0, {}), mono=10.0)
    one = advance(FailureHistory(), counted(10.0, {(A, 95): 1}), mono=10.0)
    ended = replace(none, counting=False)
    assert [differ(*pair) for pair in ((None, None), (none, none), (ended, ended))] == [False] * 3
    pairs = ((None, none), (none, None), (none, ended), (ended, none), (one, none), (none, one), (one, one))
    assert [differ(*pair) for pair in pairs] == [True] * 7


def test_it_is_immutable() -> None:
    found = advance(FailureHistory(), counted(10.0, {(A, 95): 7}), mono=10.0)
    assert not found.per_second.flags.writeable
    assert not found.by_address.flags.writeable


LOW, SIZE = 40_000, 20


def ports(*services: int, used: int = SIZE, first: int = 0) -> list[Block]:
    """TIME_WAIT of so many ports towards each of these services of one address."""
    lports = range(LOW + first, LOW + first + used)
    return [many("10.0.0.1", f"10.0.0.5:{service}", "TIME_WAIT", lports=lports, remaining=40) for service in services]


def failing(per_s: int, *blocks: Block, seconds: Sequence[int] = range(10), to: int = A) -> PortReading:
    """So many connects to an address failed in each of these seconds; 0 is the last one."""
    history, now = FailureHistory(), 1000.0
    rows = {(to, int(now * 10) - 10 * second - 1): per_s for second in seconds}
    failures = history.advance(counted(now, rows), now)
    return described(*blocks, port_range=(LOW, LOW + SIZE - 1), failures=failures)


def of(reading: PortReading, service: int) -> tuple[float, float, float]:
    """(failed per second, failed in the last minute, asked per second) of a destination."""
    at, budgets = not_none(reading.find(("10.0.0.1", "10.0.0.5", service))), reading.budgets
    return float(budgets.failed_per_s[at]), float(budgets.failed_60s[at]), round(float(budgets.new_per_s[at]), 6)


def test_a_failure_belongs_to_the_destination_that_is_full() -> None:
    """TIME_WAIT of 20 s ago are no demand any more; what fails is."""
    reading = failing(7, *ports(443), *ports(80, used=5))
    assert of(reading, 443) == (7.0, 70.0, 7.0)
    assert of(reading, 80) == (0.0, 0.0, 0.0)


def test_of_several_full_destinations_nobody_knows_which_was_meant() -> None:
    first, second = (of(failing(8, *ports(443, 80)), service) for service in (443, 80))
    assert np.isnan([*first[:2], *second[:2]]).all()
    assert first[2] == second[2] == 4.0  # demand is reckoned with all the same


@pytest.mark.parametrize(
    ("per_s", "seconds", "said"),
    [
        pytest.param(150, [0], 150, id="begun a second ago"),
        pytest.param(150, [1, 2, 3], 0, id="over since a second"),
        pytest.param(1, [1], 1 / 3, id="few, and none in the last second by chance"),
        pytest.param(1, [0], 1 / 3, id="few, and one in the last second by chance"),
    ],
)
def test_a_change_shows_in_the_next_second_but_chance_does_not(per_s: int, seconds: list[int], said: float) -> None:
    assert of(failing(per_s, *ports(443), seconds=seconds), 443)[0] == pytest.approx(said)


@pytest.mark.parametrize("seen_s", [1, 2, 3, 20])
def test_a_mean_is_over_the_time_in_which_somebody_counted(seen_s: int) -> None:
    rows = {(A, 10_000 - 10 * second - 1): 150 for second in range(seen_s)}
    failures = FailureHistory().advance(replace(counted(1000.0, rows), since=1000.0 - seen_s), 1000.0)
    reading = described(*ports(443), port_range=(LOW, LOW + SIZE - 1), failures=failures)
    failed_per_s, _, asked_per_s = of(reading, 443)
    assert [failed_per_s, asked_per_s] == pytest.approx([150, 150], rel=0.01)


def test_what_failed_until_ports_came_free_still_belongs_to_the_only_destination() -> None:
    assert of(failing(3, *ports(443, used=5)), 443) == (3.0, 30.0, 3.0)


def test_a_failure_to_another_address_is_not_of_this_one() -> None:
    assert of(failing(9, *ports(443), to=B), 443) == (0.0, 0.0, 0.0)


def test_where_nobody_counts_failures_are_unknown() -> None:
    reading = described(*ports(443), port_range=(LOW, LOW + SIZE - 1))
    assert np.isnan(of(reading, 443)[:2]).all()


def test_a_budget_that_gets_ports_back_fills_again_at_the_pace_of_all_that_ask() -> None:
    """15 ports are free and 2 connects a second failed until now: full in 7.5 s, not never."""
    reading = failing(2, *ports(443, used=5))
    at = not_none(reading.find(("10.0.0.1", "10.0.0.5", 443)))
    assert reading.budgets.full_in_s[at] == pytest.approx(7.5, abs=0.5)


def test_where_a_client_binds_first_nobody_knows_what_fails() -> None:
    """A bind() that fails leaves no address to count it by."""
    lports = np.arange(LOW, LOW + 2000)
    blocks = [
        many("10.0.0.1", f"10.0.1.{number}:443", "TIME_WAIT", lports=lports[number::20], remaining=40)
        for number in range(20)
    ]
    sample = make_sample(*blocks, port_range=(LOW, LOW + 1999), tw_reuse=0)
    failures = FailureHistory().advance(counted(1000.0, {}), 1000.0)
    found = analyse(decode(sample), failures=failures)
    assert not_none(found.bind_first).holds.all()
    assert np.isnan(found.budgets.failed_per_s).all()
    assert np.isnan(found.budgets.failed_60s).all()


@pytest.mark.parametrize("seconds_ago", [0, 7, 59])
def test_a_budget_was_full_when_a_connect_to_it_failed(seconds_ago: int) -> None:
    """A single one, whatever is free now. Of another address nothing is told."""
    reading = failing(1, *ports(443, used=5), seconds=[seconds_ago])
    assert reading.budgets.limit.full_at.tolist() == [1000 - seconds_ago]
    assert reading.budgets.limit.lately.tolist() == [True]
    elsewhere = failing(1, *ports(443, used=5), seconds=[seconds_ago], to=B)
    assert elsewhere.budgets.limit.full_at.tolist() == [-np.inf]
    assert elsewhere.budgets.limit.lately.tolist() == [False]


def test_nobody_knows_which_of_several_was_full_when_a_connect_failed() -> None:
    reading = failing(1, *ports(443, 80, used=5), seconds=[7])
    assert reading.budgets.limit.full_at.tolist() == [-np.inf] * 2
