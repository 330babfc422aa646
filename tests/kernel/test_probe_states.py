"""Real sockets in every state, read by twtop between two readings of ss and of /proc/net/tcp."""

import functools
import os
import re
import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.in_namespace import run_in_namespace, sysctl, wait_until
from tests.support.sockets_in_every_state import Bench, Family
from tests.support.ss_and_procfs import Ends, Seen, Table, by_proc, by_ss, by_twtop, proc_text, ss_text
from twtop.model import TcpState, Timer
from twtop.sources.probe import Sample, read_sample

FIN_TIMEOUT_S = 9  # below 10 s ss shows milliseconds
TOLERANCE_S = 0.1
QUIET_S = 60
"""On a busy machine it takes long until two readings in a row show the same."""

STATES = [*(state.name for state in TcpState), "CLOSED_FIN_WAIT2"]
HAS_SS = shutil.which("ss") is not None


@dataclass(frozen=True, slots=True)
class Readings:
    """The same table three times in a row: by a judge, by twtop, by the judge again."""

    before: Table
    sample: Sample
    after: Table


@dataclass(frozen=True, slots=True)
class Observation:
    """The sockets that were made, and who saw which. A family that the machine lacks is left out."""

    made: dict[Family, dict[str, Ends]]
    proc: Readings
    ss: Readings | None


@pytest.fixture(scope="module")
def seen() -> Observation:
    return run_in_namespace(observe)


def observe() -> Observation:
    sysctl("net.ipv4.tcp_fin_timeout", FIN_TIMEOUT_S)
    benches = [Bench(family) for family in Family if has(family)]
    made = {bench.family: dict(bench.all_states()) for bench in benches}
    proc = functools.partial(read_between, lambda: by_proc(proc_text()))
    ss = functools.partial(read_between, lambda: by_ss(ss_text()))
    return Observation(
        made,
        wait_until(proc, QUIET_S, "two equal readings of /proc/net/tcp"),
        wait_until(ss, QUIET_S, "two equal readings of ss") if HAS_SS else None,
    )


def has(family: Family) -> bool:
    try:
        with socket.socket(family.domain) as attempt:
            attempt.bind((family.address, 0))
    except OSError:
        return False
    return True


def read_between(judge: Callable[[], Table]) -> Readings | None:
    """None if a timer was set meanwhile, because then it is unclear what twtop should have read."""
    readings = Readings(judge(), read_sample(), judge())
    return readings if steady(readings.before, readings.after) else None


def steady(before: Table, after: Table) -> bool:
    def unchanged(first: Seen, second: Seen) -> bool:
        return (first.state, first.timer) == (second.state, second.timer) and second.left <= first.left

    return before.keys() == after.keys() and all(unchanged(before[ends], after[ends]) for ends in before)


def of_ss(seen: Observation) -> Readings:
    return seen.ss or pytest.skip("there is no ss here: it comes with iproute2")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("family", Family)
def test_a_socket_is_seen_in_its_state(seen: Observation, family: Family, state: str) -> None:
    if family not in seen.made:
        pytest.skip(f"this machine has no {family.name}")
    if state == "CLOSE" and kernel_version() < (6, 8):
        pytest.skip("before Linux 6.8, sock_diag does not show sockets that are merely bound")
    ours = by_twtop(seen.proc.sample)[seen.made[family][state]]
    assert ours.state is TcpState[state.removeprefix("CLOSED_")]
    assert (ours.timer is Timer.TIMEWAIT) == (state in ("TIME_WAIT", "CLOSED_FIN_WAIT2"))


def kernel_version() -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])


def test_proc_sees_the_same_sockets(seen: Observation) -> None:
    assert states(by_twtop(seen.proc.sample)) == states(seen.proc.before)


def test_ss_sees_the_same_sockets(seen: Observation) -> None:
    readings = of_ss(seen)
    assert states(by_twtop(readings.sample)) == states(readings.before)


def states(table: Table) -> dict[Ends, str]:
    """The state of each socket, without merely bound ones, which neither ss nor /proc shows."""
    return {ends: socket.state.name for ends, socket in table.items() if socket.state is not TcpState.CLOSE}


def test_timers_agree_with_proc(seen: Observation) -> None:
    assert wrong_timers(seen.proc) == {}


def test_timers_agree_with_ss(seen: Observation) -> None:
    assert wrong_timers(of_ss(seen)) == {}


def wrong_timers(readings: Readings) -> dict[Ends, tuple[Seen, Seen, Seen]]:
    """The timers that are not between the two readings of the judge: (before, twtop, after)."""
    ours = by_twtop(readings.sample)
    three = {ends: (before, ours[ends], readings.after[ends]) for ends, before in readings.before.items()}
    return {ends: found for ends, found in three.items() if not between(*found)}


def between(before: Seen, ours: Seen, after: Seen) -> bool:
    if ours.timer is Timer.OFF:
        return before.timer is Timer.OFF and ours.left < 0
    earliest, latest = after.left - TOLERANCE_S, before.left + before.unit + TOLERANCE_S
    return ours.timer is before.timer and earliest <= ours.left <= latest


def test_owners_agree_with_proc(seen: Observation) -> None:
    ours = by_twtop(seen.proc.sample)
    assert {ends: ours[ends].owner for ends in seen.proc.before} == {
        ends: socket.owner for ends, socket in seen.proc.before.items()
    }


def test_queues_agree_with_ss(seen: Observation) -> None:
    readings = of_ss(seen)
    ours = by_twtop(readings.sample)
    still = [ends for ends, before in readings.before.items() if before.queues == readings.after[ends].queues]
    assert any(ours[ends].queues != (0, 0) for ends in still)
    assert {ends: ours[ends].queues for ends in still} == {ends: readings.before[ends].queues for ends in still}


def test_timewait_sockets_have_just_begun_to_wait(seen: Observation) -> None:
    ours = by_twtop(seen.proc.sample)
    for made in seen.made.values():
        assert 50 < ours[made["TIME_WAIT"]].left <= 60
        assert FIN_TIMEOUT_S - 5 < ours[made["CLOSED_FIN_WAIT2"]].left <= FIN_TIMEOUT_S


def test_counters_are_those_of_the_namespace(seen: Observation) -> None:
    sockstat = re.search(r"^TCP:.* tw (\d+)", seen.proc.sample.files["net/sockstat"], re.MULTILINE)
    timewait = [each for each in by_twtop(seen.proc.sample).values() if each.timer is Timer.TIMEWAIT]
    assert sockstat
    assert int(sockstat[1]) == len(timewait) == 2 * len(seen.made)
    assert seen.proc.sample.netns != read_sample().netns
