"""Since when a load is as it is now, and how sure its mean is: at the boundaries, by counts that leave no rounding."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from twtop.budgets.demand import Demand, measure_demand
from twtop.model import Counts


class Told(NamedTuple):
    """The demand of one budget, as in Demand."""

    per_s: float
    least: float
    most: float
    seen_s: float


def told(found: Demand, budget: int = 0) -> Told:
    return Told(*(float(getattr(found, each.name)[budget]) for each in dataclasses.fields(Demand)))


def of_seconds(*counts: float) -> Told:
    """Of so many failed connects in each of the last seconds, youngest first: they count evenly in their second."""
    nothing = np.empty(0, np.intp)
    return told(measure_demand(nothing, nothing.astype(np.int32), 1, np.array([counts[::-1]], np.float64)))


def of_ages(age_ms: Counts) -> Told:
    return told(measure_demand(np.zeros(len(age_ms), np.intp), age_ms.astype(np.int32), 1))


def of_bins(*counts: int) -> Told:
    """Of so many closes in each quarter of a second, youngest first, all in its first millisecond."""
    return of_ages(np.repeat(np.arange(len(counts)) * 250, counts))


def test_three_seconds_are_a_change_and_two_are_a_stall_or_a_burst() -> None:
    """Thirteen per second instead of ten, with fewer before so that no longer stretch has more."""
    assert of_seconds(13, 13, 13, 3, *[10] * 56)[::3] == (13, 3)
    assert of_seconds(13, 13, 6, 8, *[10] * 56).seen_s == 60


def test_two_seconds_are_a_change_to_the_double() -> None:
    """Of ten per second in the mean."""
    assert of_seconds(20, 20, 0, 0, *[10] * 56)[::3] == (20, 2)
    assert of_seconds(19.9, 19.9, 0, 0.2, *[10] * 56).seen_s == 60


def test_two_seconds_are_a_change_to_the_half() -> None:
    assert of_seconds(5, 5, 15, 15, *[10] * 56)[::3] == (5, 2)
    assert of_seconds(7, 7, 14, 12, *[10] * 56).seen_s == 60


def test_a_change_is_one_if_the_load_is_even_since() -> None:
    """29 in one of two seconds are five more than half of 48: four beyond the one from counting, a twelfth of 48."""
    assert of_seconds(29, 19, 0, 0, 2, *[10] * 55)[::3] == (24, 2)
    assert of_seconds(30, 18, 0, 0, 2, *[10] * 55)[::3] == (26, 1.5)


def test_what_may_have_risen_unevenly_is_the_most_that_may_come() -> None:
    """Ten per second, and another forty in a quarter of the last second: fifty per second."""
    ages = np.concatenate([np.arange(0, 60_000, 100), np.full(40, 600)])
    found = of_ages(ages)
    assert found.per_s == pytest.approx(640 / 60)
    assert found.seen_s == 60
    assert found.most == 50


def test_a_load_that_began_within_the_last_minute_is_as_old_as_its_first_connection() -> None:
    """Until 58.75 s: then it may have come all the time, and the minute counts by whole quarters of a second."""
    assert of_ages(np.arange(0, 58_501, 100)).seen_s == 58.5
    assert of_ages(np.arange(0, 58_751, 50)).seen_s == 59


def test_a_load_of_less_than_a_second_is_not_sure() -> None:
    """The first one began the time, so half of it counts."""
    assert of_ages(np.arange(0, 1_001, 25)) == (40.5, 40.5, 40.5, 1)
    assert of_ages(np.arange(0, 991, 22))[::3] == (4.55, 10)


def test_a_load_that_has_just_begun_may_be_as_fast_as_in_a_quarter_of_a_second() -> None:
    assert of_ages(np.arange(40)) == (3.95, 0, 39.5 / 0.25, 10)


UNEVEN = 1, 2, 1, 2, 2, 2, 2, 3, 2, 3, 3, 3, 3, 3, 3, 3, 3


def test_a_new_load_is_a_rate_unless_its_distance_from_an_even_one_is_more_than_an_eighth() -> None:
    """After 2.25 of 4 s it has 17 of 41: 6.0625 fewer than an even one. Without the one from counting that is an eighth
    of 40.5."""
    assert of_bins(*UNEVEN) == (40.5 / 4, 40.5 / 8, (40.5 + 40.5 / 8) / 4, 4)
    assert of_bins(*UNEVEN[:7], 2, *UNEVEN[8:-1], 4)[::3] == (4.05, 10)


def paused(bins: int, length: int = 22) -> tuple[int, ...]:
    """Four in each quarter of a second since so many, and one that ends the time."""
    return (*[0] * bins, *[4] * (length - bins - 1), 1)


def test_a_load_that_paused_for_longer_than_it_went_on_is_over() -> None:
    """It began 5.25 s ago, in the 22nd quarter of a second: it went on for eleven of them, or for ten."""
    going, over = paused(11), paused(12)
    assert of_bins(*going).per_s == (sum(going) - 0.5) / 10
    assert of_bins(*over)[::2] == (sum(over) / 10, sum(over) / 10)
    assert of_bins(*over).seen_s == 10
    assert of_bins(1, *over[1:]).per_s == (sum(over) + 1 - 0.5) / 10  # it goes on with a single one


def test_few_of_one_budget_are_none_of_another() -> None:
    """The second and the third have an even load, the first one has five connections, all at once."""
    even = np.arange(0, 60_000, 200)
    code = np.concatenate([np.zeros(5), np.ones(len(even)), np.full(len(even), 2)]).astype(np.intp)
    age_ms = np.concatenate([np.full(5, 5_000), even, even]).astype(np.int32)
    found = measure_demand(code, age_ms, 3)
    assert told(found, 0).per_s == 0.5
    assert told(found, 1) == told(found, 2) == told(measure_demand(code[code == 1] - 1, age_ms[code == 1], 1))


def test_connects_that_never_failed_are_of_no_age() -> None:
    """Four that closed within a quarter of a second are 16 per second at the most, whoever counts what fails."""
    age_ms = np.array([0, 0, 100, 100], np.int32)
    assert told(measure_demand(np.zeros(4, np.intp), age_ms, 1, np.zeros((1, 60)))) == (0.4, 0, 16, 10)
