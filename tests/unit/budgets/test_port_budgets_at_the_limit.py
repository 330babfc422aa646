"""Budgets that are or were full: when their next port is free, whether they are full still, and what fails."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.counted_failures import counted
from tests.support.not_none import known
from tests.support.port_reading import described
from tests.support.sock_diag_dump import many
from twtop.budgets.bind_first import bind_first
from twtop.budgets.port_budgets import port_budgets
from twtop.dump.failures import FailureHistory

LOW, HIGH = 40_000, 40_099
FULL = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, HIGH + 1), remaining=30)
OTHER = many("10.0.0.1", "10.0.0.6:443", lports=range(LOW, LOW + 10))


def test_the_next_port_is_free_so_much_sooner_as_seconds_pass() -> None:
    """Also beside a budget that awaits none."""
    found = described(FULL, OTHER, port_range=(LOW, HIGH))
    full, other = (known(found.find(("10.0.0.1", remote, 443))) for remote in ("10.0.0.5", "10.0.0.6"))
    at_first = found.budgets.next_free_s[full]
    assert found.budgets.in_seconds(10).next_free_s[full] == at_first - 10
    assert found.budgets.in_seconds(100).next_free_s[full] == 0
    assert np.isnan(found.budgets.in_seconds(10).next_free_s[other])


def test_where_no_port_is_awaited_nothing_changes_as_seconds_pass() -> None:
    found = described(OTHER, port_range=(LOW, HIGH)).budgets
    assert found.in_seconds(10) is found


def test_ports_that_connect_may_take_over_are_to_spare() -> None:
    """It was full ten seconds ago and asked for ten per second, which take 41 ports in two moves of the wheel. Five are
    free, and fifty more may be taken over."""
    held = many("10.0.0.1", "10.0.0.5:443", lports=range(LOW, LOW + 45))
    waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW + 45, LOW + 95), remaining=15)
    before = described(held, waiting, port_range=(LOW, HIGH), tw_reuse=1).summary()
    was_full = replace(before, full_at=np.array([990.0]), asked_per_s=np.array([10.0]))
    found = described(held, waiting, at=1, recent=[was_full], port_range=(LOW, HIGH), tw_reuse=1).budgets
    assert found.left_at_most.tolist() == [55]
    assert (found.limit.lately.tolist(), found.limit.unseen.tolist()) == ([True], [False])
    assert found.full_in_s.tolist() == [np.inf]


def test_the_demand_for_a_full_budget_is_unseen_whoever_binds_first() -> None:
    reading = described(FULL, port_range=(LOW, HIGH)).reading
    found = port_budgets(reading, known(bind_first(reading)))
    assert found.limit.unseen.tolist() == [True]


@pytest.mark.parametrize(("before", "lately", "told"), [(4, 8, 4), (3, 9, 9)])
def test_the_rate_of_failures_is_of_three_seconds_unless_the_last_one_differs_by_more_than_chance(
    before: int, lately: int, told: float
) -> None:
    """Twelve in three seconds are four per second, with a standard deviation of two: four more are chance."""
    rows = {(0xFFFF_0A00_0005, 9_975): before, (0xFFFF_0A00_0005, 9_995): lately}
    failures = FailureHistory().advance(counted(1000.0, rows), 1000.0)
    found = described(FULL, port_range=(LOW, HIGH), failures=failures).budgets
    assert found.failed_per_s.tolist() == [told]
