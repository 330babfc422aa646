"""How even a load is and whether it has changed, by counts of which the figures can be worked out by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from twtop.budgets import evenness
from twtop.budgets.evenness import BINS, STEPS
from twtop.model import Floats

WHOLE = np.array([BINS])


def of_seconds(*counts: float) -> Floats:
    """The totals of a budget with so many connections in each of the last seconds, youngest first, evenly in each."""
    bins = np.repeat([*counts, *[0.0] * (60 - len(counts))], STEPS) / STEPS
    return np.concatenate([[0.0], bins.cumsum()])[None, :]


def of_bins(*counts: float) -> Floats:
    """The same, by quarters of a second."""
    return np.concatenate([[0.0], np.cumsum([*counts, *[0.0] * (BINS - len(counts))])])[None, :]


def spread(*counts: float, stretch: int = 0, length: int = BINS) -> float:
    total = of_seconds(*counts)
    return float(evenness.spread(total, (stretch,), np.array([length]), evenness.squares(total))[0, 0])


def test_an_even_load_has_no_spread() -> None:
    assert spread(*[10] * 60) == 0
    assert spread(*[10, 11] * 30) == 0  # that is what counting whole connections adds


def test_the_spread_is_half_the_mean_square_of_differences_as_a_part_of_the_mean() -> None:
    """16 / 2 − 0.5 of 12, and 9 / 2 − 0.5 of 1.5."""
    assert spread(*[10, 14] * 30) == 7.5 / 12
    assert spread(*[3, 0] * 30) == 4 / 1.5


def test_the_spread_of_hardly_any_is_a_part_of_one() -> None:
    """Four differences of 4 between 60 seconds with eight connections."""
    assert spread(0, 4, 0, 4, *[0] * 56) == pytest.approx(4 * 16 / 59 / 2 - 0.5)


@pytest.mark.parametrize("stretch", [5, 6, 8])
def test_the_spread_is_of_the_whole_seconds_before_the_stretch(stretch: int) -> None:
    assert spread(500, 0, *[10, 14] * 29, stretch=stretch) == 7.5 / 12
    assert spread(500, 0, 10, 14, 90, stretch=stretch, length=4 * STEPS) == 7.5 / 12


def test_the_spread_is_of_the_whole_seconds_that_count() -> None:
    assert spread(10, 14, 500, length=2 * STEPS + 3) == 7.5 / 12
    assert spread(10, 14, 500, length=STEPS + 3) == 0  # one second alone
    assert spread(10, 14, 500, length=STEPS - 1) == 0


def may_have_changed(total: Floats, stretch: int, length: int = BINS, spread: float = 0.0) -> bool:
    return bool(evenness.may_have_changed(total, (stretch,), np.array([length]), np.array([[spread]]))[0, 0])


def has_changed(total: Floats, stretch: int, length: int = BINS, spread: float = 0.0) -> bool:
    return bool(evenness.has_changed(total, stretch, np.array([length]), np.array([spread]))[0])


@pytest.mark.parametrize(
    ("lately", "spread", "changed"),
    [
        ((9, 9), 0.0, False),  # two more than 16
        ((9, 10), 0.0, True),
        ((7, 7), 0.0, False),
        ((7, 6), 0.0, True),
        ((15, 15), 0.5, False),  # three standard deviations of √16 and the two, more than 16
        ((15, 16), 0.5, True),
        ((3, 4), 0.5, False),  # of √7
        ((3, 3), 0.5, True),
    ],
)
def test_two_seconds_differ_from_eight_per_second_by_more_than_three_standard_deviations(
    lately: Sequence[int], spread: float, changed: bool
) -> None:
    assert may_have_changed(of_seconds(*lately, *[8] * 58), 2 * STEPS, spread=spread) == changed


def test_of_none_the_deviation_is_that_of_one() -> None:
    """2 + 3√1 of five or six."""
    assert not may_have_changed(of_seconds(0, *[5] * 59), STEPS, spread=0.5)
    assert may_have_changed(of_seconds(0, *[6] * 59), STEPS, spread=0.5)


def test_a_stretch_needs_another_one_before_it() -> None:
    assert may_have_changed(of_seconds(20, 10), STEPS, length=2 * STEPS)
    assert not may_have_changed(of_seconds(20, 10), STEPS, length=2 * STEPS - 1)
    assert not may_have_changed(of_seconds(20, 10), STEPS, length=STEPS)


@pytest.mark.parametrize("stretch", [1, 2, 12, 120])
def test_an_even_load_has_not_changed(stretch: int) -> None:
    for length in (2 * stretch, BINS):
        assert not may_have_changed(of_seconds(*[20] * 60), stretch, length)
        assert not has_changed(of_seconds(*[20] * 60), stretch, length)


@pytest.mark.parametrize(("lately", "changed"), [(15, False), (16, True), (8, False), (7, True)])
def test_a_second_has_more_than_the_most_before_or_less_than_the_least(lately: int, changed: bool) -> None:
    """Ten per second, with 13 in one second, and a difference of two, as both are counted."""
    counts = lately, *[10] * 20, 13, *[10] * 38
    assert has_changed(of_seconds(*counts), STEPS) == changed


def test_only_what_counts_is_compared_up_to_its_end() -> None:
    """Of 21 seconds the last one had 13, and the one before those had 100."""
    total = of_seconds(15, *[10] * 19, 13, 100, *[10] * 38)
    assert not has_changed(total, STEPS, length=21 * STEPS)
    assert has_changed(total, STEPS, length=20 * STEPS)


def distance(total: Floats, length: int, seconds: float) -> float:
    return float(evenness.distance(total, np.array([length]), seconds)[0])


def test_an_even_load_is_at_no_distance_from_the_line() -> None:
    assert distance(of_seconds(*[10] * 60), BINS, 60) == 0
    assert distance(of_bins(*[1, 0] * 120), BINS, 60) == 0  # up to one from counting whole connections


def test_the_connection_that_began_the_time_stands_at_its_end() -> None:
    """It was closed ten seconds ago, in the bin after those of the ten seconds."""
    assert distance(of_bins(*[2] * 40, 1), 41, 10) == 0


def test_a_burst_is_as_far_from_the_line_as_it_has_connections() -> None:
    """Less the one, and what the line has after a quarter of a second."""
    assert distance(of_bins(48), BINS, 60) == 48 - 48 / BINS - 1
    assert distance(of_bins(*[0] * 239, 48), BINS, 60) == 48 - 48 / BINS - 1


def test_the_distance_is_that_of_the_bins_that_count() -> None:
    """Even for ten seconds; for the first of them only half as many as in twenty."""
    total = of_seconds(*[4] * 10, 100)
    assert distance(total, 40, 10) == 0
    assert distance(total, 40, 20) == 20 - 1
