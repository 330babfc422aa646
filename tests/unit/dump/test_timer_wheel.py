"""What the timers of one dump show, and how the kernel's timer wheel turns them into releases."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.not_none import known
from twtop.dump.ages import Ages
from twtop.dump.ages import steps as age_steps
from twtop.dump.timer_wheel import (
    BOOT_S,
    FEW,
    INITIAL_JIFFIES_S,
    LATEST_BOOT_S,
    UNSURE_S,
    Wheel,
    carried,
    rate,
    releases,
    tick_rate,
    wheel,
    wheel_step_s,
)
from twtop.model import TIMEWAIT_MS
from twtop.sources.decode import decode
from twtop.sources.probe import COUNTERS_ONLY, read_sample

RATES = {100: 5.12, 250: 2.048, 300: 512 / 300, 1000: 4.096}

SECONDS = range(1000, TIMEWAIT_MS + 1, 1000)

ONE = np.zeros(TIMEWAIT_MS, np.intp)
"""The group of each of some timers: there is one."""

steps = st.sampled_from(sorted(RATES.values()))
timers = st.lists(st.integers(0, TIMEWAIT_MS), max_size=200).map(lambda left: np.array(left, np.int32))


def released(left: np.ndarray, moves: Wheel) -> np.ndarray:
    """Releases by second, of TIME_WAIT with these timers."""
    edges = (*moves.edges_ms(), TIMEWAIT_MS + 1)
    ages = Ages(ONE[: len(left)], (TIMEWAIT_MS - left).astype(np.int32), 1, age_steps(edges))
    return releases(ages.between(edges)[0, ::-1], moves)


def shown(hz: int, count: int) -> np.ndarray:
    """Timers as a kernel of this tick rate reports them: whole jiffies, in milliseconds without the fraction."""
    jiffies = np.random.default_rng(hz).integers(0, 60 * hz + 1, count)
    return (jiffies * 1000 // hz).astype(np.int32)


@pytest.mark.parametrize("count", [50, 1000, 20_000])
@pytest.mark.parametrize("hz", RATES)
def test_the_tick_rate_shows_in_the_timers(hz: int, count: int) -> None:
    assert wheel_step_s(shown(hz, count)) == pytest.approx(RATES[hz])


@pytest.mark.parametrize("hz", RATES)
def test_for_few_timers_the_usual_tick_rate_is_assumed(hz: int) -> None:
    assert wheel_step_s(shown(hz, 10)) == RATES[250]


def test_so_many_timers_are_few() -> None:
    left = np.arange(10, 10 * FEW + 1, 10, dtype=np.int32)
    assert (wheel_step_s(left), wheel_step_s(left[:-1])) == (RATES[100], RATES[250])


def test_timers_that_have_run_out_tell_nothing_of_the_tick_rate() -> None:
    assert wheel_step_s(np.array([0] * FEW + [10, 30] * 5, np.int32)) == RATES[250]


def test_a_timer_of_one_millisecond_tells_that_jiffies_are_short() -> None:
    assert wheel_step_s(np.full(FEW, 1, np.int32)) == RATES[1000]


def test_for_timers_in_round_numbers_the_usual_tick_rate_is_assumed() -> None:
    assert wheel_step_s(np.arange(1000, 60_000, 1000, dtype=np.int32)) == RATES[250]


@pytest.mark.parametrize("hz", RATES)
def test_the_wheel_moves_as_calc_index_says(hz: int) -> None:
    """A timer goes into the bucket of the next whole step of jiffies, which begin 300 s before they wrap at 32 bits."""
    step = 512 if hz < 537 else 4096
    now = 2**32 - 300 * hz + 1_234_567
    left = np.arange(0, 60 * hz, 7)
    left = left[(now + left + 1) % step > 1]  # a jiffy off the moves
    expires = ((now + left) // step + 1) * step
    seen = wheel(shown(hz, 1000), mono=1_234_567 / hz + BOOT_S)
    assert seen.next_s == pytest.approx(((now // step + 1) * step - now) / hz, abs=0.001)
    assert seen.release_s((left * 1000 / hz).astype(np.int32)) == pytest.approx((expires - now) / hz, abs=0.01)


@pytest.mark.parametrize("hz", RATES)
@given(st.integers(1, 10**9), st.floats(0, LATEST_BOOT_S - 0.02), st.booleans())
def test_jiffies_tell_the_next_move_to_a_hundredth_of_a_second(hz: int, passed: int, boot_s: float, few: bool) -> None:
    """Whenever the kernel began to count them, and whatever the timers show."""
    step, now = 512 if hz < 537 else 4096, 2**32 - 300 * hz + passed
    jiffies_s = now * 100 // hz / 100
    left = (now // step + 1) * step - now
    assume(0.01 < left / hz < step / hz - 0.01)
    timers = np.empty(0, np.int32) if few else shown(250, 100)
    seen = wheel(timers, passed / hz + boot_s, jiffies_s=jiffies_s)
    assert seen.step_s == step / hz
    assert seen.next_s == pytest.approx(left / hz, abs=0.01)


def test_jiffies_that_no_tick_rate_explains_tell_nothing() -> None:
    """In a time namespace CLOCK_MONOTONIC began at another time."""
    began = 2**32 / 250 + INITIAL_JIFFIES_S
    assert tick_rate(began + 1000, 1000) == 250
    assert tick_rate(began + 1000, 1000 + LATEST_BOOT_S - 0.011) == 250
    assert tick_rate(began + 1000, 1000 + LATEST_BOOT_S - 0.009) is None
    assert tick_rate(began + 1000, 999.991) == 250
    assert tick_rate(began + 1000, 999.98) is None
    assert [tick_rate(jiffies_s, 1000) for jiffies_s in (0.0, 123.0, 2**32 / 20, 2**32 / 1300)] == [None] * 4
    left = shown(100, 100)
    assert wheel(left, 1000, jiffies_s=123.0) == wheel(left, 1000)


def before_a_move(seconds: float, hz: int = 250) -> float:
    """CLOCK_MONOTONIC so long before a move of the wheel."""
    return BOOT_S - INITIAL_JIFFIES_S + RATES[hz] * 9 - seconds


def test_the_next_move_is_known_to_a_millisecond() -> None:
    assert wheel(np.empty(0, np.int32), before_a_move(1.0476)).next_s == 1.048


@pytest.mark.parametrize(("left_ms", "corrected"), [(0, False), (1, True), (4096, True), (4097, False)])
def test_what_runs_out_within_a_step_tells_that_the_wheel_has_moved(left_ms: int, corrected: bool) -> None:
    """The clock alone says that it is about to. Timers that have run out say so too, later ones say nothing."""
    left = np.repeat(np.array([left_ms, 9001], np.int32), FEW)
    assert wheel(left, before_a_move(0.1, hz=1000)) == Wheel(RATES[1000], RATES[1000] if corrected else 0.1)


def test_a_few_timers_do_not_correct_the_clock() -> None:
    left = np.full(FEW - 1, 4, np.int32)
    assert wheel(left, before_a_move(0.1)).next_s == 0.1


@pytest.mark.parametrize(("out", "moved"), [(FEW, True), (FEW + 1, False)])
def test_the_wheel_is_about_to_move_once_more_than_half_as_many_have_run_out_as_will_within_a_step(
    out: int, moved: bool
) -> None:
    left = np.repeat(np.array([0, 4], np.int32), [out, 2 * FEW])
    just_after = RATES[250] - 0.1
    assert wheel(left, before_a_move(0.1)).next_s == (RATES[250] if moved else 0.1)
    assert wheel(left, before_a_move(just_after)).next_s == (just_after if moved else 0.001)


def test_the_clock_is_believed_off_the_moves() -> None:
    left = np.full(FEW, 4, np.int32)  # as if the wheel had just moved
    assert wheel(left, before_a_move(UNSURE_S)).next_s == UNSURE_S
    assert wheel(left, before_a_move(UNSURE_S - 0.001)).next_s == RATES[250]


def test_this_machine_tells_its_jiffies() -> None:
    snapshot = decode(read_sample(request=COUNTERS_ONLY))
    hz = tick_rate(known(snapshot.jiffies_s), snapshot.mono)
    assert hz in RATES
    assert abs(known(snapshot.jiffies_s) - 2**32 / hz - INITIAL_JIFFIES_S - snapshot.mono) < 1


@given(timers, steps, st.floats(0.001, 1))
def test_nothing_is_released_before_its_time_or_later_than_one_step_after(
    left: np.ndarray, step_s: float, turned: float
) -> None:
    moves = Wheel(step_s, turned * step_s)
    late = moves.release_s(left) - left / 1000
    assert (late > -1e-6).all()
    assert (late < step_s + 1e-6).all()


@given(timers, steps, st.floats(0.001, 1))
def test_the_age_tells_the_move(left: np.ndarray, step_s: float, turned: float) -> None:
    moves = Wheel(step_s, turned * step_s)
    edges = moves.edges_ms()
    assert edges == sorted({*edges})
    earlier = np.searchsorted(edges, TIMEWAIT_MS - left, side="right")
    assert moves.move(left).tolist() == (len(edges) - earlier).tolist()


def test_releases_come_in_bursts() -> None:
    """One entered every 10 ms. The kernel frees these 100 per second as 200 every other second."""
    due = released(np.arange(0, 60_000, 10), Wheel(step_s=2.0, next_s=0.5))
    assert due[:4].tolist() == [50, 0, 200, 0]
    assert due.tolist()[4::2] == [200] * 28
    assert due.tolist()[5::2] == [0] * 28


def test_a_release_at_the_end_of_the_next_minute_is_left_out() -> None:
    last = Wheel(step_s=2.0, next_s=2.0)
    assert last.release_s(np.array([57_999, 59_999], np.int32)).tolist() == [58.0, 60.0]
    due = released(np.array([57_999, 59_999]), last)
    assert (len(due), due[58], due.sum()) == (60, 1, 1)


def test_the_last_of_the_present_is_gone_a_step_after_a_minute() -> None:
    assert Wheel(step_s=2.0, next_s=0.5).longest_s == 62.0


@given(timers, steps, st.floats(0.001, 1))
def test_releases_after_the_next_minute_are_left_out(left: np.ndarray, step_s: float, turned: float) -> None:
    moves = Wheel(step_s, turned * step_s)
    due = released(left, moves)
    assert len(due) == 60
    assert due.sum() == np.count_nonzero(moves.release_s(left) < 60)
    assert moves.release_s(left).max(initial=0) < moves.longest_s + 1e-6


@given(timers)
def test_entries_are_counted_by_age(left: np.ndarray) -> None:
    age = TIMEWAIT_MS - left
    entered = Ages(ONE[: len(age)], age.astype(np.int32), 1, age_steps(SECONDS)).between(SECONDS)[0][::-1]
    assert len(entered) == 60
    assert entered.sum() == np.count_nonzero(left)  # at 0 they entered more than a minute ago
    for second in (0, 1, 30, 59):
        assert entered[59 - second] == np.count_nonzero((age // 1000 == second) & (left > 0))


def test_the_rate_is_that_of_the_last_seconds() -> None:
    assert rate(np.array([100] * 54 + [0, 0, 0, 6, 6, 6])) == 3.0


def test_what_is_unknown_has_no_rate_and_is_not_carried_on() -> None:
    assert rate(None) is None
    assert carried(None, 3, 2.0) is None
    assert carried(np.arange(60), 3, None) is not None


def test_timers_in_hundredths_hide_the_tick_rate() -> None:
    """Those of sock_diag would look the same at 100 Hz."""
    left = np.arange(10, 60_000, 10, dtype=np.int32)
    assert (wheel(left, 300.0).step_s, wheel(left, 300.0, unit_ms=10).step_s) == (5.12, 2.048)
