"""Groups, compared with the obvious way: one socket after the other, in plain Python."""

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.built_frames import filtered, frame
from tests.support.known_owners import ByInode
from tests.support.sock_diag_dump import Block, many, sock
from twtop.filter.parser import parse
from twtop.frame.entered import SPARK_STEPS
from twtop.frame.frame import Frame
from twtop.frame.groups import members, urgency
from twtop.frame.view import GroupBy, Key, View, label
from twtop.model import Direction, Process, TcpState

IPV4 = ["10.0.0.1", "10.0.0.200", "10.0.1.1", "127.0.0.1"]
IPV6 = ["[::1]", "[::2]", "[fd00::1]", "[fd00::2]", "[fd00:0:0:1::1]"]
MAPPED = ["[::ffff:10.0.0.1]", "[::ffff:10.0.0.2]"]
PORTS = [80, 443, 40000, 40001, 40002]
OWNERS = {1: Process(10, "nginx"), 2: Process(11, "nginx"), 3: Process(12, "curl"), 4: Process(13, "")}
FILTERS = ["", "", "tw", "10.0.0.0/24", "not 443", "process nginx"]
CONNECTED = sorted({*TcpState} - {TcpState.LISTEN, TcpState.CLOSE})


@st.composite
def drawn_socket(draw: st.DrawFn) -> Block:
    addresses = st.sampled_from(draw(st.sampled_from([IPV4, IPV6, MAPPED])))
    port, inode = st.sampled_from(PORTS), draw(st.integers(0, 5))
    local = f"{draw(addresses)}:{draw(port)}"
    if draw(st.integers(0, 9)) == 0:
        return sock(local, state=draw(st.sampled_from(["LISTEN", "CLOSE"])), inode=inode)
    remote, state = f"{draw(addresses)}:{draw(port)}", draw(st.sampled_from([TcpState.TIME_WAIT, *CONNECTED]))
    if state is TcpState.TIME_WAIT:
        return sock(local, remote, state, remaining=draw(st.integers(0, 60_000)) / 1000)
    return sock(local, remote, state, inode=inode)


SOCKETS = st.lists(drawn_socket(), max_size=25)


def group_of(frame: Frame, row: int, by: GroupBy) -> Hashable:
    """What the sockets of one group have in common."""
    sockets, destinations = frame.snapshot.sockets, frame.groups.destinations
    direction = Direction(destinations.side[row])
    port = sockets.lport[row] if direction is Direction.INBOUND else sockets.rport[row]
    local, remote = (sockets.addresses.integer(side[row]) for side in (sockets.local, sockets.remote))
    match by:
        case GroupBy.PEER:
            return direction, remote
        case GroupBy.DESTINATION:
            return direction, local, remote, int(port)
        case GroupBy.SERVICE:
            return direction, int(port)
        case GroupBy.PROCESS:
            owner = frame.owners.process[row]
            return "" if owner < 0 else frame.owners.processes[owner].name
        case GroupBy.PREFIX:
            ipv4 = remote >> 32 == 0xFFFF
            family, bits, size = (4, remote & 0xFFFF_FFFF, 24) if ipv4 else (6, remote, 64)
            return direction, ipaddress.ip_network((bits if family == 4 else bits.to_bytes(16), size), strict=False)


def entries_of(frame: Frame, rows: list[int]) -> list[int]:
    """TIME_WAIT entered in each 3 s of the last minute, oldest first."""
    counts = [0] * SPARK_STEPS
    for row in rows:
        if frame.snapshot.sockets.state[row] == TcpState.TIME_WAIT:
            age_ms = 60_000 - frame.snapshot.sockets.timer_ms[row]
            counts[SPARK_STEPS - 1 - min(age_ms // 3000, SPARK_STEPS - 1)] += 1
    return counts


def rows_of(frame: Frame, key: Key) -> list[int]:
    chosen = members(frame.snapshot, frame.groups.destinations, frame.owners, key)
    return np.flatnonzero(chosen).tolist()


@pytest.mark.parametrize("by", GroupBy)
@settings(max_examples=40)
@given(blocks=SOCKETS, text=st.sampled_from(FILTERS))
def test_groups_are_those_that_plain_python_finds(by: GroupBy, blocks: list[Block], text: str) -> None:
    found = frame(*blocks, view=View(query=parse(text), group_by=by), owners=OWNERS)
    groups, sockets = found.groups, found.snapshot.sockets
    expected: dict[Hashable, list[int]] = defaultdict(list)
    for row in np.flatnonzero(sockets.is_connection).tolist():
        expected[group_of(found, row, by)].append(row)
    expected = {name: rows for name, rows in expected.items() if found.shown[rows].any()}

    keys = [groups.key(group) for group in range(len(groups))]
    assert [groups.find(key) for key in keys] == list(range(len(groups)))
    members_of = [rows_of(found, key) for key in keys]
    assert sorted(members_of) == sorted(expected.values())
    for group, rows in enumerate(members_of):
        shown = [row for row in rows if found.shown[row]]
        states = Counter(sockets.state[shown].tolist())
        assert groups.states[group].tolist() == [states[state] for state in range(12)]
        assert groups.entered[group].tolist() == entries_of(found, shown)


@pytest.mark.parametrize("by", GroupBy)
@settings(max_examples=40)
@given(blocks=SOCKETS, text=st.sampled_from(FILTERS))
def test_leaves_are_the_destinations_of_a_group(by: GroupBy, blocks: list[Block], text: str) -> None:
    found = frame(*blocks, view=View(query=parse(text), group_by=by), owners=OWNERS)
    groups, sockets = found.groups, found.snapshot.sockets
    pressed = urgency(groups.destinations, groups.budgets)
    for group in range(len(groups)):
        leaves = range(groups.first[group], groups.first[group + 1])
        rows = [rows_of(found, groups.leaf_key(leaf)) for leaf in leaves]
        within = [row for own in rows for row in own if found.shown[row]]
        assert sorted(within) == [row for row in rows_of(found, groups.key(group)) if found.shown[row]]
        for leaf, own in zip(leaves, rows, strict=True):
            shown = [row for row in own if found.shown[row]]
            states = Counter(sockets.state[shown].tolist())
            assert groups.leaf_states[leaf].tolist() == [states[state] for state in range(12)]
            assert groups.leaf_entered[leaf].tolist() == entries_of(found, shown)
        order = [pressed[groups.destination[leaf]] for leaf in leaves]
        assert order == sorted(order, reverse=True)
        assert groups.worst[group] == groups.destination[leaves[0]]


@settings(max_examples=40)
@given(SOCKETS)
def test_only_shown_sockets_are_counted_but_budgets_are_of_all(blocks: list[Block]) -> None:
    whole, part = (frame(*blocks, view=filtered(text)).groups for text in ("", "tw"))
    assert part.states.sum() == whole.states[:, TcpState.TIME_WAIT].sum()
    for name in ("used", "time_wait", "reusable", "capacity", "new_per_s", "full_in_s"):
        np.testing.assert_array_equal(getattr(part.budgets, name), getattr(whole.budgets, name))


def names(blocks: list[Block], by: GroupBy, owners: ByInode = OWNERS) -> dict[str, int]:
    """The text of the first column → how many sockets its row has."""
    groups = frame(*blocks, view=View(group_by=by), owners=owners).groups
    return {label(groups.key(group)): int(groups.states[group].sum()) for group in range(len(groups))}


SCENE = [
    sock("0.0.0.0:80", state="LISTEN"),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40005)),
    many("10.0.0.1", "10.0.0.6:443", lports=range(40005, 40007), inode=3),
    many("10.0.0.1:80", "10.0.0.5", "TIME_WAIT", rports=[5000, 5001, 5002]),
    many("[fd00::1]", "[fd00::5]:443", lports=[40007], inode=[1]),
    many("[fd00::1]", "[fd00::6]:443", lports=[40008], inode=[2]),
]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (GroupBy.SERVICE, {":443": 9, ":80": 3}),
        (GroupBy.PROCESS, {"unknown process": 8, "curl": 2, "nginx": 2}),
        (
            GroupBy.DESTINATION,
            {
                "10.0.0.5:443 from 10.0.0.1": 5,
                "10.0.0.6:443 from 10.0.0.1": 2,
                "10.0.0.5 to 10.0.0.1:80": 3,
                "[fd00::5]:443 from fd00::1": 1,
                "[fd00::6]:443 from fd00::1": 1,
            },
        ),
    ],
)
def test_each_grouping_names_its_rows(by: GroupBy, expected: dict[str, int]) -> None:
    assert names(SCENE, by) == expected


@pytest.mark.parametrize("by", [GroupBy.PEER, GroupBy.PREFIX])
def test_a_peer_that_is_client_and_server_has_two_rows(by: GroupBy) -> None:
    groups = frame(*SCENE, view=View(group_by=by)).groups
    rows = {(label(groups.key(group)), groups.key(group).direction): group for group in range(len(groups))}
    peer = "10.0.0.5" if by is GroupBy.PEER else "10.0.0.0/24"
    assert (peer, Direction.OUTBOUND) in rows
    assert groups.states[rows[peer, Direction.INBOUND]].sum() == 3


def test_ipv4_is_not_part_of_an_ipv6_prefix() -> None:
    """IPv4 is kept as ::ffff:a.b.c.d, which lies within ::/64, the prefix of ::1."""
    blocks = [many("[::1]", "[::1]:443", lports=[40000]), many("127.0.0.1", "127.0.0.1:443", lports=[40000, 40001])]
    assert names(blocks, GroupBy.PREFIX) == {"::/64": 1, "127.0.0.0/24": 2}
    found = frame(*blocks, view=View(group_by=GroupBy.PREFIX))
    assert sorted(len(rows_of(found, found.groups.key(group))) for group in (0, 1)) == [1, 2]


def test_an_owner_without_a_name_is_unknown() -> None:
    owners = {1: Process(1, ""), 2: Process(2, "a"), 3: Process(3, "a")}
    blocks = [many("10.0.0.1", "10.0.0.5:443", lports=range(40000, 40004), inode=range(4))]
    assert names(blocks, GroupBy.PROCESS, owners) == {"unknown process": 2, "a": 2}


def test_a_hostile_name_is_shown_and_still_found() -> None:
    owners = {1: Process(1, "\x1b[2J\u202eevil")}
    found = frame(sock("10.0.0.1:40000", "10.0.0.5:443", inode=1), view=View(group_by=GroupBy.PROCESS), owners=owners)
    key = found.groups.key(0)
    assert label(key) == "␛[2J�evil"
    assert rows_of(found, key) == [0]


def test_the_key_of_a_group_that_is_gone_is_not_found() -> None:
    groups = frame(*SCENE).groups
    assert groups.find(replace(groups.key(0), remote=1)) is None


def test_the_rate_is_that_of_the_last_seconds() -> None:
    """Three entered, 1, 5.9 and 6.1 s ago. Two of them count, over 6 s."""
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=[40000, 40001, 40002], remaining=[59, 54.1, 53.9])
    assert frame(block).groups.entered_per_s.tolist() == [pytest.approx(2 / 6)]


def test_without_sockets_there_are_no_groups() -> None:
    groups = frame(sock("0.0.0.0:80", state="LISTEN")).groups
    assert (len(groups), len(groups.worst), groups.find(Key(remote=1))) == (0, 0, None)
