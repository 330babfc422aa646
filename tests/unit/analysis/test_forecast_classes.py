"""The classes in which a reading's destinations are forecast: what was full, what ends early, and what has room."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.not_none import known
from tests.support.port_reading import PortReading, analyse
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.analysis.forecast import LATELY_S, MANY, Forecast, forecast
from twtop.budgets.bind_first import bind_first
from twtop.dump.reading import LASTING_S, RecentDumps
from twtop.model import Timer
from twtop.sources.decode import decode

Floats = Sequence[float]

LOW, SIZE = 40_000, 200


def waiting(count: int, remote: str = "10.0.0.5:443", left: Floats | float = 30, first: int = 0) -> Block:
    return many("10.0.0.1", remote, "TIME_WAIT", lports=LOW + first + np.arange(count), remaining=left)


class Run:
    """Readings of one run, and the forecast's classes at each."""

    def __init__(self) -> None:
        self._recent = RecentDumps()

    def read(
        self, at: float, *blocks: Block, size: int = SIZE, buckets: int | None = 131_072
    ) -> tuple[PortReading, Forecast]:
        port_range, recent = (LOW, LOW + size - 1), self._recent.before(1000 + at)
        sample = make_sample(*blocks, at=at, port_range=port_range, tw_reuse=0, max_tw_buckets=buckets)
        found = analyse(decode(sample), recent)
        self._recent.keep(found.summary())
        return found, forecast(found.reading, found.budgets, bind_first(found.reading))


def test_nothing_is_special_about_destinations_with_room() -> None:
    _, found = Run().read(0, waiting(40), waiting(50, "10.0.0.6:443"))
    assert found.number.tolist() == [0, 0, 0]
    assert (found.room.tolist(), found.recently_full.tolist()) == ([math.inf], [False])
    assert (found.survival_per_s.tolist(), found.mostly_ended_early.tolist()) == ([1], [False])
    assert (found.buckets, found.overflowing) == (131_072, False)
    columns = (found.number, found.survival_per_s, found.mostly_ended_early, found.room, found.recently_full)
    assert not any(column.flags.writeable for column in columns)


@pytest.mark.parametrize(("used", "own"), [(99, False), (100, True)])
def test_a_destination_that_may_be_full_in_a_minute_has_a_class_of_its_own(used: int, own: bool) -> None:
    """If as many come as there are. The rest of the range is then its room."""
    _, found = Run().read(0, waiting(used - 10), many("10.0.0.1", "10.0.0.5:443", lports=LOW + 100 + np.arange(10)))
    assert found.number.tolist() == ([1, 0] if own else [0, 0])
    assert found.room.tolist() == ([math.inf, 190] if own else [math.inf])


def test_a_destination_was_full_lately_for_ten_seconds() -> None:
    run = Run()
    other = waiting(5, "10.0.0.6:443")
    said = []
    for at, block in ((0, waiting(SIZE)), (1, waiting(150)), (LATELY_S, waiting(150)), (LATELY_S + 0.5, waiting(150))):
        _, found = run.read(at, block, other)
        said.append((found.number.tolist(), found.recently_full.tolist()))
    assert said == [([1, 0, 0], [False, True])] * 3 + [([1, 0, 0], [False, False])]


@pytest.mark.parametrize(("gone", "own"), [(MANY - 1, False), (MANY, True)])
def test_a_destination_that_loses_many_early_has_a_class_of_its_own(gone: int, own: bool) -> None:
    """Of 80 that had 30 s left, some are gone after 4 s."""
    run = Run()
    run.read(0, waiting(80), waiting(9, "10.0.0.6:443"))
    _, found = run.read(4, waiting(80 - gone, left=26), waiting(9, "10.0.0.6:443", left=26))
    assert found.number.tolist() == ([1, 0, 0] if own else [0, 0, 0])
    kept = ((80 - gone) / 80 if own else (89 - gone) / 89) ** (1 / 4)
    assert found.survival_per_s.tolist() == pytest.approx([1, kept] if own else [kept])
    assert found.mostly_ended_early.tolist() == [False, True][: 1 + own]
    assert found.span_s == 4


def test_only_what_had_time_left_has_ended_early() -> None:
    """The timers of forty have run out meanwhile, and twenty new ones are none of those."""
    run = Run()
    run.read(0, waiting(60), waiting(40, first=60, left=2))
    _, found = run.read(4, waiting(60, left=26), waiting(20, first=60, left=57))
    assert set(found.survival_per_s.tolist()) == {1}


def test_new_ones_do_not_stand_for_those_that_ended_early() -> None:
    """Twenty of eighty are gone, and twenty began 3.5 s ago."""
    run = Run()
    run.read(0, waiting(80))
    _, found = run.read(4, waiting(60, left=26), waiting(20, first=60, left=56.5))
    assert found.survival_per_s[found.number[0]] == pytest.approx((60 / 80) ** (1 / 4))


def test_lasting_are_those_that_have_more_time_left_than_may_have_run_out_since() -> None:
    """Of 400 that have, and 20 that have it by a jiffy, 16 are gone. Exactly so much, or less, is not more."""
    lasts = LASTING_S, LASTING_S + 0.004, 6
    run = Run()
    run.read(
        0, waiting(400), *(waiting(20, left=each, first=400 + 20 * at) for at, each in enumerate(lasts)), size=1000
    )
    later = [waiting(20, left=each - 4, first=400 + 20 * at) for at, each in enumerate(lasts)]
    _, found = run.read(4, waiting(400 - MANY, left=26), *later, size=1000)
    assert found.survival_per_s[found.number[0]] == pytest.approx((404 / 420) ** (1 / 4))


def test_where_most_end_early_all_that_had_time_left_tell_how_many_survive() -> None:
    """Sixty of eighty are gone, and of forty whose time is nearly up none."""
    run = Run()
    run.read(0, waiting(80), waiting(40, left=4.5, first=80))
    _, found = run.read(4, waiting(20, left=26), waiting(40, left=0.5, first=80))
    own = found.number[0]
    assert found.mostly_ended_early[own]
    assert found.survival_per_s[own] == pytest.approx((60 / 120) ** (1 / 4))


def test_what_began_at_the_dump_before_was_there() -> None:
    run = Run()
    run.read(0, waiting(80, left=60))
    _, found = run.read(4, waiting(80, left=56))
    assert set(found.survival_per_s.tolist()) == {1}


def test_where_few_of_very_many_end_early_most_do_not() -> None:
    """0.96 survive 4 s, and more than half a minute."""
    run = Run()
    run.read(0, waiting(400), size=1000)
    _, found = run.read(4, waiting(400 - MANY, left=26), size=1000)
    assert found.survival_per_s.tolist() == pytest.approx([1, 0.96 ** (1 / 4)])
    assert found.mostly_ended_early.tolist() == [False, False]


def test_losses_are_counted_since_the_oldest_dump_that_had_half_as_many() -> None:
    run = Run()
    for at, count in ((0, 39), (2, 40), (4, 60), (6, 80)):
        _, found = run.read(at, waiting(count, left=30 - at))
    assert found.span_s == 4


def test_a_dump_of_long_ago_tells_no_losses() -> None:
    run = Run()
    run.read(0, waiting(80, left=50))
    _, found = run.read(LASTING_S, waiting(80, left=50 - LASTING_S))
    assert found.span_s == LASTING_S
    _, found = Run().read(LASTING_S, waiting(80))
    assert (found.span_s, found.survival_per_s.tolist()) == (10, [1])


def test_an_odd_range_is_full_with_one_port_left() -> None:
    """connect() may skip that one (skipped_ports)."""
    for size, used, full in ((SIZE + 1, SIZE, True), (SIZE + 1, SIZE - 1, False), (SIZE, SIZE - 1, False)):
        _, found = Run().read(0, waiting(used), size=size)
        assert found.recently_full.tolist() == [False, full]


@pytest.mark.parametrize(
    ("limit", "held", "overflowing"), [(90, 90, True), (90, 89, False), (None, 90, False), (1, 0, False)]
)
def test_buckets_are_full_with_as_many_timewait_objects_as_there_may_be(
    limit: int | None, held: int, overflowing: bool
) -> None:
    """A closed FIN_WAIT2 is one of them."""
    half_closed = many("10.0.0.1", "10.0.0.6:443", "FIN_WAIT2", lports=[LOW + 150], timer=Timer.TIMEWAIT, remaining=30)
    blocks = [half_closed, waiting(held - 1)] if held else []
    _, found = Run().read(0, *blocks, many("10.0.0.1", "10.0.0.7:443", lports=LOW + np.arange(5)), buckets=limit)
    assert found.overflowing is overflowing


def test_buckets_were_full_lately_for_ten_seconds() -> None:
    run = Run()
    said = []
    for at, held in ((0, 90), (5, 50), (LATELY_S, 50), (LATELY_S + 0.5, 50)):
        _, found = run.read(at, waiting(held), buckets=90)
        said.append(found.overflowing)
    assert said == [True, True, True, False]


def test_the_destinations_of_a_client_that_binds_first_share_a_class() -> None:
    """Its 40 ports leave 160 of 200. Others may be full in a minute; their classes are their own."""
    odd = LOW + 1 + 2 * np.arange(40)
    binds = [
        many("10.0.0.2", f"10.0.0.{5 + each}:443", "TIME_WAIT", lports=odd[each::2], remaining=30) for each in (0, 1)
    ]
    others = [waiting(120, f"10.0.0.{host}:443") for host in (7, 8)]
    reading, found = Run().read(0, *binds, *others)
    of = [known(reading.find((local, f"10.0.0.{host}:443"[:-4], 443))) for local, host in
          (("10.0.0.2", 5), ("10.0.0.2", 6), ("10.0.0.1", 7), ("10.0.0.1", 8))]  # fmt: skip
    number = [int(found.number[each]) for each in of]
    assert number[0] == number[1]
    assert len(set(number)) == 3
    assert 0 not in number
    assert found.room[number[0]] == 200


def test_the_minute_has_entries_releases_and_counts() -> None:
    reading, found = Run().read(0, waiting(40, left=59.5), sock("10.0.0.1:80", state="LISTEN"))
    waits = reading.reading.snapshot.sockets.is_time_wait
    minute = found.minute(reading.reading)
    assert known(minute.entered).tolist() == [*[0] * 59, 40]
    assert known(minute.releases).sum() in (0, 40)
    assert known(minute.forecast)[0] == 40
    part = found.minute(reading.reading, waits & (np.cumsum(waits) <= 10))
    assert known(part.entered).tolist() == [*[0] * 59, 10]
    assert not any(known(column).flags.writeable for column in (minute.entered, minute.releases, minute.forecast))
