"""Under a steady load: the time to full that twtop foresees is when connect() fails."""

import math

import pytest

from tests.support.forecast_load import bound_to_five_destinations, headline, load, only_full_in
from tests.support.in_namespace import in_namespace, sysctl
from tests.support.known import known
from twtop.frame.frame import Frame
from twtop.model import Floats

PORTS = 1500


@pytest.mark.slow
@in_namespace
def test_half_full_it_foresees_when_connect_fails() -> None:
    foreseen: list[float] = []
    made: list[float] = []

    def look(frame: Frame) -> None:
        if frame.total.count >= PORTS / 2 and not foreseen:
            foreseen.append(only_full_in(frame))
            made.append(frame.snapshot.mono)

    ended = load(ports=PORTS, rate=100, seconds=40, look=look)
    assert ended.failed_at is not None
    assert foreseen
    came = ended.failed_at - made[0]
    assert abs(came - foreseen[0]) <= max(2.0, 0.1 * came), (foreseen, came)


@pytest.mark.slow
@in_namespace
def test_half_full_it_foresees_when_bind_fails() -> None:
    """Five destinations share one budget, of which each would last for ever: not even before that is known, it is
    told that it does."""
    said: list[tuple[float, float, str]] = []

    def look(frame: Frame) -> None:
        if (worst := headline(frame)) is not None:
            at_half = frame.total.count >= ports / 2 and worst.destination is None
            said.append((frame.snapshot.mono if at_half else math.inf, worst.full_in_s, frame.verdicts[0].text))

    ports = 1200
    ended = load(ports, rate=100, seconds=30, look=look, client=bound_to_five_destinations)
    assert ended.failed_at is not None
    made, full_in, told = min(said)
    came = ended.failed_at - made
    assert abs(came - full_in) <= max(2.0, 0.1 * came), (full_in, came)
    assert f"full in {full_in:.0f} s; at the end bind() fails with EADDRINUSE" in told
    assert [each for _, full_in, each in said if full_in == math.inf or "never" in each] == []


@pytest.mark.slow
@in_namespace
def test_what_will_not_fill_is_never_full() -> None:
    """Ten a second hold 610 of 1,500 ports in the long run."""
    said: list[float] = []
    load(ports=PORTS, rate=10, seconds=6, look=lambda frame: said.append(only_full_in(frame)))
    assert len(said) >= 4
    assert set(said) == {math.inf}


@pytest.mark.slow
@in_namespace
def test_a_full_budget_bounds_the_count_that_it_foresees() -> None:
    """The load asks on, and is refused: half full, twtop foresees a count that stays at the capacity."""
    stats: dict[float, int] = {}
    foreseen: list[tuple[float, Floats]] = []

    def look(frame: Frame) -> None:
        stats[frame.snapshot.mono] = frame.total.count
        if frame.total.count >= PORTS / 2 and not foreseen:
            foreseen.append((frame.snapshot.mono, known(frame.total.forecast)))

    load(ports=PORTS, rate=150, seconds=15, look=look, until_refused=False)
    ((made, ahead),) = foreseen
    later = {moment - made: count for moment, count in stats.items() if moment > made + 1}
    assert max(later) > 8
    assert max(later.values()) == PORTS
    for after, count in later.items():
        assert abs(ahead[round(after) - 1] - count) <= 0.1 * PORTS, (after, count, ahead.tolist())


@pytest.mark.slow
@in_namespace
def test_where_the_client_takes_its_ports_again_the_count_goes_on_as_foreseen() -> None:
    """tcp_tw_reuse: half the range is walked through again and again, and each connect() ends a TIME_WAIT."""
    stats: dict[float, int] = {}
    foreseen: list[tuple[float, Floats]] = []

    def look(frame: Frame) -> None:
        stats[frame.snapshot.mono] = frame.total.count
        foreseen.append((frame.snapshot.mono, known(frame.total.forecast)))

    load(ports=PORTS, rate=300, seconds=14, look=look, tw_reuse=1)
    last = max(stats)
    judged = [(made, ahead) for made, ahead in foreseen if last - 8 < made < last - 5]
    assert len(judged) >= 2
    for made, ahead in judged:
        for moment, count in stats.items():
            if moment > made + 0.5:
                foresaw = ahead[round(moment - made) - 1]
                assert abs(foresaw - count) <= 0.05 * PORTS, (moment - made, count, foresaw)
        assert ahead.max() <= 0.6 * PORTS, ahead.tolist()


@pytest.mark.slow
@in_namespace
def test_a_full_budget_is_foreseen_to_stay_full() -> None:
    """What is asked of it does not show while it is full, and it is asked on: the curve is the same at each tick."""
    foreseen: list[tuple[int, Floats]] = []
    load(
        ports=PORTS,
        rate=1500,
        seconds=6,
        look=lambda frame: foreseen.append((frame.total.count, known(frame.total.forecast))),
        until_refused=False,
    )
    full = [ahead for count, ahead in foreseen if count == PORTS]
    assert len(full) >= 4
    for ahead in full:
        assert ahead[:40].min() == PORTS
        assert ahead[-1] > 0.9 * PORTS


@in_namespace
def test_the_bucket_limit_bounds_it_too() -> None:
    sysctl("net.ipv4.tcp_max_tw_buckets", 400)
    foreseen: list[Floats] = []
    load(ports=PORTS, rate=50, seconds=4, look=lambda frame: foreseen.append(known(frame.total.forecast)))
    assert foreseen[-1][5] > 200
    assert foreseen[-1].max() == 400
