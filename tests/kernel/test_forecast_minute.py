"""After a load has stopped: the forecast counts are the counts that the kernel then has."""

import re
import time
from pathlib import Path

import pytest

from tests.support.forecast_load import Watch, load
from tests.support.in_namespace import in_namespace, wait_until
from tests.support.not_none import known
from twtop.budgets.rates import SHORT_S
from twtop.dump.timer_wheel import wheel
from twtop.frame.frame import Frame

MOMENTS_S = (10, 30, 50)
WITHIN = 0.03
CLEAR_S = 0.4
"""How far the later moments are from any burst. A burst frees more than WITHIN, and may come some tenths of a second
sooner or later than forecast."""


def time_wait() -> int:
    found = re.search(r"^TCP: .* tw (\d+)", Path("/proc/thread-self/net/sockstat").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def clear_of_bursts(frame: Frame) -> bool:
    """Whether the wheel moves near none of the moments, counted from now. At the first nothing is released yet."""
    sockets = frame.snapshot.sockets
    now = wheel(sockets.timer_ms[sockets.is_time_wait], time.monotonic())
    after = [(moment - now.next_s) % now.step_s for moment in MOMENTS_S[1:]]
    return all(CLEAR_S < each < now.step_s - CLEAR_S for each in after)


def quiet(frame: Frame | None) -> Frame | None:
    """The frame once nothing has entered for some seconds. Before, the forecast lets the load go on."""
    return frame if frame and not known(frame.total.entered)[-SHORT_S - 1 :].any() else None


@pytest.mark.slow
@in_namespace
def test_the_counts_of_the_next_minute_are_as_forecast() -> None:
    """All entered within half a minute, so that some are gone at each of the later moments."""
    load(ports=20_000, rate=300, seconds=32, look=lambda _: None)
    watch = Watch()
    before = wait_until(lambda: quiet(watch.frame()), what="a frame in which nothing has entered for a while")
    frame = wait_until(lambda: watch.frame() if clear_of_bursts(before) else None, what="a frame away from bursts")
    assert frame.total.entered_per_s == 0
    start, count = frame.snapshot.mono, frame.total.count
    assert count > 3000  # fewer than 300/s where the machine is busy
    stats = {}
    for moment in MOMENTS_S:
        wait_until(lambda due=start + moment: time.monotonic() >= due, timeout=60, what=f"+{moment} s")  # type: ignore[misc]
        stats[moment] = time_wait()
    forecast = {moment: float(known(frame.total.forecast)[moment - 1]) for moment in MOMENTS_S}
    assert stats[30] < count
    assert 0 < stats[50] < 0.7 * count
    assert all(abs(forecast[moment] - stats[moment]) <= WITHIN * count for moment in MOMENTS_S), (
        count,
        forecast,
        stats,
    )
