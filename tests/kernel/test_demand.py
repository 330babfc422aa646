"""What a full budget is asked for: connections that succeed and those that fail, under a steady load."""

import time

import numpy as np
import pytest

from tests.support.forecast_load import Watch, load, one_destination
from tests.support.in_namespace import in_namespace, sysctl
from tests.support.not_none import known
from twtop.demo.load import ConnectStats, Stream, client_closes, run
from twtop.dump.reading import LONG_S
from twtop.dump.timer_wheel import UNSURE_S
from twtop.frame.frame import Frame
from twtop.model import TIMEWAIT_MS, Direction

PORTS, PER_S, SECONDS = 300, 100.0, 17
NEAR_S = 0.1
"""A timer that runs out so near a move of the wheel may wait for the move before or after it."""

SETTLED_S = LONG_S + 1
"""From then on the window of rates has nothing of the time before the load."""


@pytest.mark.slow
@in_namespace
def test_a_full_budget_is_asked_for_what_its_client_asks() -> None:
    """All of it fails, and every failure counts."""
    seen: list[Frame] = []
    load(PORTS, PER_S, SECONDS, seen.append, until_refused=False)
    settled = [frame for frame in seen if frame.snapshot.mono - seen[0].snapshot.mono >= SETTLED_S]
    assert len(settled) > 3
    for frame in settled:
        budgets = frame.groups.budgets
        (destination,) = np.flatnonzero(frame.groups.destinations.direction == Direction.OUTBOUND)
        assert budgets.used[destination] == PORTS
        assert budgets.new_per_s[destination] == pytest.approx(PER_S, rel=0.05)
        assert budgets.failed_per_s[destination] == pytest.approx(PER_S, rel=0.1)
    failed = [np.nanmax(frame.groups.budgets.failed_60s) for frame in (settled[0], settled[-1])]
    span_s = settled[-1].snapshot.mono - settled[0].snapshot.mono
    assert failed[1] - failed[0] == pytest.approx(PER_S * span_s, rel=0.05)


@pytest.mark.slow
@in_namespace
def test_a_full_budget_says_when_its_next_port_is_free() -> None:
    """Whoever goes on asking gets a port at that moment: after the last connect() that failed."""
    sysctl("net.ipv4.ip_local_port_range", f"40000 {40000 + PORTS - 1}")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    stats, watch = ConnectStats(), Watch()
    opened, said, succeeded_at = one_destination(stats), list[tuple[float, float]](), 0.0
    first_at, failed_at, step_s = None, 0.0, 0.0
    for _ in run([Stream(PER_S, lambda: client_closes(opened()))], seconds=80, steps=1_000_000):
        first_at = first_at or time.monotonic()
        if stats.done > PORTS:
            succeeded_at = time.monotonic()
            break
        failed_at = time.monotonic()
        if stats.failed and (frame := watch.frame()):
            bottleneck, step_s = known(frame.analysis.bottleneck), frame.analysis.reading.wheel.step_s
            if bottleneck.used == PORTS:  # else a port has come free since the last connect()
                said.append((frame.snapshot.mono, frame.snapshot.mono + bottleneck.next_free_s))
    foretold = [expected for read_at, expected in said if read_at < succeeded_at - UNSURE_S]
    assert len(foretold) > 15
    after_s = succeeded_at - (known(first_at) + TIMEWAIT_MS / 1000)
    is_clear = NEAR_S < after_s < step_s - NEAR_S
    off_s = NEAR_S + step_s * (not is_clear)
    assert failed_at - off_s < min(foretold) <= max(foretold) < succeeded_at + off_s
