"""A Sample becomes a Snapshot, by the decoder of its source."""

from dataclasses import replace

import pytest

from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.model import Process, TcpState
from twtop.sources.decode import decode
from twtop.sources.probe import COUNTERS_ONLY, Request, Sample
from twtop.sources.psutil_source import ROW

SAMPLE = make_sample(
    sock("0.0.0.0:80", state="LISTEN", wqueue=128, inode=7),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40020)),
    at=7,
)


def by_psutil(*pids: int, names: dict[int, str]) -> Sample:
    """A listener of each of these processes, as psutil tells of them; 0 is nobody that it may name."""
    rows = [ROW.pack(False, TcpState.LISTEN, bytes(16), bytes(16), 80 + at, 0, pid) for at, pid in enumerate(pids)]
    files = SAMPLE.files | {f"{pid}/comm": name for pid, name in names.items()}
    return replace(SAMPLE, source="psutil", dump=b"".join(rows), files=files)


def test_the_rest_of_a_sample_is_handed_on() -> None:
    told = replace(SAMPLE, load="a load", netns_name="blue", notice="why", is_this_machine=False)
    snapshot = decode(told)
    for name in (
        *("time", "mono", "cpu", "collect_s", "host", "kernel", "netns", "source"),
        *("load", "netns_name", "notice", "is_this_machine"),
    ):
        assert getattr(snapshot, name) == getattr(told, name)
    assert snapshot.gauges["tw"] == snapshot.sockets.is_time_wait.sum() == 20


def test_counters_alone_keep_the_sockets_of_before() -> None:
    before = decode(SAMPLE)
    after = decode(replace(SAMPLE, mono=SAMPLE.mono + 1, dump=None, request=COUNTERS_ONLY), before)
    assert after.sockets is before.sockets
    assert (after.dumped, after.mono, after.age_s, after.part) == (SAMPLE.mono, SAMPLE.mono + 1, 1, False)


def test_counters_alone_and_nothing_before_are_no_sockets() -> None:
    snapshot = decode(replace(SAMPLE, dump=None, request=COUNTERS_ONLY))
    assert (len(snapshot.sockets), snapshot.gauges["tw"]) == (0, 20)


def test_what_was_asked_for_in_part_is_a_part() -> None:
    assert decode(replace(SAMPLE, request=Request(bytecode=bytes(8)))).part
    assert not decode(SAMPLE).part


@pytest.mark.parametrize(("source", "unit_ms"), [("sock_diag", 1), ("procfs", 10)])
def test_a_source_by_inodes_tells_no_owners(source: str, unit_ms: int) -> None:
    snapshot = decode(replace(SAMPLE, source=source, dump=b""))
    assert snapshot.timer_unit_ms == unit_ms
    assert not snapshot.tells_owners
    assert snapshot.is_searchable


def test_psutil_tells_owners_by_pid_and_no_inode() -> None:
    snapshot = decode(by_psutil(30, 0, 20, names={20: "nginx", 30: "wrk"}))
    assert snapshot.sockets.pid.tolist() == [30, 0, 20]
    assert snapshot.sockets.inode.tolist() == [0, 0, 0]
    assert snapshot.sockets.is_held.tolist() == [True, False, True]
    assert snapshot.holders == {20: Process(20, "nginx"), 30: Process(30, "wrk")}
    assert snapshot.tells_owners
    assert not snapshot.is_searchable


def test_holders_stay_with_their_sockets() -> None:
    before = decode(by_psutil(30, names={30: "wrk"}))
    after = decode(replace(by_psutil(names={}), dump=None, request=COUNTERS_ONLY), before)
    assert after.holders == before.holders == {30: Process(30, "wrk")}


def test_another_machines_sockets_are_not_searched_for_here() -> None:
    assert not decode(replace(SAMPLE, is_this_machine=False)).is_searchable
