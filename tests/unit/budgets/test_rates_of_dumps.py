"""Rates by the counts of earlier dumps: growth beyond chance, TIME_WAIT that are missing, closes without a bucket."""

from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.port_reading import analyse, described
from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.budgets.rates import Rates, measure_rates
from twtop.dump.reading import RecentDumps
from twtop.model import Timestamps
from twtop.sources.decode import decode

LOW, HIGH = 10_000, 59_999


def of_a_pool(counts: dict[float, int], closed_s: float = 0) -> Rates:
    """The rates of a budget that had so many open connections at these seconds.

    Twenty per second have been closed for `closed_s` seconds.
    """
    recent = RecentDumps()
    age = np.arange(0.025, closed_s, 0.05)
    for second, count in counts.items():
        pool = many("10.0.0.1", "10.0.0.5:443", lports=LOW + np.arange(count))
        seen = described(pool, at=second, recent=recent.before(1000 + second), port_range=(LOW, HIGH))
        recent.keep(seen.summary())
    ages = np.rint(age * 1000).astype(np.int32)
    return measure_rates(seen.reading, np.zeros(len(age), np.int32), ages, seen.reading.names, np.array([float(count)]))


def told(rates: Rates) -> tuple[float, float, float]:
    return float(rates.growth[0]), float(rates.trend[0]), float(rates.least_growth[0])


def steadily(start: int, per_s: int) -> dict[float, int]:
    return {second: start + per_s * second for second in (0, 7, 10)}


def lately(start: int, more: int) -> dict[float, int]:
    """As many for seven seconds, and then more in three."""
    return {0: start, 7: start, 10: start + more}


def test_growth_is_a_trend_beyond_three_standard_deviations() -> None:
    """√(800 + 920) = 41.5, and √(800 + 930) = 41.6 of the sum of both counts."""
    assert told(of_a_pool(steadily(800, 12))) == (12, 0, 0)
    assert told(of_a_pool(steadily(800, 13))) == (13, 13, 13)
    assert told(of_a_pool(steadily(930, -13))) == (-13, -13, -13)


def test_growth_has_changed_beyond_two_standard_deviations() -> None:
    """Over three seconds 117 or 126 more than before, where three tenths of that are expected."""
    assert told(of_a_pool(lately(800, 117))) == (11.7, 0, 0)
    assert told(of_a_pool(lately(800, 126))) == (42, 42, 12.6)


def test_while_the_load_is_new_growth_is_that_of_the_last_seconds() -> None:
    """Closes began 2.5 or 3.5 s ago. Over one second it grew by nothing, over three by twelve, over ten by twelve."""
    counts: dict[float, int] = {0: 100, 7: 100, 9: 112, 10: 112}
    assert of_a_pool(counts, closed_s=2.5).growth.tolist() == [0]
    assert of_a_pool(counts, closed_s=3.5).growth.tolist() == [4]
    assert of_a_pool(counts, closed_s=20).growth.tolist() == [1.2]


def test_the_first_dump_knows_no_growth() -> None:
    assert told(of_a_pool({0: 500})) == (0, 0, 0)


def test_growth_over_fewer_seconds_is_that_since_the_oldest_dump() -> None:
    assert told(of_a_pool({0: 500, 2: 540})) == (20, 0, 0)


def test_the_most_that_may_close_is_no_less_than_what_does() -> None:
    """The first of twenty per second began 0.7 s ago: they may be all that come."""
    rates = of_a_pool({0: 5}, closed_s=0.7)
    assert rates.closing.tolist() == [1.4]
    assert rates.most_closing == pytest.approx([14 / 0.675])


def fresh(counts: dict[float, int]) -> float:
    """New connections per second where so many TIME_WAIT had begun within a second before these moments.

    Only the last of them are left. connect() may take over any.
    """
    recent = RecentDumps()
    for second, count in counts.items():
        begun = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=LOW + np.arange(count), remaining=59.999)
        found = described(begun, at=second, recent=recent.before(1000 + second), port_range=(LOW, HIGH), tw_reuse=1)
        recent.keep(found.summary())
    return float(found.budgets.new_per_s[0])


def test_those_that_have_just_begun_tell_the_rate_over_ten_seconds_or_three_if_it_has_changed() -> None:
    assert fresh({0: 100, 3: 110, 7: 90, 10: 100}) == 100
    assert fresh({0: 100, 3: 100, 7: 100, 8: 160, 10: 160}) == 160
    assert fresh({0: 100, 3: 100, 7: 160, 10: 100}) == 100


def test_rates_are_immutable() -> None:
    rates = of_a_pool({0: 5})
    assert not any(column.flags.writeable for column in (rates.closing, rates.growth, rates.seen_s))


LISTENER, ANOTHER = sock("10.0.0.5:80", state="LISTEN"), sock("10.0.0.1:10001", "10.0.0.9:443")


@pytest.mark.parametrize(
    ("tw_reuse", "peers", "inbound", "told"),
    [
        (1, Timestamps.USED, False, True),
        (1, Timestamps.UNKNOWN, False, True),
        (0, Timestamps.USED, True, True),
        (0, Timestamps.USED, False, False),
    ],
    ids=["reuse", "perhaps reuse", "accepted", "without reuse"],
)
def test_where_time_wait_are_taken_over_those_that_have_just_begun_tell_the_rate(
    tw_reuse: int, peers: Timestamps, inbound: bool, told: bool
) -> None:
    """Of 50 per second a fifth ends early in each second. Where none can be taken over, no more were there."""
    recent, number = RecentDumps(), np.arange(3000)
    for second in range(8):
        age = (number + 0.5) / 50
        age = age[number * 0.618 % 1 < np.exp(-age / 5)]
        ports = LOW + np.arange(len(age))
        if inbound:
            waiting = many("10.0.0.5:80", "10.0.0.1", "TIME_WAIT", rports=ports, remaining=60 - age)
        else:
            waiting = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=ports, remaining=60 - age)
        seen = described(
            *([LISTENER, ANOTHER] if inbound else []),
            waiting,
            at=second,
            recent=recent.before(1000 + second),
            port_range=(LOW, HIGH),
            tw_reuse=tw_reuse,
            peers=peers,
        )
        recent.keep(seen.summary())
    per_s = max(seen.budgets.new_per_s.tolist())
    assert per_s == pytest.approx(45.5, abs=2) if told else per_s < 40


def overflowing(
    lost_per_s: float, since: int, until: int, moments: Sequence[int], counts: bool = True
) -> list[list[float]]:
    """New connections per second of two destinations, at moments of a load that finds too few buckets for a while.

    Of 40 TIME_WAIT per second three in four are to the first one. `counts` says whether the kernel counts the others.
    """
    recent, seen = RecentDumps(), []
    for second in moments:
        age = np.arange(0, 60, 1 / 40)[::-1]
        first = np.arange(len(age)) % 4 > 0
        blocks = [
            many("10.0.0.1", remote, "TIME_WAIT", lports=LOW + np.arange(rows.sum()), remaining=60 - age[rows])
            for remote, rows in (("10.0.0.5:443", first), ("10.0.0.6:443", ~first))
        ]
        lost = int(lost_per_s * min(max(second - since, 0), until - since)) + 7_000
        files = {} if counts else {"net/netstat": None}
        sample = make_sample(
            *blocks, at=second, counters={"TCPTimeWaitOverflow": lost}, files=files, port_range=(LOW, HIGH), tw_reuse=0
        )
        found = analyse(decode(sample), recent.before(1000 + second))
        recent.keep(found.summary())
        rows = [found.find(("10.0.0.1", remote, 443)) for remote in ("10.0.0.5", "10.0.0.6")]
        seen.append([float(found.budgets.new_per_s[row]) for row in rows if row is not None])
    return seen


def test_closes_that_find_no_bucket_are_asked_for_too() -> None:
    """Another 20 per second, of which each destination has its part."""
    first, *later = overflowing(20, since=0, until=100, moments=(0, 4, 8, 12, 16))
    assert first == pytest.approx([30, 10], rel=0.02)
    assert later == [pytest.approx([45, 15], rel=0.02)] * 4


def test_an_overflow_that_begins_is_noticed_within_seconds() -> None:
    seen = overflowing(200, since=4, until=100, moments=(0, 4, 8, 12, 15))
    assert seen[:2] == [pytest.approx([30, 10], rel=0.02)] * 2
    assert seen[2:] == [pytest.approx([180, 60], rel=0.1)] * 3


def test_an_overflow_that_ends_is_noticed_within_seconds() -> None:
    seen = overflowing(200, since=0, until=10, moments=(0, 10, 13, 17, 21))
    assert seen[1] == pytest.approx([180, 60], rel=0.02)
    assert seen[2:] == [pytest.approx([30, 10], rel=0.02)] * 3


def test_without_the_counter_an_overflow_is_not_seen() -> None:
    assert overflowing(200, since=0, until=100, moments=(0, 5), counts=False)[-1] == pytest.approx([30, 10], rel=0.02)
