"""When a budget was full and what it was asked for then, by the dump before and by the ages of its TIME_WAIT."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.counted_failures import counted
from tests.support.port_reading import described
from tests.support.sock_diag_dump import sock
from twtop.budgets.limit import Limit, find_limit, full_lately, with_unseen_demand
from twtop.budgets.rates import Rates
from twtop.dump.failures import SECONDS, FailureHistory, Refused
from twtop.dump.reading import DumpSummary, Reading
from twtop.model import Floats

NOW, NEVER, UNKNOWN = 1000.0, -np.inf, np.nan
NAMES = np.array([11, 12, 13], np.uint64)


def reading(*full_at: float, asked_per_s: float = UNKNOWN) -> Reading:
    """A reading after a dump that knew when the first of the budgets were full."""
    nothing = np.zeros(len(full_at))
    columns = dict.fromkeys(("live", "used", "running", "lasting", "fresh"), nothing)
    before = DumpSummary(
        mono=NOW - 1,
        held=0,
        overflowed=None,
        names=NAMES[: len(full_at)],
        full_at=np.array(full_at, np.float64),
        is_now=np.zeros(len(full_at), np.bool_),
        full_in_s=np.full(len(full_at), np.nan),
        asked_per_s=np.full(len(full_at), asked_per_s, np.float64),
        **columns,
    )
    return replace(described(sock("10.0.0.1:40000", "10.0.0.5:443")).reading, recent=(before,), names=NAMES)


def find(found: Reading, *left: float, failed: Refused | None = None, binds: list[bool] | None = None) -> Limit:
    """The limit of budgets of which none is full now."""
    masked = None if binds is None else np.array(binds)
    return find_limit(found, NAMES, np.zeros(3, np.bool_), np.array(left), failed, masked)


def test_a_budget_that_the_dump_before_did_not_have_was_never_full() -> None:
    assert find(reading(NEVER, 990), 100, 100, 100).full_at.tolist() == [NEVER, 990, NEVER]
    assert full_lately(reading(NEVER, 990)).tolist() == [False, True, False]


def test_lately_is_within_a_minute() -> None:
    just, no_more = NOW - SECONDS, NOW - SECONDS - 0.1
    assert find(reading(just, no_more, NEVER), 100, 100, 100).lately.tolist() == [True, False, False]
    assert full_lately(reading(just, no_more, NEVER)).tolist() == [True, False, False]


def test_the_demand_is_unseen_for_three_seconds_and_while_it_soon_takes_what_is_left() -> None:
    """Two moves of the wheel take 4.1 s: 10 per second take 40 ports in that time. A minute later nothing is known."""
    assert find(reading(997, 996.9, NEVER), 100, 100, 100).unseen.tolist() == [True, False, False]
    asked = reading(950, 950, NOW - SECONDS - 0.1, asked_per_s=10)
    assert find(asked, 40, 43, 40).unseen.tolist() == [True, False, False]


def test_where_somebody_counts_what_fails_the_demand_is_seen_but_for_those_who_bind_first() -> None:
    none = Refused(np.zeros((3, SECONDS)), np.ones(3, np.int64), seen_s=60)
    counting = FailureHistory().advance(counted(NOW, {}), NOW)
    asked = replace(reading(990, 998, 998, asked_per_s=10), failures=counting)
    every = find(asked, 40, 40, 40, failed=none)
    assert (every.seen_s.tolist(), every.unseen.tolist()) == ([np.inf] * 3, [False] * 3)
    others = find(asked, 100, 100, 100, failed=none, binds=[True, False, True])
    assert (others.seen_s.tolist(), others.unseen.tolist()) == ([10, np.inf, 2], [False, False, True])


def rates(seen_s: float = 60) -> Rates:
    """Five per second are closed, or three to eight."""
    closing, least, most, nothing = (np.full(2, per_s) for per_s in (5.0, 3.0, 8.0, 0.0))
    return Rates(closing, nothing, nothing, least, most, nothing, np.full(2, seen_s))


def with_demand(found: Rates, *age_ms: int, seen_s: Floats, unseen: bool = False, asked: float = UNKNOWN) -> Rates:
    """The rates of two budgets, of which only the first one may be unseen. It has the TIME_WAIT of these ages."""
    masked, nothing = np.array([unseen, False]), np.zeros(2)
    limit = Limit(nothing, masked, masked, masked, masked, 4.0, seen_s, masked, np.array([asked, 100]))
    code = np.zeros(len(age_ms), np.intp)
    return with_unseen_demand(found, limit, code, np.array(age_ms, np.int32))


def closing(found: Rates) -> list[list[float]]:
    """[closing, at the least, at the most] of each budget."""
    columns = found.closing, found.least_closing, found.most_closing
    return [[float(column[budget]) for column in columns] for budget in range(2)]


EVER, SEEN = np.full(2, np.inf), [5, 3, 8]


def test_what_is_unseen_is_added_up_to_the_demand_that_was_known() -> None:
    assert closing(with_demand(rates(), seen_s=EVER, unseen=True, asked=12)) == [[12, 10, 15], SEEN]
    assert closing(with_demand(rates(), seen_s=EVER, unseen=True, asked=4)) == [SEEN, SEEN]
    assert closing(with_demand(rates(), seen_s=EVER, unseen=True, asked=5.5)) == [[5.5, 3.5, 8.5], SEEN]
    assert closing(with_demand(rates(), seen_s=EVER, unseen=False, asked=12)) == [SEEN, SEEN]


def test_one_time_wait_tells_what_the_demand_was_and_none_tells_nothing() -> None:
    found = replace(rates(), closing=np.zeros(2))
    assert with_demand(found, 0, seen_s=EVER, unseen=True).closing.tolist() == [pytest.approx(1 / 3), 0]
    assert with_demand(found, 0, 2_999, 3_000, seen_s=EVER, unseen=True).closing[0] == pytest.approx(2 / 3)
    assert np.isnan(with_demand(found, -1, seen_s=EVER, unseen=True).closing[0])


def test_since_it_was_full_all_that_began_tells_the_demand() -> None:
    """Four in four seconds are fewer than the least, and forty more than the most."""
    four = 0, 1_000, 2_000, 3_999, 4_000, -1
    assert closing(with_demand(rates(), *four, seen_s=np.array([4, np.inf]))) == [[1, 1, 8], SEEN]
    forty = [3_999] * 40
    found = with_demand(rates(), *forty, seen_s=np.array([4, np.inf]))
    assert closing(found) == [[10, 3, 10], SEEN]
    assert found.seen_s.tolist() == [4, 60]


def test_no_time_as_short_as_three_seconds_tells_it_nor_one_in_which_the_load_changed() -> None:
    assert closing(with_demand(rates(), 0, seen_s=np.array([3, np.inf]))) == [SEEN, SEEN]
    assert closing(with_demand(rates(seen_s=4), 0, seen_s=np.array([4, np.inf]))) == [SEEN, SEEN]
