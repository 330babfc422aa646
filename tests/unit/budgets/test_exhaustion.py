"""When a budget is full, to the hundredth of a second: by what holds its ports, what takes them, and how sure it is."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from twtop.budgets.exhaustion import (
    SOON_S,
    STILL_TRUSTED,
    TRUSTED_TIMES,
    PortUse,
    TimeToFull,
    max_per_s,
    time_to_full,
)
from twtop.budgets.rates import Rates
from twtop.dump.timer_wheel import Wheel

WHEEL = Wheel(step_s=2.0, next_s=1.0)
"""It releases after 1, 3, 5 … s, so that a TIME_WAIT holds its port for 62 s at the most."""

NEVER, FOREVER = math.inf, 1e9


def time_to(
    free_in: Sequence[float] = (),
    *,
    capacity: float,
    live: float = 0,
    closing: float = 0,
    growth: float = 0,
    trend: float = 0,
    least_closing: float | None = None,
    most_closing: float | None = None,
    least_growth: float | None = None,
    seen_s: float = FOREVER,
    hold_s: float = WHEEL.longest_s,
    buckets: float = math.inf,
    was_full: bool | None = None,
    was_soon: bool | None = None,
) -> TimeToFull:
    """When a budget is full of which TIME_WAIT hold a port for `free_in` s. Rates are sure unless given."""
    rates = Rates(
        closing=np.array([closing]),
        growth=np.array([growth]),
        trend=np.array([trend]),
        least_closing=np.array([closing if least_closing is None else least_closing]),
        most_closing=np.array([closing if most_closing is None else most_closing]),
        least_growth=np.array([growth if least_growth is None else least_growth]),
        seen_s=np.array([seen_s]),
    )
    use = PortUse(
        waiting=np.array([len(free_in)], np.float64),
        live=np.array([live], np.float64),
        rates=rates,
        hold_s=np.array([hold_s]),
        capacity=np.array([capacity], np.float64),
        most_waiting=np.array([buckets]),
    )
    masks = (None if mask is None else np.array([mask]) for mask in (was_full, was_soon))
    return time_to_full(use, WHEEL, np.zeros(len(free_in), np.intp), np.array(free_in, np.float64), *masks)


def full_in(*args: Any, **columns: Any) -> float:
    """Seconds until that budget is full."""
    return float(time_to(*args, **columns).full[0])


def tight_in(*args: Any, **columns: Any) -> float:
    """Seconds until that budget has no ports to spare."""
    return float(time_to(*args, **columns).tight[0])


def test_open_connections_bear_nothing_and_more_of_them_than_ports_neither() -> None:
    assert max_per_s(np.full(3, 124.0), np.array([0.0, 62.0, 200.0]), np.full(3, 62.0)).tolist() == [2, 1, 0]


def test_connections_that_are_closed_fill_it_at_their_rate() -> None:
    """Full is one too many: 101, and a hundredth of a second more for moments that are not known better."""
    assert full_in(capacity=100, closing=10) == pytest.approx(10.11)


def test_connections_that_stay_open_fill_it_at_their_growth() -> None:
    assert full_in(capacity=100, live=50, growth=5) == pytest.approx(10.2)


def test_in_the_first_second_moments_are_told_apart_by_quarters() -> None:
    """Ten ports come free after half a second, twenty connections a second take them."""
    assert full_in([0.5] * 10, capacity=18, growth=20) == pytest.approx(0.45)
    assert full_in([0.5] * 10, capacity=19, growth=20) == 0.5
    assert full_in([0.5] * 10, capacity=19.1, growth=20) == pytest.approx(1.005)


def test_a_port_that_comes_free_in_time_is_taken_again() -> None:
    """Thirty come free at the move after 5 s."""
    waiting = [5.0] * 30
    assert full_in(waiting, capacity=78, growth=10) == pytest.approx(4.9)
    assert full_in(waiting, capacity=79, growth=10) == 5
    assert full_in(waiting, capacity=79.1, growth=10) == pytest.approx(8.01)


def test_every_budget_is_filled_by_its_own() -> None:
    """Two of them grow by ten per second, beside one that is far from full."""
    nothing, growth = np.zeros(3), np.array([10.0, 0.0, 10.0])
    use = PortUse(
        waiting=np.array([20.0, 9.0, 30.0]),
        live=nothing,
        rates=Rates(nothing, growth, nothing, nothing, nothing, growth, np.full(3, FOREVER)),
        hold_s=np.full(3, WHEEL.longest_s),
        capacity=np.array([79.0, 1e6, 79.1]),
        most_waiting=np.full(3, np.inf),
    )
    code, free_in_s = np.array([2] * 30 + [1] * 9 + [0] * 20), np.array([5.0] * 30 + [3.0] * 9 + [9.0] * 20)
    for left_out in (np.zeros(59, np.bool_), ~use.near(WHEEL)[code]):
        found = time_to_full(use, WHEEL, code[~left_out], free_in_s[~left_out])
        assert found.full.tolist() == pytest.approx([6, NEVER, 8.01])
    assert use.near(WHEEL).tolist() == [True, False, True]


@pytest.mark.parametrize(("live", "expected"), [(49, NEVER), (50, 0), (51, 0)])
def test_a_budget_is_full_now_once_all_ports_are_taken(live: int, expected: float) -> None:
    assert full_in([5.0] * 50, live=live, capacity=100) == expected


def test_an_unknown_capacity_is_never_known_to_be_full() -> None:
    assert math.isnan(full_in([5.0] * 50, capacity=math.nan, closing=10, trend=1))
    assert math.isnan(tight_in([5.0] * 50, capacity=math.nan, closing=10, trend=1))


def test_a_budget_without_a_hundredth_of_its_ports_has_none_to_spare() -> None:
    assert tight_in(capacity=100, closing=10) == pytest.approx(9.9)
    assert tight_in([5.0] * 99, capacity=100) == 0
    assert tight_in([5.0] * 98, capacity=100) == NEVER


@pytest.mark.parametrize(("closing", "tight"), [(1.58, False), (1.6, True)])
def test_a_load_that_never_fills_a_budget_may_leave_no_ports_to_spare(closing: float, tight: bool) -> None:
    """100 ports bear 1.613 connections per second."""
    assert full_in(capacity=100, closing=closing) == NEVER
    found = tight_in(capacity=100, closing=closing)
    assert 61 < found < 63 if tight else found == NEVER


@pytest.mark.parametrize(("closing", "fills"), [(1.61, False), (1.64, True)])
def test_a_closed_connection_gives_its_port_back_after_a_minute_and_a_step(closing: float, fills: bool) -> None:
    """100 ports bear 100 / 62 = 1.613 connections per second, and full is one too many."""
    found = full_in(capacity=100, closing=closing)
    assert 61 < found < 63 if fills else found == NEVER


def test_within_the_last_step_some_ports_are_back_already() -> None:
    """Ten per second: after 61 s 600 at the least hold a port, after 63 s 620 at the most."""
    assert full_in(capacity=613.9, closing=10) == pytest.approx(62.5)
    assert full_in(capacity=618.9, closing=10) == pytest.approx(63)
    assert math.isnan(full_in(capacity=619, closing=10))  # by a hundredth of a second
    assert full_in(capacity=619.1, closing=10) == NEVER


def test_with_reuse_a_port_is_held_for_the_delay() -> None:
    assert full_in(capacity=98, closing=100, hold_s=1) == 1
    assert math.isnan(full_in(capacity=99, closing=100, hold_s=1))
    assert full_in(capacity=99.1, closing=100, hold_s=1) == NEVER


def test_the_limit_of_buckets_leaves_no_more_time_wait_than_there_are() -> None:
    waiting = [61.0] * 30
    assert full_in(waiting, capacity=60, closing=10, buckets=80) == pytest.approx(3.11)
    assert 3 < full_in(waiting, capacity=60, closing=10, buckets=61.2) < 5
    assert full_in(waiting, capacity=60, closing=10, buckets=60.9) == NEVER
    assert full_in(waiting, capacity=29, growth=0.1, buckets=5) == 0
    assert full_in(waiting, capacity=31, growth=1, buckets=5) == pytest.approx(2)


@pytest.mark.parametrize(("buckets", "expected"), [(math.inf, 138), (10, 190)])
def test_a_trend_fills_what_the_load_leaves_however_long_it_takes(buckets: float, expected: float) -> None:
    """One more each second; 62 of 200 ports are of a steady load, or 10 where there are no more buckets."""
    assert full_in(capacity=200, closing=1, growth=1, trend=1, buckets=buckets) == expected
    assert full_in(capacity=200, closing=1, growth=0.5, trend=0.5, buckets=buckets) == 2 * expected


def test_growth_that_is_no_trend_fills_nothing_after_the_minute() -> None:
    assert full_in(capacity=200, growth=1) == NEVER
    assert full_in(capacity=62, growth=1) == 63
    assert full_in(capacity=62.1, growth=1) == NEVER
    assert full_in(capacity=31, growth=0.5) == NEVER  # it would be after 64 s


def test_a_trend_tells_nothing_of_the_first_minute() -> None:
    """The load's own TIME_WAIT have only begun: 1.5 more each second."""
    assert full_in(capacity=70, closing=0.5, growth=1, trend=1) == pytest.approx(71.005 / 1.5)


def test_fewer_than_now_fill_nothing() -> None:
    assert full_in(capacity=100, live=99, growth=-1, trend=-1) == NEVER
    assert full_in([61.0] * 10, capacity=100, live=80, growth=-1, closing=1) == NEVER


@pytest.mark.parametrize(("seen_s", "is_sure"), [(20 / TRUSTED_TIMES, True), (19.99 / TRUSTED_TIMES, False)])
def test_soon_is_said_of_a_load_that_has_gone_on_for_a_fifth_of_that_time(seen_s: float, is_sure: bool) -> None:
    """It is full in 10 s, or in 20 s at the least growth that is possible."""
    found = full_in(capacity=99, growth=10, least_growth=5, seen_s=seen_s)
    assert found == 10 if is_sure else math.isnan(found)
    assert full_in(capacity=99, growth=10, least_growth=5, seen_s=seen_s, was_soon=True) == 10


def test_what_was_soon_is_so_until_it_is_half_as_sure() -> None:
    late, too_late = (20 / TRUSTED_TIMES / STILL_TRUSTED * factor for factor in (1, 0.99))
    assert full_in(capacity=99, growth=10, least_growth=5, seen_s=late, was_soon=True) == 10
    assert math.isnan(full_in(capacity=99, growth=10, least_growth=5, seen_s=late, was_soon=False))
    assert math.isnan(full_in(capacity=99, growth=10, least_growth=5, seen_s=too_late, was_soon=True))


def test_the_least_rates_are_of_both_kinds_of_connections() -> None:
    """40 s at the least rates of a load that has been seen for a second."""
    assert math.isnan(full_in(capacity=99, closing=5, growth=5, least_closing=0, least_growth=5, seen_s=3.9))
    assert math.isnan(full_in(capacity=99, closing=5, growth=5, least_closing=5, least_growth=0, seen_s=3.9))
    assert full_in(capacity=99, closing=5, growth=5, seen_s=3.9) == pytest.approx(10.005)


@pytest.mark.parametrize(("capacity", "expected"), [(4, math.nan), (SOON_S - 1, math.nan), (SOON_S, 61)])
def test_only_what_is_said_to_be_soon_has_to_be_sure(capacity: float, expected: float) -> None:
    """One more each second, and ten in the smallest; perhaps it grows no more."""
    found = full_in(capacity=capacity, growth=10 if capacity < 10 else 1, least_growth=0)
    assert found == pytest.approx(expected, nan_ok=True)


def test_what_came_unevenly_may_have_been_too_many() -> None:
    """At 12 per second instead of 10, ten more of the last 5 s may be gone by chance."""
    assert full_in(capacity=100, closing=10, most_closing=12, seen_s=5) == pytest.approx(11.11)


@pytest.mark.parametrize(
    ("most", "was_full", "expected"),
    [(1.5, None, NEVER), (2, None, math.nan), (2, False, math.nan), (2, True, 50.5), (1.5, True, NEVER)],
)
def test_never_is_said_only_if_it_is_sure(most: float, was_full: bool | None, expected: float) -> None:
    """100 ports do not bear two connections per second; a budget that was full has shown that there are so many."""
    found = full_in(capacity=100, closing=1, most_closing=most, seen_s=60, was_full=was_full)
    assert found == pytest.approx(expected, nan_ok=True)


def test_a_budget_that_was_full_is_full_as_soon_as_is_expected() -> None:
    sure = {"capacity": 99.0, "growth": 10.0, "was_full": True}
    assert full_in(**sure) == 10
    assert full_in(**sure, least_growth=5, seen_s=1) == 10
