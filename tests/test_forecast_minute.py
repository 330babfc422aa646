"""After a load stops: the count that twtop foresees is the count that the kernel then has."""

import re
import time
from pathlib import Path

from tests.forecasts import Watch, load
from tests.namespace import in_namespace, wait_until

MOMENTS_S = (10, 30, 50)
WITHIN = 0.03


def time_wait() -> int:
    found = re.search(r"^TCP: .* tw (\d+)", Path("/proc/thread-self/net/sockstat").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


@in_namespace
def test_the_next_minute_is_as_foreseen() -> None:
    """Entered within half a minute, so that some are gone at each of the later moments."""
    load(ports=20_000, rate=300, seconds=32, look=lambda _: None)
    watch = Watch()
    wait_until(watch.frame, what="a frame before")
    frame = wait_until(watch.frame, what="a frame in which nothing enters any more")
    assert frame.total.entered_per_s == 0
    start, count = frame.snapshot.mono, frame.total.count
    assert count > 9000
    met = {}
    for moment in MOMENTS_S:
        wait_until(lambda due=start + moment: time.monotonic() >= due, timeout=60, what=f"+{moment} s")  # type: ignore[misc]
        met[moment] = time_wait()
    foreseen = {moment: float(frame.total.forecast[moment - 1]) for moment in MOMENTS_S}
    assert met[30] < count
    assert 0 < met[50] < 0.7 * count
    assert all(abs(foreseen[moment] - met[moment]) <= WITHIN * count for moment in MOMENTS_S), (count, foreseen, met)
