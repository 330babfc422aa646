"""The seconds of a run: how many failed in each, and which are unknown."""

import numpy as np

from tests.support.not_none import known
from tests.support.refused_connects import failed
from twtop.dump.failures import REMEMBERED, FailureHistory, Failures
from twtop.sources.decode_failed_connects import decode_failed_connects

TO = "10.0.0.5"


def advance(
    history: FailureHistory, until: float, per_s: int = 0, since: float = 100.0, seconds: int = 1, lost: int = 0
) -> Failures:
    """Count so many in each of the last seconds."""
    counted = decode_failed_connects(failed(until, {TO: per_s} if per_s else {}, seconds, since, lost))
    return known(history.advance(counted, until))


def last(found: Failures, seconds: int) -> list[float | None]:
    """The last seconds, None for unknown."""
    return [None if np.isnan(count) else count for count in found.by_second[-seconds:].tolist()]


def test_seconds_are_those_of_the_clock() -> None:
    """What failed at 102.4 stays in the second from 102 on, whenever it is asked for."""
    history = FailureHistory()
    first = advance(history, 102.5, per_s=4)
    assert (first.ended, last(first, 3)) == (102, [None, 0, 0])  # since 100
    second = advance(history, 103.2, per_s=3)
    assert (second.ended, last(second, 4)) == (103, [None, 0, 0, 4])
    third = advance(history, 104.9)
    assert (third.ended, last(third, 5)) == (104, [None, 0, 0, 4, 3])
    assert len(third.by_second) == REMEMBERED
    assert not third.by_second.flags.writeable


def test_a_second_that_was_counted_in_part_is_unknown() -> None:
    history = FailureHistory()
    assert last(advance(history, 103.0, per_s=2, since=100.3, seconds=3), 4) == [None, None, 2, 2]


def test_while_nobody_counts_there_is_a_gap() -> None:
    history = FailureHistory()
    advance(history, 102.0, per_s=5, seconds=2)
    assert last(known(history.advance(None, 105.0)), 6) == [None, 5, 5, None, None, None]
    assert last(advance(history, 108.5, per_s=1, since=106.0), 7) == [5, 5, None, None, None, None, 0, 0][1:]


def test_four_minutes_are_remembered() -> None:
    history = FailureHistory()
    advance(history, 101.0, per_s=7)
    for now in range(102, 342):
        found = advance(history, now)
    assert last(found, 240)[0] == 0
    assert np.nansum(advance(FailureHistory(), 101.0, per_s=7).by_second) == 7
    found = known(FailureHistory().advance(decode_failed_connects(failed(340.0, {TO: 7}, since=100.0)), 340.0))
    assert np.count_nonzero(~np.isnan(found.by_second)) == 60


def test_a_pause_of_more_than_a_minute_is_a_gap() -> None:
    """What was counted in it has no time of its own any more."""
    history = FailureHistory()
    advance(history, 102.0, per_s=5, seconds=2)
    found = advance(history, 202.0, per_s=3, seconds=2)
    assert last(found, 102) == [5, 5, *[None] * 40, *[0] * 58, 3, 3]


def test_what_came_too_fast_to_keep_its_address_is_in_the_second_of_its_reading() -> None:
    history = FailureHistory()
    advance(history, 102.5, per_s=2, lost=40)
    assert last(advance(history, 103.5), 1) == [42]


def test_the_first_second_that_is_remembered_has_its_count() -> None:
    history = FailureHistory()
    advance(history, 102.0, per_s=5, seconds=2)
    assert last(advance(history, 340.0), REMEMBERED)[:2] == [5, 5]
    assert last(advance(history, 341.0), REMEMBERED)[:2] == [5, None]


def test_a_first_second_that_was_counted_in_part_is_unknown() -> None:
    history = FailureHistory()
    advance(history, 100.5, since=90.0)
    assert last(known(history.advance(None, 340.0)), REMEMBERED) == [None] * REMEMBERED
    assert last(known(history.advance(None, 339.0)), REMEMBERED)[:2] == [0, None]


def test_a_reading_after_exactly_a_minute_leaves_no_gap() -> None:
    history = FailureHistory()
    advance(history, 102.5)
    assert last(advance(history, 162.5), 62) == [0] * 62


def test_what_is_older_is_forgotten() -> None:
    """A run of days keeps no more than what it tells."""
    history = FailureHistory()
    for minute in range(20):
        advance(history, 100.0 + 90 * minute, per_s=1, seconds=50)
    assert len(history._seconds._counts) <= REMEMBERED
    assert len(history._seconds._spans) <= REMEMBERED / 90 + 1
