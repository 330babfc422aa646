"""The forecast's figures: what the timers release, what ends early, what is asked for, and how much room there is."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.sock_diag_dump import make_sample, sock
from twtop.analysis.analysis import analyse
from twtop.analysis.forecast import Forecast
from twtop.budgets.demand import BY_BIN, measure_demand
from twtop.dump.ages import Ages, steps
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
        number=np.array(number, np.intp),
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
    moves_s, move = np.unique(np.broadcast_to(np.asarray(release_s, np.float64), len(ages_s)), return_inverse=True)
    number = of.number[np.broadcast_to(np.asarray(code, np.intp), len(ages_s))]
    size = len(of.room)
    freed = np.bincount(number * len(moves_s) + move, minlength=size * len(moves_s)).reshape(size, -1)
    part = None if left_out is None else np.bincount(of.number[[*left_out]], minlength=size) > 0
    age_ms = np.rint(np.multiply(ages_s, 1000)).astype(np.int32)
    ages = Ages(number, age_ms, size, steps((*BY_BIN.edges, of.span_s * 1000)))
    found = of.counts(ages, measure_demand(number, age_ms, size), freed, moves_s, part)
    return [float(count) for count in found]


OLD = [60.0] * 100
"""A minute ago: they ask for nothing any more."""

EVENLY = (np.arange(60) + 0.5).tolist()
"""One per second, and asked for further on."""


def test_each_is_gone_by_the_second_after_its_release() -> None:
    found = counts(classes(), OLD[:6], [0.0, 1.0, 1.5, 2.0, 60.0, 60.001])
    assert found == [5, 4, 2, *[2] * 57, 1]


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


YOUNG = [0.1] * 6
"""A load that has just begun, or a burst: six per ten seconds, or two per second."""


def test_a_steady_class_asks_for_its_measured_demand_and_another_for_that_of_the_last_seconds() -> None:
    first, second = (counts(classes(survival=[part]), YOUNG)[1] - 6 for part in (1.0, 0.9999))
    assert first == pytest.approx(0.6)
    assert second == pytest.approx(2.0, rel=0.01)


def test_each_class_asks_in_its_own_way() -> None:
    """Of the third class most end early: it had six entries in ten seconds."""
    three = classes(
        [0, 1, 2, 0],
        survival=[1.0, 0.9999, 1.0],
        mostly_early=[False, False, True],
        room=[math.inf] * 3,
        full=[False] * 3,
    )
    codes = [code for code in range(3) for _ in YOUNG]
    assert counts(three, YOUNG * 3, code=codes)[1] - 18 == pytest.approx(0.6 + 2.0 + 0.6, rel=0.01)


def test_an_unknown_timer_leaves_releases_unknown_and_one_that_has_run_out_does_not() -> None:
    def releases(*left: float | None) -> object:
        blocks = [
            sock(f"10.0.0.1:{40_000 + n}", "10.0.0.5:443", "TIME_WAIT", **({} if s is None else {"remaining": s}))
            for n, s in enumerate(left)
        ]
        for block, seconds in zip(blocks, left, strict=True):
            block["timer"] = Timer.OFF if seconds is None else Timer.TIMEWAIT
        return analyse(decode(make_sample(*blocks))).minute.releases

    assert releases(5, None) is None
    assert releases(5, 0) is not None
