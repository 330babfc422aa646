"""From which counts on rates differ by more than chance and TIME_WAIT are missing, and what is added where they are."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.port_reading import analyse, described
from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.budgets.rates import Rates, disagree, measure_rates
from twtop.dump.failures import SECONDS, Refused
from twtop.dump.reading import DumpSummary, Reading
from twtop.model import Counts
from twtop.sources.decode import decode

CONNECTION = sock("10.0.0.1:40000", "10.0.0.5:443")


def after(reading: Reading, *before: tuple[float, dict[str, float]]) -> Reading:
    """The reading after dumps that were so many seconds earlier, and had these counts of its budget."""
    number = len(reading.names)
    recent = []
    for seconds, counts in before:
        columns = {each: np.full(number, counts.get(each, 0.0)) for each in ("live", "used", "running", "lasting")}
        recent.append(
            DumpSummary(
                mono=reading.snapshot.dumped - seconds,
                held=0,
                overflowed=int(counts["overflowed"]) if "overflowed" in counts else None,
                names=reading.names,
                fresh=np.full(number, counts.get("fresh", 0.0)),
                full_at=np.full(number, -np.inf),
                is_now=np.zeros(number, np.bool_),
                full_in_s=np.full(number, np.nan),
                asked_per_s=np.full(number, np.nan),
                **columns,
            )
        )
    return replace(reading, recent=tuple(recent))


def measured(
    reading: Reading, age_ms: Counts, live: float = 0, failed_per_s: float = 0, replaced: bool = False
) -> Rates:
    """The rates of the only budget of a reading, with TIME_WAIT of these ages."""
    failed = Refused(np.full((1, SECONDS), failed_per_s), np.ones(1, np.int64), seen_s=60)
    code, ages = np.zeros(len(age_ms), np.intp), age_ms.astype(np.int32)
    return measure_rates(reading, code, ages, reading.names, np.array([live]), failed, np.array([replaced]))


@pytest.mark.parametrize(
    ("long_per_s", "short_per_s", "differ"),
    [
        (3, 5, False),  # 9 and 15 in three seconds: two standard deviations are 6
        (3, 16 / 3, True),
        (3, 1, False),
        (3, 0.9, True),
        (0, 2 / 3, False),  # one connection is the least to expect
        (0, 0.7, True),
        (0.5, 1.4, True),  # 1.5 and 4.2: two standard deviations are 2.4
        (0.5, 1.3, False),
    ],
)
def test_rates_differ_by_more_than_two_standard_deviations_of_three_seconds(
    long_per_s: float, short_per_s: float, differ: bool
) -> None:
    assert disagree(np.array([long_per_s]), np.array([short_per_s])).tolist() == [differ]


def growing(*live: float, age_ms: Counts | None = None) -> tuple[float, float]:
    """(growth, trend) of a budget with so many open connections 10, 3, 1 and 0 seconds ago."""
    *before, now = live
    reading = after(
        described(CONNECTION).reading,
        *((seconds, {"live": count}) for seconds, count in zip((10, 3, 1), before, strict=True)),
    )
    found = measured(reading, np.empty(0, np.int64) if age_ms is None else age_ms, live=now)
    return float(found.growth[0]), float(found.trend[0])


def test_growth_of_just_as_many_as_chance_allows_is_chance() -> None:
    """The sum of 170 and 230 connections is 400, and its root 20: sixty more are three standard deviations."""
    assert growing(170, 212, 230, 230) == (6, 0)
    assert growing(170, 213, 231, 231)[1] > 0


def test_just_two_standard_deviations_are_no_other_growth() -> None:
    """As many as ten seconds ago, and 40 more than three seconds ago: √400 is 20."""
    assert growing(200, 160, 160, 200) == (0, 0)
    assert growing(200, 159, 160, 200)[0] == pytest.approx(41 / 3)


def test_of_hardly_any_connections_chance_is_one() -> None:
    """Of 3, one is left three seconds later; two are 2.3 fewer than expected."""
    assert growing(0, 3, 1, 1)[0] == pytest.approx(-2 / 3)


def test_a_load_of_just_three_seconds_tells_growth_over_three() -> None:
    """It grew by twelve within three seconds, and by nothing in the last one."""
    assert growing(100, 100, 112, 112, age_ms=np.arange(0, 3_001, 50))[0] == 4
    assert growing(100, 100, 112, 112, age_ms=np.arange(0, 2_951, 50))[0] == 0


def taken_over(age_ms: Counts, *fresh: tuple[float, float], failed_per_s: float = 0) -> float:
    """Closed per second, where a TIME_WAIT may be taken over and (seconds ago, how many were fresh then)."""
    reading = after(described(CONNECTION).reading, *((seconds, {"fresh": count}) for seconds, count in fresh))
    return float(measured(reading, age_ms, failed_per_s=failed_per_s, replaced=True).closing[0])


def ages(*counts: tuple[int, int]) -> Counts:
    """So many TIME_WAIT of each age."""
    return np.concatenate([np.full(count, age) for age, count in counts])


def test_time_wait_are_missing_if_there_are_fewer_than_chance_allows() -> None:
    """Ten thousand a second are 90 000 in nine, and three standard deviations of that are 900. That of 9 s is older."""
    before = (8.0, 10_000.0)
    enough = ages((500, 10_000), (8_500, 79_100), (9_000, 5))
    one_fewer = ages((500, 10_000), (8_500, 79_099), (9_000, 5))
    assert taken_over(enough, before) < 9_999
    assert taken_over(one_fewer, before) == 10_000


def test_a_time_wait_is_fresh_within_a_second() -> None:
    """Not one whose second has just passed. Most of those that began earlier are gone."""
    assert taken_over(ages((0, 50), (999, 50), (1_000, 50)), (9, 100)) == 100


def test_those_that_were_fresh_within_three_seconds_tell_the_rate_once_it_has_changed() -> None:
    assert taken_over(ages((0, 170)), (9, 100), (6, 100), (3, 100), (2, 150)) == 160


def test_until_then_all_of_the_last_ten_seconds_tell_it() -> None:
    assert taken_over(ages((0, 100)), (9, 100), (5, 130), (3, 102)) == 108


def test_the_first_dump_cannot_tell_that_some_are_missing() -> None:
    """Thirty in the first second of a load are three per second, over ten."""
    assert taken_over(ages((500, 30))) == 3


def test_what_fails_is_asked_for_beside_those_that_are_missing() -> None:
    assert taken_over(ages((0, 100)), (9, 100), failed_per_s=7) == 107


def test_only_where_time_wait_may_be_taken_over_are_some_missing() -> None:
    """The first of two budgets asks for 10 per second: of the second one nothing can be missing."""
    both = many("10.0.0.1", "10.0.0.5:443", lports=[40_000]), many("10.0.0.1", "10.0.0.6:443", lports=[40_000])
    reading = after(described(*both).reading, (9, {"fresh": 10.0}))
    code, age_ms = np.repeat(np.arange(2), 10), np.tile(np.arange(0, 1000, 100, dtype=np.int32), 2)
    found = measure_rates(reading, code, age_ms, reading.names, np.zeros(2), replaced=np.array([True, False]))
    assert found.closing.tolist() == [10, 1]


def without_bucket(age_ms: int, failed_per_s: float = 0) -> float:
    """Closed per second of a budget with one TIME_WAIT, if 40 closes found no bucket in the last four seconds."""
    waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=[40_000], remaining=30)
    reading = analyse(decode(make_sample(waiting, counters={"TCPTimeWaitOverflow": 140}))).reading
    before = after(reading, (4, {"overflowed": 100.0}))
    return float(measured(before, np.array([age_ms]), failed_per_s=failed_per_s).closing[0])


def test_closes_without_a_bucket_are_added_to_those_of_the_same_seconds() -> None:
    assert without_bucket(age_ms=0) == 41 / 4
    assert without_bucket(age_ms=3_999) == 41 / 4
    assert without_bucket(age_ms=4_000) == 10


def test_what_fails_is_asked_for_beside_closes_without_a_bucket() -> None:
    assert without_bucket(age_ms=4_000, failed_per_s=3) == 13
