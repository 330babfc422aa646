"""TIME_WAIT that begin and end per second, under a real leak and after it."""

import pytest

from tests.support.forecast_load import Watch
from tests.support.in_namespace import in_namespace, wait_until
from twtop.demo.load import ConnectStats, Server, Stream, client_closes, connect, run


@in_namespace
def test_a_closed_fin_wait2_that_the_kernel_counts_is_no_time_wait_until_its_peer_closes() -> None:
    server, stats, watch, kept = Server(("127.0.0.1", 7000)), ConnectStats(), Watch(), []

    def forget() -> None:
        client, leaked = connect(server, stats)
        client.close()
        kept.append(leaked)

    def frame() -> tuple[float | None, float | None, float | None]:
        seen = wait_until(watch.frame, what="a frame")
        return seen.rates["TW"], seen.total.entered_per_s, seen.total.left_per_s

    frame()
    for _ in run([Stream(1000, forget)], 60, 200):
        pass
    counted, entered, left = frame()
    assert counted
    assert (entered, left) == (0, 0)
    for each in kept:
        each.close()
    counted, entered, left = frame()
    assert (counted, left) == (0, 0)
    assert entered == pytest.approx(stats.done / 2, rel=0.1)
    for _ in run([Stream(1000, lambda: client_closes(connect(server, stats)))], 60, 200):
        pass
    counted, entered, left = frame()
    assert entered == pytest.approx(stats.done / 3, rel=0.1)
