"""Real loads: the forecast of when a budget is full and of how many TIME_WAIT there are, judged by the kernel."""

import math

import pytest

from tests.support.forecast_load import bound_to_five_destinations, headline, load, only_full_in
from tests.support.in_namespace import in_namespace, sysctl
from tests.support.not_none import known
from twtop.frame.frame import Frame
from twtop.model import Floats

PORTS = 1500


@pytest.mark.slow
@in_namespace
def test_at_half_full_the_forecast_says_when_connect_fails() -> None:
    forecasts: list[float] = []
    made: list[float] = []

    def look(frame: Frame) -> None:
        if frame.total.count >= PORTS / 2 and not forecasts:
            forecasts.append(only_full_in(frame))
            made.append(frame.snapshot.mono)

    ended = load(ports=PORTS, rate=100, seconds=40, look=look)
    assert ended.failed_at is not None
    assert forecasts
    came = ended.failed_at - made[0]
    assert abs(came - forecasts[0]) <= max(2.0, 0.1 * came), (forecasts, came)


@pytest.mark.slow
@in_namespace
def test_at_half_full_the_forecast_says_when_bind_fails() -> None:
    """Five destinations share one budget. Each would last for ever by itself, but twtop never says so.

    This holds even before it is known that the client binds first.
    """
    said: list[tuple[float, float, str]] = []

    def look(frame: Frame) -> None:
        if (worst := headline(frame)) is not None:
            at_half = frame.total.count >= ports / 2 and worst.destination is None
            said.append((frame.snapshot.mono if at_half else math.inf, worst.full_in_s, frame.verdicts[0].text))

    ports = 1200
    ended = load(ports, rate=100, seconds=30, look=look, client=bound_to_five_destinations)
    assert ended.failed_at is not None
    made, full_in, text = min(said)
    came = ended.failed_at - made
    assert abs(came - full_in) <= max(2.0, 0.1 * came), (full_in, came)
    assert f"full in {full_in:.0f} s; at the end bind() fails with EADDRINUSE" in text
    assert [each for _, full_in, each in said if full_in == math.inf or "never" in each] == []


@pytest.mark.slow
@in_namespace
def test_a_load_that_will_not_fill_its_budget_is_never_full() -> None:
    """Ten connections per second hold 610 of 1,500 ports in the long run."""
    said: list[float] = []
    load(ports=PORTS, rate=10, seconds=6, look=lambda frame: said.append(only_full_in(frame)))
    assert len(said) >= 4
    assert set(said) == {math.inf}


@pytest.mark.slow
@in_namespace
def test_the_forecast_count_stays_at_the_capacity_of_a_full_budget() -> None:
    """The load goes on when it is refused. The forecast that is made at half full stays at the capacity."""
    stats: dict[float, int] = {}
    forecasts: list[tuple[float, Floats]] = []

    def look(frame: Frame) -> None:
        stats[frame.snapshot.mono] = frame.total.count
        if frame.total.count >= PORTS / 2 and not forecasts:
            forecasts.append((frame.snapshot.mono, known(frame.total.forecast)))

    load(ports=PORTS, rate=150, seconds=15, look=look, until_refused=False)
    ((made, ahead),) = forecasts
    later = {moment - made: count for moment, count in stats.items() if moment > made + 1}
    assert max(later) > 8
    assert max(later.values()) == PORTS
    for after, count in later.items():
        assert abs(ahead[round(after) - 1] - count) <= 0.1 * PORTS, (after, count, ahead.tolist())


@pytest.mark.slow
@in_namespace
def test_under_tw_reuse_the_count_is_as_forecast() -> None:
    """The client uses half of the range again and again, and each connect() ends a TIME_WAIT."""
    stats: dict[float, int] = {}
    forecasts: list[tuple[float, Floats]] = []

    def look(frame: Frame) -> None:
        stats[frame.snapshot.mono] = frame.total.count
        forecasts.append((frame.snapshot.mono, known(frame.total.forecast)))

    load(ports=PORTS, rate=300, seconds=14, look=look, tw_reuse=1)
    last = max(stats)
    judged = [(made, ahead) for made, ahead in forecasts if last - 8 < made < last - 5]
    assert len(judged) >= 2
    for made, ahead in judged:
        for moment, count in stats.items():
            if moment > made + 0.5:
                forecast = ahead[round(moment - made) - 1]
                assert abs(forecast - count) <= 0.05 * PORTS, (moment - made, count, forecast)
        assert ahead.max() <= 0.6 * PORTS, ahead.tolist()


@pytest.mark.slow
@in_namespace
def test_a_full_budget_is_forecast_to_stay_full() -> None:
    """Its demand cannot be seen while it is full, and goes on. The forecast is the same at each tick."""
    forecasts: list[tuple[int, Floats]] = []
    load(
        ports=PORTS,
        rate=1500,
        seconds=6,
        look=lambda frame: forecasts.append((frame.total.count, known(frame.total.forecast))),
        until_refused=False,
    )
    full = [ahead for count, ahead in forecasts if count == PORTS]
    assert len(full) >= 4
    for ahead in full:
        assert ahead[:40].min() == PORTS
        assert ahead[-1] > 0.9 * PORTS


@in_namespace
def test_the_forecast_count_stays_at_the_limit_of_buckets() -> None:
    sysctl("net.ipv4.tcp_max_tw_buckets", 400)
    forecasts: list[Floats] = []
    load(ports=PORTS, rate=50, seconds=4, look=lambda frame: forecasts.append(known(frame.total.forecast)))
    assert forecasts[-1][5] > 200
    assert forecasts[-1].max() == 400
