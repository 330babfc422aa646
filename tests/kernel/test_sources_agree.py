"""Every source sees the same sockets: real ones in every state, read by each between two readings by sock_diag."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.kernel.test_probe_states import has, steady
from tests.support.in_namespace import in_namespace, run_in_namespace, sysctl, wait_until
from tests.support.other_process import server
from tests.support.sockets_in_every_state import Bench, Family
from tests.support.ss_and_procfs import Seen, Table, by_twtop
from twtop.model import UNKNOWN_QUEUE, TcpState, Timer
from twtop.sources.decode import decode
from twtop.sources.probe import Sample, read_sample
from twtop.sources.procfs_source import read_procfs
from twtop.sources.psutil_source import read_psutil

TOLERANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Readings:
    """The table by sock_diag, by another source, and by sock_diag again."""

    before: Sample
    ours: Sample
    after: Sample


@pytest.fixture(scope="module")
def readings() -> dict[str, Readings]:
    return run_in_namespace(observe)


def observe() -> dict[str, Readings]:
    sysctl("net.ipv4.tcp_fin_timeout", 9)
    benches = [Bench(family) for family in Family if has(family)]
    made = [dict(bench.all_states()) for bench in benches]
    readers = {"procfs": read_procfs, "psutil": read_psutil}
    found = {name: wait_until(lambda read=read: between(read), what=name) for name, read in readers.items()}  # type: ignore[misc]
    assert len(by_twtop(found["procfs"].before)) > 10 * len(made)
    return found


def between(read: Callable[[], Sample]) -> Readings | None:
    """None if a timer was set meanwhile, because then it is unclear what the other source should have read."""
    three = Readings(read_sample(), read(), read_sample())
    return three if steady(by_twtop(three.before), by_twtop(three.after)) else None


def visible(sample: Sample) -> Table:
    """The sockets that every source can see: merely bound ones are left out."""
    return {ends: seen for ends, seen in by_twtop(sample).items() if seen.state is not TcpState.CLOSE}


@pytest.mark.parametrize("source", ["procfs", "psutil"])
def test_a_source_has_the_same_sockets_in_the_same_states(readings: dict[str, Readings], source: str) -> None:
    seen = readings[source]
    ours = {ends: each.state.name for ends, each in by_twtop(seen.ours).items()}
    assert ours == {ends: each.state.name for ends, each in visible(seen.before).items()}
    assert set(ours.values()) == {state.name for state in TcpState} - {"CLOSE"}


def test_procfs_has_the_same_timers(readings: dict[str, Readings]) -> None:
    seen = readings["procfs"]
    before, ours, after = visible(seen.before), by_twtop(seen.ours), visible(seen.after)
    assert {ends: each.timer for ends, each in ours.items()} == {ends: each.timer for ends, each in before.items()}
    assert [ends for ends, each in ours.items() if not agrees(before[ends], each, after[ends])] == []
    assert {each.timer for each in ours.values()} >= {Timer.OFF, Timer.RETRANSMIT, Timer.TIMEWAIT}


def agrees(before: Seen, ours: Seen, after: Seen) -> bool:
    if ours.timer is Timer.OFF:
        return ours.left < 0
    return after.left - TOLERANCE_S <= ours.left <= before.left + TOLERANCE_S


def test_procfs_has_the_same_owners_and_queues(readings: dict[str, Readings]) -> None:
    seen = readings["procfs"]
    before, ours, after = visible(seen.before), by_twtop(seen.ours), visible(seen.after)
    assert {ends: each.owner for ends, each in ours.items()} == {ends: each.owner for ends, each in before.items()}
    assert any(inode > 0 for each in ours.values() if each.owner for inode in each.owner[1:])
    still = [ends for ends in ours if before[ends].queues == after[ends].queues]
    for ends in still:
        was, now = before[ends].queues, ours[ends].queues
        assert was
        assert now == (was if ours[ends].state is not TcpState.LISTEN else (was[0], UNKNOWN_QUEUE))
    assert any(queues != (0, 0) for ends in still if (queues := ours[ends].queues))


def test_what_psutil_does_not_know_is_unknown(readings: dict[str, Readings]) -> None:
    snapshot = decode(readings["psutil"].ours)
    sockets = snapshot.sockets
    assert set(sockets.timer.tolist()) == {Timer.OFF}
    assert set(sockets.timer_ms.tolist()) == set(sockets.age_ms.tolist()) == {-1}
    assert set(sockets.uid.tolist()) == {0}
    assert set(sockets.inode.tolist()) == {0}
    assert set(sockets.pid.tolist()) - {0} == set(snapshot.holders or {})
    assert not sockets.pid[sockets.is_time_wait].any()


@in_namespace
def test_psutil_names_the_holders_of_sockets() -> None:
    with server("tw-server") as child, child.dial():
        run = subprocess.run(
            [sys.executable, "-m", "twtop", "-1", "--source", "psutil", "-o", "json", "--sockets"],
            check=True, capture_output=True,
        )  # fmt: skip
    sockets = json.loads(run.stdout)["sockets"]
    held = {(each["process"], each["pid"]) for each in sockets if each["lport"] == child.port}
    assert held == {("tw-server", child.pid)}
    assert {(each["uid"], each["inode"]) for each in sockets} == {(None, None)}


def test_counters_and_limits_are_the_same_by_every_source(readings: dict[str, Readings]) -> None:
    for seen in readings.values():
        assert decode(seen.ours).limits == decode(seen.before).limits
        assert decode(seen.ours).counters.keys() == decode(seen.before).counters.keys()
        assert seen.ours.netns == seen.before.netns
