"""How fast budgets fill and when they are full, under described loads: steady, starting, stopping, leaking, random."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.support.port_reading import PortReading, described
from tests.support.sock_diag_dump import Block, many
from twtop.budgets.exhaustion import UNSURE_S, PortUse, time_to_full
from twtop.budgets.rates import Rates
from twtop.dump.reading import RecentDumps
from twtop.dump.timer_wheel import Wheel

DESTINATION = ("10.0.0.1", "10.0.0.5", 443)
LOW, HIGH = 10_000, 59_999
SIZE = HIGH - LOW + 1
LONGEST_S = 62.048
"""A minute, and one move of the timer wheel."""

NEVER = math.inf

Seconds = NDArray[np.float64]


def steadily(per_s: float, start: float, end: float) -> Seconds:
    """Moments at equal distances."""
    return np.arange(start, end, 1 / per_s)


@dataclass(frozen=True, slots=True)
class Load:
    """Connections by the second in which they are opened. Each is closed `open_s` later, by the client or its peer."""

    opened: Seconds
    open_s: float = 0
    client_closes: bool = True

    def at(self, now: float, size: int = SIZE) -> list[Block]:
        """The sockets at this moment, with timers in jiffies of 4 ms. A TIME_WAIT lasts a minute, without the wheel."""
        age = np.round((now - self.opened) * 250) / 250
        port = LOW + np.arange(len(age)) % size
        live = (age >= 0) & (age < self.open_s)
        waiting = (age >= self.open_s) & (age < self.open_s + 60) & self.client_closes
        blocks = []
        if live.any():
            blocks.append(many("10.0.0.1", "10.0.0.5:443", lports=port[live]))
        if waiting.any():
            left = 60 + self.open_s - age[waiting]
            blocks.append(many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=port[waiting], remaining=left))
        return blocks


def watch(load: Load, moments: Iterable[float], size: int = SIZE) -> Iterator[tuple[float, PortReading, int | None]]:
    """(moment, reading, row of the destination), each reading with the recent dumps that twtop keeps."""
    recent = RecentDumps()
    for now in moments:
        reading = described(
            *load.at(now, size), at=now, recent=recent.before(1000 + now), port_range=(LOW, LOW + size - 1)
        )
        recent.keep(reading.summary())
        yield now, reading, reading.find(DESTINATION)


def rates(load: Load, moments: Iterable[float]) -> list[float]:
    """New connections per second at these moments; 0 while there is no connection."""
    return [0.0 if row is None else float(seen.budgets.new_per_s[row]) for _, seen, row in watch(load, moments)]


def full_in(load: Load, moments: Iterable[float], size: int) -> list[float]:
    """Seconds until full at these moments."""
    return [float(seen.budgets.full_in_s[row]) for _, seen, row in watch(load, moments, size) if row is not None]


ALWAYS = steadily(per_s=200, start=-100, end=200)


@pytest.mark.parametrize("interval", [0.25, 1, 7, 30])
@pytest.mark.parametrize(
    "load",
    [Load(ALWAYS), Load(ALWAYS, open_s=2.5), Load(ALWAYS, open_s=90), Load(ALWAYS[::2], open_s=20)],
    ids=["closed at once", "open for a while", "longer than TIME_WAIT", "half as fast"],
)
def test_the_rate_of_a_steady_load_is_known_from_the_first_dump_on(load: Load, interval: float) -> None:
    per_s = 1 / (load.opened[1] - load.opened[0])
    assert rates(load, np.arange(0, 6 * interval, interval)) == pytest.approx([per_s] * 6, rel=0.02)


@pytest.mark.parametrize("open_s", [0, 2])
def test_a_load_that_starts_or_stops_is_noticed_within_seconds(open_s: float) -> None:
    load = Load(steadily(per_s=200, start=10, end=40), open_s)
    seen = dict(zip(range(60), rates(load, range(60)), strict=True))
    assert [seen[second] for second in range(10)] == [0] * 10
    assert [seen[second] for second in range(14, 41)] == pytest.approx([200] * 27, rel=0.1)
    assert [seen[second] for second in range(44, 60)] == [0] * 16


def test_a_random_load_does_not_flicker() -> None:
    """Twenty a second at random. A count over one second would be off by 4.5 in the mean, one over ten by 1.4."""
    random = np.random.default_rng(5)
    load = Load(np.sort(random.uniform(-70, 300, 20 * 370)))
    seen = np.array(rates(load, range(300)))
    assert np.std(seen) < 2
    assert np.mean(seen) == pytest.approx(20, rel=0.05)


def test_a_pool_whose_size_varies_at_random_is_no_load() -> None:
    """A thousand connections, up to twenty more or fewer."""
    random = np.random.default_rng(6)
    recent = RecentDumps()
    for second in range(30):
        pool = many("10.0.0.1", "10.0.0.5:443", lports=np.arange(LOW, LOW + 1000 + int(random.integers(-20, 21))))
        seen = described(pool, at=second, recent=recent.before(1000 + second), port_range=(LOW, LOW + 1999))
        recent.keep(seen.summary())
        assert seen.budgets.new_per_s[0] < 20
        assert seen.budgets.full_in_s[0] == NEVER


def test_connections_that_the_peer_closes_fill_nothing() -> None:
    """Two hundred a second, three seconds each, and no TIME_WAIT here: six hundred ports, and no more."""
    load = Load(ALWAYS, open_s=3, client_closes=False)
    assert rates(load, range(8)) == pytest.approx([0] * 8, abs=2)
    assert full_in(load, range(8), size=700) == [NEVER] * 8


def test_connections_that_are_never_closed_fill_the_range_however_long_it_takes() -> None:
    load = Load(steadily(per_s=10, start=0, end=1000), open_s=NEVER)
    seen = full_in(load, range(1, 40), size=5000)
    assert seen[10:] == pytest.approx([(5000 - 10 * second) / 10 for second in range(11, 40)], rel=0.02)


@pytest.mark.parametrize("interval", [0.5, 1, 5])
def test_the_time_to_full_counts_down(interval: float) -> None:
    load = Load(steadily(per_s=200, start=0, end=100))
    for now, seen, row in watch(load, np.arange(5, 30, interval), size=6000):
        assert row is not None
        assert seen.budgets.full_in_s[row] == pytest.approx(30 - now, rel=0.1)


@pytest.mark.parametrize(("per_s", "fills"), [(96, False), (100, True)])
def test_a_rate_that_releases_keep_up_with_never_fills(per_s: float, fills: bool) -> None:
    """Six thousand ports bear 6000 / 62.048 = 96.7 connections per second."""
    load = Load(steadily(per_s, start=0, end=100))
    _, seen, row = list(watch(load, range(5, 30), size=6000))[-1]
    assert row is not None
    assert seen.budgets.max_per_s[row] == pytest.approx(6000 / LONGEST_S)
    assert (seen.budgets.full_in_s[row] < NEVER) == fills


def test_connections_that_stay_open_leave_less_for_the_others() -> None:
    """Six thousand ports bear 90 connections per second, five thousand do not."""
    quick = Load(steadily(per_s=90, start=0, end=100)).at(40)
    pool = many("10.0.0.1", "10.0.0.5:443", lports=np.arange(LOW + 5000, LOW + 6000))
    alone, together = (described(*each, port_range=(LOW, LOW + 5999)).budgets for each in (quick, [*quick, pool]))
    assert alone.full_in_s.tolist() == [NEVER]
    assert together.full_in_s == pytest.approx((5000 - 40 * 90) / 90, rel=0.05)


def test_ports_that_are_reused_after_a_second_never_run_out() -> None:
    """A thousand connections per second in 2,000 ports, which bear twice as many, or 32 without reuse."""
    load = Load(steadily(per_s=1000, start=-1.9, end=0.1))
    plain = described(*load.at(0), port_range=(LOW, LOW + 1999), tw_reuse=0).budgets
    reused = described(*load.at(0), port_range=(LOW, LOW + 1999), tw_reuse=1).budgets
    assert (plain.max_per_s.round().tolist(), reused.max_per_s.round().tolist()) == ([32], [2000])
    assert plain.full_in_s[0] == pytest.approx(0.1, abs=0.1)
    assert reused.full_in_s.tolist() == [NEVER]


def test_nobody_knows_whether_a_load_fills_a_budget_that_began_a_tenth_of_a_second_ago() -> None:
    """Forty so far: five thousand ports bear the 4 per second of ten seconds, but not so many as in each quarter."""
    assert np.isnan(full_in(Load(steadily(per_s=400, start=-0.1, end=0)), [0], size=5000)).tolist() == [True]


def test_a_burst_fills_nothing_if_its_ports_can_soon_be_reused() -> None:
    """Eighty of a hundred ports were closed a while ago, and nobody knows whether such a burst comes again. With reuse
    they are free again."""
    burst = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, LOW + 80), remaining=58.5)
    plain, reused = (described(burst, port_range=(LOW, LOW + 99), tw_reuse=each).budgets for each in (0, 1))
    assert np.isnan(plain.full_in_s[0])
    assert reused.full_in_s.tolist() == [NEVER]


def test_without_timers_no_rate_is_known() -> None:
    """As with a source that has no timers, such as psutil."""
    silent = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(LOW, LOW + 100), timer=0)
    seen = described(silent, port_range=(LOW, LOW + 199)).budgets
    assert (seen.used.tolist(), seen.pressure.tolist()) == ([100], [0.5])
    assert np.isnan([seen.new_per_s[0], seen.full_in_s[0]]).all()


def test_every_destination_is_compared_with_itself() -> None:
    """One comes, one goes, one stays, and their numbers change from dump to dump."""
    recent = RecentDumps()
    stays, grows = many("10.0.0.1", "10.0.0.6:443", lports=range(LOW, LOW + 500)), steadily(50, 5, 100)
    goes = many("10.0.0.1", "10.0.0.7:443", lports=range(LOW, LOW + 100))
    for second in range(16):
        blocks = [*([goes] if second < 9 else []), stays, *Load(grows, NEVER).at(second)][:: 1 - 2 * (second % 2)]
        seen = described(*blocks, at=second, recent=recent.before(1000 + second), port_range=(LOW, HIGH))
        recent.keep(seen.summary())
    rows = [seen.find(("10.0.0.1", remote, 443)) for remote in ("10.0.0.5", "10.0.0.6")]
    assert [float(seen.budgets.new_per_s[row]) for row in rows if row is not None] == pytest.approx([50, 0], abs=0.5)


@dataclass(frozen=True, slots=True)
class Level:
    """What one budget holds now, and how that changes."""

    free_in: list[float]
    live: int
    closing: float
    growth: float
    hold: float
    capacity: int
    buckets: int

    def full_before(self, tau: float, sure: bool = True) -> bool:
        """Whether there is a connection too many by then, for sure as exactly as moments are known."""
        waiting = sum(each >= tau for each in self.free_in) + self.closing * min(tau, self.hold)
        level = self.live + self.growth * tau + min(waiting, max(self.buckets, len(self.free_in)))
        return level >= self.capacity + 1 + UNSURE_S * self.closing * sure


WHEEL = Wheel(step_s=2.048, next_s=0.7)
MOVES = [0.7 + 2.048 * move for move in range(31)]
levels = st.builds(
    Level,
    free_in=st.lists(st.sampled_from(MOVES), max_size=60),
    live=st.integers(0, 30),
    closing=st.floats(0, 3),
    growth=st.floats(0, 0.5),
    hold=st.sampled_from([1.0, LONGEST_S]),
    capacity=st.integers(20, 120),
    buckets=st.sampled_from([15, 1000]),
)


@given(st.lists(levels, min_size=1, max_size=5))
def test_the_time_to_full_lies_where_a_simulation_finds_it(several: list[Level]) -> None:
    def column(name: str) -> NDArray[np.float64]:
        return np.array([getattr(each, name) for each in several], np.float64)

    nothing, forever = np.zeros(len(several)), np.full(len(several), 1e9)
    closing, growth = column("closing"), column("growth")
    use = PortUse(
        waiting=np.array([len(each.free_in) for each in several], np.float64),
        live=column("live"),
        rates=Rates(
            closing, growth, nothing, least_closing=closing, most_closing=closing, least_growth=growth, seen_s=forever
        ),
        hold_s=column("hold"),
        capacity=column("capacity"),
        most_waiting=column("buckets"),
    )
    code = np.repeat(np.arange(len(several)), [len(each.free_in) for each in several])
    free_in_s = np.concatenate([each.free_in for each in several])
    for each, answer in zip(several, time_to_full(use, WHEEL, code, free_in_s).full, strict=True):
        moments = sorted([0, 0.25, 0.5, 0.75, 1, *MOVES])
        first = next((number for number, tau in enumerate(moments) if each.full_before(tau)), None)
        if len(each.free_in) + each.live >= each.capacity:
            assert answer == 0
        elif first is None and any(each.full_before(tau, sure=False) for tau in moments):
            assert np.isnan(answer)
        elif first is None:
            assert answer == NEVER
        else:
            assert moments[max(first - 1, 0)] <= answer <= moments[first]
