"""The order of the peers: by each column, in reverse, and among equal keys."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.built_frames import filtered, frame, frames
from tests.support.refused_connects import failed
from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.frame.groups import Groups
from twtop.frame.sorting import ordered
from twtop.frame.view import GroupBy, GroupSort, View, label
from twtop.model import Process


def order_of(groups: Groups, by: GroupSort, reverse: bool = False) -> list[str]:
    return [label(groups.key(int(group))) for group in ordered(groups, by, reverse)]


def peers(*blocks: Block) -> Groups:
    """The groups of these sockets, with a range of 100 ports and without reuse."""
    return frames(make_sample(*blocks, port_range=(40000, 40099), tw_reuse=0))[0].groups


# Three destinations, each with 100 ports, one client, and one connection of unknown direction.
SCENE = [
    sock("0.0.0.0:80", state="LISTEN"),
    # full in 6 s at 6/s, which it has had for 6 s
    many("10.0.0.1", "10.0.0.9:443", "TIME_WAIT", lports=range(40000, 40036), remaining=60 - np.arange(36) / 6),
    many("10.0.0.1", "10.0.0.9:443", lports=range(40036, 40062)),
    # the most pressed: 90 %, nothing new
    many("10.0.0.1", "10.0.0.7:443", "TIME_WAIT", lports=range(40000, 40060), remaining=20),
    many("10.0.0.1", "10.0.0.7:443", lports=range(40060, 40090)),
    # few, all live
    many("10.0.0.1", "10.0.0.8:443", lports=range(40000, 40002)),
    many("10.0.0.1:80", "10.0.0.5", "TIME_WAIT", rports=range(5000, 5070), remaining=59),
    sock("10.0.0.1:99", "10.0.0.6:99", "TIME_WAIT", remaining=1),
]
EXPECTED = {  # the last number of each address; after the bar those with an unknown key
    GroupSort.PORTS: "7 9 8 5 6",
    GroupSort.PEER: "5 6 7 8 9",
    GroupSort.DIRECTION: "5 7 9 8 6",
    GroupSort.TIME_WAIT: "5 7 9 6 8",
    GroupSort.OTHER: "7 9 8 5 6",
    GroupSort.NEW: "5 9 7 6 8",
    GroupSort.MAX: "8 9 7 | 5 6",
    GroupSort.FULL_IN: "9 7 8 | 5 6",
    GroupSort.FAILED: "| 5 7 9 6 8",
    GroupSort.LAST_MINUTE: "5 9 7 6 8",
}


def test_an_order_is_expected_of_every_column() -> None:
    assert EXPECTED.keys() == {*GroupSort}


@pytest.mark.parametrize("by", GroupSort)
def test_the_largest_the_soonest_or_the_lowest_name_is_first(by: GroupSort) -> None:
    assert order_of(peers(*SCENE), by) == [f"10.0.0.{last}" for last in EXPECTED[by].replace("|", "").split()]


@pytest.mark.parametrize("by", GroupSort)
def test_reverse_reverses_all_but_unknown_keys_which_stay_last(by: GroupSort) -> None:
    known, _, unknown = EXPECTED[by].partition("|")
    expected = known.split()[::-1] + unknown.split()[::-1]
    assert order_of(peers(*SCENE), by, reverse=True) == [f"10.0.0.{last}" for last in expected]


def test_what_fails_most_is_first() -> None:
    """Of 10.0.0.8 two full destinations fail together."""
    ends = ("10.0.0.7:443", "10.0.0.8:80", "10.0.0.8:443", "10.0.0.9:443")
    full = [many("10.0.0.1", end, "TIME_WAIT", lports=range(40000, 40010), remaining=9) for end in ends]
    sample = make_sample(*full, port_range=(40000, 40009), tw_reuse=0)
    failing = replace(sample, failures=failed(sample.mono, {"10.0.0.8": 9, "10.0.0.9": 5, "10.0.0.7": 3}))
    groups = frames(failing)[0].groups
    assert order_of(groups, GroupSort.FAILED) == ["10.0.0.8", "10.0.0.9", "10.0.0.7"]
    assert order_of(groups, GroupSort.FAILED, reverse=True) == ["10.0.0.7", "10.0.0.9", "10.0.0.8"]


def test_ports_are_compared_by_the_most_pressed_destination() -> None:
    """10.0.0.9 has more connections in all. 10.0.0.7 is nearer to the end of one budget."""
    groups = peers(
        many("10.0.0.1", "10.0.0.9:443", lports=range(40000, 40040)),
        many("10.0.0.1", "10.0.0.9:80", lports=range(40000, 40040)),
        many("10.0.0.1", "10.0.0.7:443", lports=range(40000, 40050)),
    )
    assert order_of(groups, GroupSort.PORTS) == ["10.0.0.7", "10.0.0.9"]
    assert order_of(groups, GroupSort.OTHER) == ["10.0.0.9", "10.0.0.7"]


def test_a_client_counts_half_since_its_time_wait_are_recyclable() -> None:
    inbound = many("10.0.0.1:80", "10.0.0.5", "TIME_WAIT", rports=range(1024, 50000))
    for held, first in ((37, "10.0.0.5"), (39, "10.0.0.9")):  # 48,976 of 64,512 are 76 %
        outbound = many("10.0.0.1", "10.0.0.9:443", lports=range(40000, 40000 + held))
        assert order_of(peers(SCENE[0], inbound, outbound), GroupSort.PORTS)[0] == first


def test_equally_pressed_peers_are_sorted_by_time_wait_and_then_by_address() -> None:
    waiting = many("10.0.0.1", "10.0.0.9:443", "TIME_WAIT", lports=[40000])
    live = [many("10.0.0.1", f"{peer}:443", lports=[40000]) for peer in ("10.0.0.10", "10.0.0.2", "9.9.9.9")]
    names = ["9.9.9.9", "10.0.0.2", "10.0.0.10"]
    assert order_of(peers(*live, waiting), GroupSort.PORTS) == ["10.0.0.9", *names]
    assert order_of(peers(*live, waiting), GroupSort.PORTS, reverse=True) == [*names[::-1], "10.0.0.9"]


@settings(max_examples=20)
@given(shuffled=st.permutations(SCENE), by=st.sampled_from(GroupSort))
def test_the_order_of_the_dump_does_not_matter(shuffled: list[Block], by: GroupSort) -> None:
    """Rows must not jump about from one tick to the next."""
    equals = [many("10.0.0.1", f"10.1.0.{last}:443", lports=[40000]) for last in range(20)]
    assert order_of(peers(*shuffled, *equals[::-1]), by) == order_of(peers(*SCENE, *equals), by)


def test_equally_pressed_destinations_of_a_peer_are_sorted_by_port() -> None:
    blocks = [many("10.0.0.1", f"10.0.0.9:{port}", lports=[40000]) for port in (443, 80, 8080)]
    for scene in (blocks, blocks[::-1]):
        groups = peers(*scene)
        assert groups.destinations.port[groups.destination].tolist() == [80, 443, 8080]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (GroupBy.SERVICE, [":80", ":443", ":8080"]),
        (GroupBy.PROCESS, ["curl", "nginx", "wrk", "unknown process"]),
        (GroupBy.PREFIX, ["10.0.0.0/24", "10.0.1.0/24"]),
    ],
)
def test_the_first_column_is_sorted_by_what_it_shows(by: GroupBy, expected: list[str]) -> None:
    owners = {1: Process(30, "wrk"), 2: Process(10, "nginx"), 3: Process(20, "curl")}
    blocks = [
        many("10.0.0.1", "10.0.1.9:80", lports=[40000], inode=[1]),
        many("10.0.0.1", "10.0.0.3:8080", lports=[40000], inode=[2]),
        many("10.0.0.1", "10.0.0.8:443", lports=[40000], inode=[3]),
        many("10.0.0.2", "10.0.0.8:443", lports=[40001], inode=[0]),
    ]
    groups = frame(*blocks, view=View(group_by=by), owners=owners).groups
    assert order_of(groups, GroupSort.PEER) == expected
    known = [name for name in expected if name != "unknown process"]
    assert order_of(groups, GroupSort.PEER, reverse=True) == known[::-1] + expected[len(known) :]


@pytest.mark.parametrize("by", GroupSort)
def test_without_groups_there_is_no_order(by: GroupSort) -> None:
    assert len(ordered(frame(view=filtered("tw")).groups, by)) == 0


def test_every_order_has_each_group_once() -> None:
    groups = peers(*SCENE)
    for by in GroupSort:
        assert np.sort(ordered(groups, by)).tolist() == list(range(len(groups)))
