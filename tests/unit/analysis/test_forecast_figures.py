"""The forecast's figures: what the timers release, what ends early, what is asked for, and how much room there is."""

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

FOREVER = 61.0
"""Released after the next minute."""

Floats = Sequence[float]


def classes(
    number: Sequence[int] = (0, 0),
    *,
    survival: Floats = (1.0,),
    mostly_early: Sequence[bool] = (False,),
    room: Floats = (math.inf,),
    full: Sequence[bool] = (False,),
    span_s: float = 10.0,
    buckets: float = math.inf,
    overflowing: bool = False,
) -> Forecast:
    """`number` is the class of each destination, and last that of sockets without one."""
    return Forecast(
        number=np.array(number, np.int32),
        survival_per_s=np.array(survival, np.float64),
        mostly_ended_early=np.array(mostly_early, np.bool_),
        room=np.array(room, np.float64),
        recently_full=np.array(full, np.bool_),
        span_s=span_s,
        buckets=buckets,
        overflowing=overflowing,
    )


def counts(
    of: Forecast,
    ages_s: Floats,
    release_s: Floats | float = FOREVER,
    code: Sequence[int] | int = 0,
    left_out: Sequence[int] | None = None,
) -> list[float]:
    """The counts of the next minute, of TIME_WAIT that began and are released so many seconds ago and from now."""
    found = of.counts(
        np.broadcast_to(np.asarray(code, np.int32), len(ages_s)),
        np.rint(np.multiply(ages_s, 1000)).astype(np.int32),
        np.broadcast_to(np.asarray(release_s, np.float64), len(ages_s)),
        None if left_out is None else np.array(left_out, np.int32),
    )
    return known(found).tolist()


OLD = [61.0] * 100
"""More than a minute ago: they ask for nothing any more."""

EVENLY = (np.arange(60) + 0.5).tolist()
"""One per second, and asked for further on."""


def test_each_is_gone_by_the_second_after_its_release() -> None:
    found = counts(classes(), OLD[:6], [0.0, 1.0, 1.5, 2.0, 60.0, 60.001])
    assert found == [5, 4, 2, *[2] * 57, 1]


def test_an_unknown_age_makes_it_unknown() -> None:
    nothing = np.zeros(2, np.int32)
    assert classes().counts(nothing, np.array([500, -1], np.int32), np.zeros(2)) is None
    assert classes().counts(nothing, np.array([500, 0], np.int32), np.zeros(2)) is not None


def test_what_is_asked_for_comes_until_there_is_no_room() -> None:
    assert counts(classes(), EVENLY) == pytest.approx([60 + t for t in range(61)], rel=0.01)
    assert counts(classes(room=[80]), EVENLY) == pytest.approx([min(60 + t, 80) for t in range(61)], rel=0.01)
    assert counts(classes(room=[50]), EVENLY) == [60] * 61


def test_what_comes_takes_the_place_of_what_is_released() -> None:
    """One a second each. A second is lost until the first comes."""
    found = counts(classes(room=[60]), EVENLY, [60 - age for age in EVENLY])
    assert found == pytest.approx([60] * 61, abs=0.5)


def test_some_end_early() -> None:
    assert counts(classes(survival=[0.5]), OLD) == pytest.approx([100 * 0.5**t for t in range(61)])
    released = counts(classes(survival=[0.5]), OLD, [3.0] * 40 + [FOREVER] * 60)
    assert released == pytest.approx([(100 if t < 3 else 60) * 0.5**t for t in range(61)])


def test_where_most_end_early_the_timers_do_not_tell_when() -> None:
    found = counts(classes(survival=[0.5], mostly_early=[True]), OLD, [3.0] * 40 + [FOREVER] * 60)
    assert found == pytest.approx([100 * 0.5**t for t in range(61)])


@pytest.mark.parametrize("mostly_early", [False, True])
def test_what_is_asked_for_is_more_than_what_survives(mostly_early: bool) -> None:
    """Ten per second, of which a tenth ends early in each second, are always as many."""
    age = (np.arange(600) + 0.5) / 10
    kept = age[np.arange(600) * 0.618 % 1 < 0.9**age]
    found = counts(classes(survival=[0.9], mostly_early=[mostly_early]), kept.tolist())
    assert len(kept) == pytest.approx(10 / -math.log(0.9), rel=0.02)
    assert found == pytest.approx([len(kept)] * 61, rel=0.06)


def test_in_the_span_of_the_losses_those_count_that_survived_it() -> None:
    """Where most end early: 20 in the last 4 s, and half of them survive each second."""
    of = classes(survival=[0.5], mostly_early=[True], span_s=4.0)
    a_second = (1 - 0.5) / math.log(2)
    asked = 20 / (4 * (1 - 0.5**4) / (4 * math.log(2)))
    found = counts(of, [3.999] * 20 + [4.0] * 30)
    assert found[:3] == pytest.approx([50, 25 + asked * a_second, 12.5 + asked * a_second * 1.5])


BURST = [39.5] * 20 + [38.9] * 12 + OLD
"""Twenty in one second, twelve in the next, and none since."""


def test_a_class_that_was_full_is_asked_for_as_in_its_busiest_second() -> None:
    assert counts(classes(), BURST)[1] == pytest.approx(132, abs=1)
    assert counts(classes(full=[True], room=[10_000]), BURST)[:3] == [132, 152, 172]
    assert counts(classes(full=[True]), [59.999] * 7 + [60.0] * 9)[:2] == [16, 23]


def test_what_survives_of_the_busiest_second_comes_again() -> None:
    """Seconds begin with whole ones of age."""
    found = counts(classes(survival=[0.5], full=[True]), [30.5] * 20 + [31.0] * 19 + OLD)
    assert found[:3] == pytest.approx([139, 139 / 2 + 20, 139 / 4 + 30])


def test_while_buckets_are_full_everything_is_asked_for_as_in_its_busiest_second() -> None:
    of = classes([0, 0], overflowing=True)
    assert counts(of, BURST)[:2] == [132, 152]
    assert counts(of, BURST, left_out=[])[1] == pytest.approx(132, abs=1)


def test_each_class_has_its_own_busiest_second() -> None:
    """Class 1 was not full, 0 and 2 were: five and seven in their busiest seconds."""
    of = classes(
        [0, 1, 2, 0], survival=[1] * 3, mostly_early=[False] * 3, room=[math.inf] * 3, full=[True, False, True]
    )
    ages, code = [30.5] * 5 + [20.5] * 50 + [10.5] * 7 + [50.5] * 6, [0] * 5 + [1] * 50 + [2] * 13
    assert counts(of, ages, code=code)[:3] == [68, 80, 92]


def test_classes_have_room_and_survive_for_themselves() -> None:
    """The second class ends at once; the first has room for three more, and the last entry is for those without one."""
    of = classes([0, 1, 0], survival=[1, 1e-9], mostly_early=[False] * 2, room=[63, math.inf], full=[False] * 2)
    found = counts(of, EVENLY + OLD[:40], code=[-1] * 60 + [1] * 40)
    assert found == pytest.approx([100, *[min(60 + t, 63) for t in range(1, 61)]], rel=0.01)


def test_a_class_of_which_some_are_left_out_has_no_limit() -> None:
    of = classes([0, 1, 0], survival=[1] * 2, mostly_early=[False] * 2, room=[62, 62], full=[True, True])
    assert counts(of, EVENLY)[60] == 62
    assert counts(of, EVENLY, left_out=[0])[60] == pytest.approx(120, rel=0.01)
    assert counts(of, EVENLY, left_out=[1])[60] == 62


def test_all_classes_share_the_buckets() -> None:
    of = classes(
        [0, 1, 0], survival=[1] * 2, mostly_early=[False] * 2, room=[math.inf] * 2, full=[False] * 2, buckets=150
    )
    ages, code = EVENLY * 2, [0] * 60 + [1] * 60
    assert counts(of, ages, code=code) == pytest.approx([min(120 + 2 * t, 150) for t in range(61)], rel=0.01)
    assert counts(of, ages, code=code, left_out=[])[60] == pytest.approx(240, rel=0.01)


def test_fewer_buckets_than_there_are_let_nothing_in() -> None:
    """The sysctl was lowered: what is there stays, and what is released is not replaced."""
    assert counts(classes(buckets=50), EVENLY) == [60] * 61
    half = counts(classes(buckets=50), EVENLY, [3.5] * 30 + [FOREVER] * 30)
    assert half[:4] == [60] * 4
    assert half[4:7] == pytest.approx([31, 32, 33], abs=0.1)


# The classes of a reading

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
    rows = np.flatnonzero(reading.reading.snapshot.sockets.is_time_wait)
    minute = found.minute(reading.reading, rows)
    assert known(minute.entered).tolist() == [*[0] * 59, 40]
    assert known(minute.releases).sum() in (0, 40)
    assert known(minute.forecast)[0] == 40
    part = found.minute(reading.reading, rows[:10], rows[10:])
    assert known(part.entered).tolist() == [*[0] * 59, 10]
    assert not any(known(column).flags.writeable for column in (minute.entered, minute.releases, minute.forecast))
