"""TIME_WAIT that begin and end per second: of TIME_WAIT alone, and at the pace of the load, not of the timer wheel."""

import numpy as np
import pytest

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import Block, make_sample, many
from twtop.dump.timer_wheel import wheel
from twtop.model import Timer
from twtop.sources.probe import Sample

PER_S = 150


def steady(second: int, kernel: str) -> Sample:
    """A load that began 100 s before second 0. Old kernels count what the wheel has released."""
    at_start = wheel(np.empty(0, np.int32), 1000)
    began = np.arange(-100, second, 1 / PER_S)
    ended = at_start.release_s(((began + 60) * 1000).astype(np.int32))
    there = ended > second
    left = np.maximum(began[there] + 60 - second, 0)
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=20000 + np.arange(len(left)), remaining=left)
    counted = len(began) if kernel.startswith("6") else int((~there).sum())
    return make_sample(block, at=second, kernel=kernel, counters={"TW": counted})


@pytest.mark.parametrize("kernel", ["6.18.44", "4.19.0"])
def test_bursts_of_the_timer_wheel_do_not_show(kernel: str) -> None:
    for each in frames(*(steady(second, kernel) for second in range(30)))[1:]:
        assert each.total.entered_per_s == pytest.approx(PER_S, rel=0.02)
        assert each.total.left_per_s == pytest.approx(PER_S, rel=0.02)


def test_what_ends_early_has_left() -> None:
    """Of a thousand, fifty are replaced each second."""

    def look(second: int) -> Sample:
        left = 60 - np.arange(1000) / 50
        block = many("10.0.0.5:80", "10.0.0.1", "TIME_WAIT", rports=range(2000, 3000), remaining=left)
        return make_sample(block, at=second, counters={"TW": 1000 + 50 * second})

    last = frames(*map(look, range(9)))[-1]
    assert (last.total.entered_per_s, last.total.left_per_s) == (50, 50)


def closed(second: int) -> Block | None:
    """Ten begin each second. Their peer never closes, and each lasts a minute."""
    began = np.arange(max(0, second - 60) * 10, second * 10) / 10
    if not len(began):
        return None
    left = began + 60 - second
    ports = 40000 + np.arange(len(left))
    return many("10.0.0.1", "10.0.0.5:7000", "FIN_WAIT2", lports=ports, timer=Timer.TIMEWAIT, remaining=left)


@pytest.mark.parametrize("start", [0, 55, 100])
def test_a_closed_fin_wait2_does_not_enter_or_leave(start: int) -> None:
    """This holds while their number grows, and when their own timers end them."""
    samples = []
    for second in range(start, start + 12):
        block = closed(second)
        samples.append(make_sample(*([] if block is None else [block]), at=second, counters={"TW": 10 * second}))
    for each in frames(*samples)[1:]:
        assert (each.total.entered_per_s, each.total.left_per_s) == (0, 0)
