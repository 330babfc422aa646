"""The schema twtop/1: documents are as published, what null means, and what outside names can do to it."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from tests.support.built_frames import PLAIN, filtered, frame, frames
from tests.support.known_owners import ByInode
from tests.support.proc_files import Sysctls
from tests.support.recorded_samples import NAMES, VIEWS, reports
from tests.support.sock_diag_dump import EPOCH, make_sample, many, sock, tcp_info, with_attributes
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Limits, Process, TcpState, Timer
from twtop.report.formats import to_json
from twtop.report.json_schema import json_schema

STATES = [state.name for state in TcpState]
LIMITS = [field.name for field in fields(Limits)]


def strict(shape: Any) -> Any:
    """The same JSON Schema, without its leave for fields that it does not know."""
    if isinstance(shape, list):
        return [strict(each) for each in shape]
    if not isinstance(shape, dict):
        return shape
    closed = {"additionalProperties": False} if shape.get("type") == "object" and "properties" in shape else {}
    return {name: strict(part) for name, part in shape.items()} | closed


SHAPE = Draft202012Validator(strict(json_schema()))


def read(found: Frame, sockets: bool = False) -> dict[str, Any]:
    """What a strict reader makes of the line; NaN and Infinity are no JSON."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    line = to_json(found, sockets)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    value: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return value


SCENE = [
    sock("0.0.0.0:80", state="LISTEN", inode=4, uid=33),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40030), remaining=30),
    with_attributes(
        many("10.0.0.1", "10.0.0.5:443", lports=range(40030, 40050), inode=1, uid=1000), tcp_info(timestamps=True)
    ),
    many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=range(50000, 50645), remaining=59.9),
    sock("[fd00::1]:40000", "[fd00::2]:22", "SYN_SENT", remaining=0.8, inode=2),
    sock("10.0.0.1:7", "10.0.0.7:9", "CLOSE_WAIT"),
]
RANGE = Sysctls(port_range=(40000, 40099), tw_reuse=1)
OWNERS: ByInode = {1: Process(9, "wrk"), 4: Process(7, "nginx")}
MISSING = dict.fromkeys(make_sample().files)


def scene(view: View = PLAIN, **limits: Any) -> Frame:
    return frames(make_sample(*SCENE, **{**RANGE, **limits}), view=view, owners=OWNERS)[0]


FRAMES = {
    **{f"by {by}": scene(View(group_by=by)) for by in GroupBy},
    "second tick": frames(make_sample(*SCENE, **RANGE), make_sample(*SCENE, at=1, **RANGE), owners=OWNERS)[1],
    "no file can be read": frames(make_sample(*SCENE, files=MISSING))[0],
    "full": scene(port_range=(40000, 40049), tw_reuse=0),
    "no sockets": frame(),
}


@pytest.mark.parametrize("sockets", [False, True])
@pytest.mark.parametrize("name", FRAMES)
def test_every_field_is_there_as_published(name: str, sockets: bool) -> None:
    value = read(FRAMES[name], sockets)
    SHAPE.validate(value)
    assert ("sockets" in value) == sockets
    names = "ports connect_cost unanswered buckets memory fds drops".split()
    assert [verdict["id"] for verdict in value["verdicts"]] == names
    assert [*value][:2] == ["schema", "time"]


ODD_NAMES: ByInode = {1: Process(9, 'a%s, "b": %'), 4: Process(7, "100%")}


@pytest.mark.parametrize("sockets", [False, True])
@pytest.mark.parametrize(
    "found",
    [*FRAMES.values(), *(frames(make_sample(*some, **RANGE), owners=ODD_NAMES)[0] for some in (SCENE, SCENE[2:3]))],
    ids=[*FRAMES, "odd names", "one odd name"],
)
def test_the_line_is_what_json_dumps_writes(found: Frame, sockets: bool) -> None:
    assert to_json(found, sockets) == json.dumps(read(found, sockets)) + "\n"


def test_what_was_recorded_is_as_published() -> None:
    lines = [line for name in NAMES for line in reports(name, VIEWS["plain"])["json with sockets"].splitlines()]
    assert lines
    for line in lines:
        SHAPE.validate(json.loads(line))


def test_what_is_published_is_a_schema_that_explains_each_field() -> None:
    Draft202012Validator.check_schema(json_schema())

    def unexplained(shape: Any) -> Iterator[str]:
        for name, part in shape.get("properties", {}).items():
            if name not in STATES and not part.get("description", "").endswith("."):
                yield name
            may_be_null = "null" in part.get("type", ()) or None in part.get("enum", ())
            if may_be_null and "ull" not in part["description"] and name not in LIMITS:
                yield f"{name}: when is it null?"
        for part in shape.values():
            if isinstance(part, dict):
                yield from unexplained(part)
        for part in shape.get("properties", {}).values():
            yield from unexplained(part)

    assert [*unexplained(json_schema())] == []


def change(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """The same value with another part in this place."""
    copied = deepcopy(value)
    *way, last = path
    at = copied
    for step in way:
        at = at[step]
    if new is GONE:
        del at[last]
    else:
        at[last] = new
    return copied


GONE = object()
DESTINATION = ("peers", 0, "destinations", 0)


@pytest.mark.parametrize(
    ("path", "new"),
    [
        (("time_wait", "count"), 1.5),
        (("time_wait", "count"), None),
        (("time_wait", "limit"), "131072"),
        (("time_wait", "entered"), [0] * 59),
        (("time_wait", "entered"), [0] * 59 + [0.5]),
        (("time_wait", "more"), 1),
        (("part",), GONE),
        (("time",), "now"),
        (("verdicts", 0, "level"), "bad"),
        (("peers", 0, "direction"), "out"),
        ((*DESTINATION, "used"), None),
        ((*DESTINATION, "max_per_s"), GONE),
        ((*DESTINATION, "more"), 1),
        (("sockets", 0, "pid"), "7"),
        (("sockets", 0, "inferred"), GONE),
    ],
)
def test_the_check_finds_what_is_wrong(path: tuple[str | int, ...], new: object) -> None:
    right = read(scene(), sockets=True)
    SHAPE.validate(right)
    assert not SHAPE.is_valid(change(right, path, new))


def test_the_head_of_an_object() -> None:
    expected = {"schema": "twtop/1", "host": "lab-7", "kernel": "6.18.44", "netns": "net:[4026531840]"}
    value = read(scene())
    assert expected.items() <= value.items()
    assert (value["source"], value["collect_ms"], value["filter"]) == ("sock_diag", 41, None)
    assert read(frames(make_sample(netns=""))[0])["netns"] is None


@pytest.mark.parametrize(("at", "fraction"), [(0, "20.000Z"), (0.25, "20.250Z"), (86400 * 300, "20.000Z")])
def test_the_time_is_rfc_3339(at: float, fraction: str) -> None:
    time = read(frames(make_sample(at=at))[0])["time"]
    assert time.endswith(fraction)
    assert datetime.fromisoformat(time) == datetime.fromtimestamp(EPOCH + at, UTC)


def test_limits_are_the_sysctls() -> None:
    value = read(scene(reserved="40007,40010-40012", rfc1337=None))["limits"]
    sysctls = {"tw_reuse": 1, "tw_reuse_delay_ms": 1000, "timestamps": 1, "max_tw_buckets": 131072, "rfc1337": None}
    ports = {"port_range": [40000, 40099], "reserved": [[40007, 40007], [40010, 40012]]}
    assert value == sysctls | ports | {"ehash_entries": 262144}


def peer_in(value: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (peer for peer in value["peers"] if peer["peer"] == name)
    return dict(found)


def test_an_outbound_peer() -> None:
    peer = peer_in(read(scene()), "10.0.0.5")
    (budget,) = peer.pop("destinations")
    assert peer.pop("states") == dict.fromkeys(STATES, 0) | {"TIME_WAIT": 30, "ESTABLISHED": 20}
    assert peer == {"peer": "10.0.0.5", "direction": "outbound", "sockets": 50, "entered_per_s": 0, "worst": 0}
    assert budget.pop("max_per_s") == 80  # reuse gives each port back after a second
    reuse = {"reusable": 30, "reusable_at_most": 30}
    counts = {"used": 50, "time_wait": 30, "capacity": 100, "pressure": 0.2}
    cost = {"past_cliff": False, "probes_per_connect": 1.24, "new_per_s": 0, "full_in_s": None}  # None is never
    asked = {"asked_per_s": 0, "asked_inferred": False}
    failed = {"failed_per_s": None, "failed_60s": None}  # nobody counted
    failed |= {"failed_shared_per_s": None, "failed_shared_60s": None}
    full = {"full": "never", "at_limit": False, "free_in_s": None}
    left = {"left_at_least": 50, "left_at_most": 80}  # the ports are of both parities: bind() may have chosen them
    ends = {"local": "10.0.0.1", "remote": "10.0.0.5", "port": 443, "device": None}
    assert budget == ends | reuse | counts | cost | asked | failed | full | left


def test_an_inbound_peer() -> None:
    peer = peer_in(read(scene()), "10.0.0.9")
    assert (peer["direction"], peer["sockets"], peer["entered_per_s"]) == ("inbound", 645, 107.5)
    counts = {"used": 645, "time_wait": 645, "capacity": 64512, "pressure": 0.01}
    assert peer["destinations"] == [{"local": "10.0.0.1", "port": 80, "remote": "10.0.0.9", "device": None} | counts]


def test_a_peer_of_which_nobody_knows_who_began() -> None:
    peer = peer_in(read(scene()), "10.0.0.7")
    assert peer["direction"] == "unknown"
    counts = {"used": 1, "time_wait": 0, "capacity": None, "pressure": None}
    assert peer["destinations"] == [{"local": "10.0.0.1", "port": 9, "remote": "10.0.0.7", "device": None} | counts]


@pytest.mark.parametrize(
    ("limits", "field", "value"),
    [
        ({"port_range": (40000, 40049), "tw_reuse": 0}, "full_in_s", 0),
        ({"port_range": (40000, 40049), "tw_reuse": 0}, "past_cliff", True),
        ({"port_range": (40000, 40049), "tw_reuse": 0}, "pressure", 1),
        ({"tw_reuse": None}, "reusable", None),
        ({"tw_reuse": 0}, "reusable", 0),
    ],
)
def test_zero_is_known_and_null_is_not(limits: Any, field: str, value: object) -> None:
    (budget,) = peer_in(read(scene(**limits)), "10.0.0.5")["destinations"]
    assert budget[field] == value


def test_time_to_full_is_in_seconds() -> None:
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40060), remaining=60 - np.arange(60) / 20)
    ((peer,),) = (read(found)["peers"] for found in frames(make_sample(block, port_range=(40000, 40099), tw_reuse=0)))
    assert peer["destinations"][0]["full_in_s"] == pytest.approx(2, abs=0.1)  # 40 more, at 20 per second


def test_the_most_pressed_peer_and_destination_are_first() -> None:
    blocks = [
        *(many("10.0.0.1", f"10.0.0.{n}:443", lports=range(40000, 40000 + 10 * n)) for n in (1, 5, 3)),
        many("10.0.0.1", "10.0.0.3:80", lports=range(40000, 40090)),
    ]
    peers = read(frames(make_sample(*blocks, **RANGE))[0])["peers"]
    assert [peer["peer"] for peer in peers] == ["10.0.0.3", "10.0.0.5", "10.0.0.1"]
    assert [budget["port"] for budget in peers[0]["destinations"]] == [80, 443]
    assert [peer["worst"] for peer in peers] == [0, 0, 0]


def test_time_wait_is_the_whole_namespace_in_seconds() -> None:
    value = read(scene(filtered("443")))["time_wait"]
    assert (value["count"], value["limit"]) == (675, 131072)
    assert sum(value["entered"]) == 675
    assert sum(value["releases"]) == 30  # the others leave after the minute
    assert value["entered"][-1] == 645  # just now
    assert value["memory_bytes"] == 256 * 675 + 128 * 2 * 31  # 31 local ports, of one address


def test_rates_are_null_until_the_second_tick() -> None:
    first, second = frames(make_sample(), make_sample(counters={"TW": 9, "OutRsts": 1}, at=2))
    assert set(read(first)["rates"].values()) == {None}
    assert read(first)["rates"].keys() == read(second)["rates"].keys()
    assert read(second)["counters"]["TW"] == 9
    assert {"TW_per_s": 4.5, "OutRsts_per_s": 0.5, "TWRecycled_per_s": 0}.items() <= read(second)["rates"].items()


def test_counters_that_cannot_be_read_are_absent() -> None:
    value = read(frames(make_sample(files=MISSING))[0])
    assert (value["counters"], value["rates"]) == ({}, {})
    assert set(value["limits"].values()) == {None}
    levels = {verdict["id"]: (verdict["level"], verdict["value"]) for verdict in value["verdicts"]}
    for name in ("ports", "buckets", "fds", "drops"):
        assert levels[name] == ("unknown", None)


def test_the_filter_holds_for_states_peers_and_sockets() -> None:
    value = read(scene(filtered("port 443 and tw")), sockets=True)
    assert value["filter"] == "port 443 and state time-wait"
    assert {name: count for name, count in value["states"].items() if count} == {"TIME_WAIT": 30}
    assert [(peer["peer"], peer["sockets"]) for peer in value["peers"]] == [("10.0.0.5", 30)]
    assert value["peers"][0]["destinations"][0]["used"] == 50  # a budget is whole
    assert len(value["sockets"]) == 30


def times(remaining: float, age: float | None) -> dict[str, object]:
    return {"remaining_s": remaining, "age_s": age}


def test_sockets_are_rows() -> None:
    value = read(scene(), sockets=True)["sockets"]
    assert len(value) == sum(len(block) for block in SCENE)
    rows = {tuple(row.pop(name) for name in ("local", "lport", "remote", "rport")): row for row in value}
    known = {
        ("0.0.0.0", 80, "0.0.0.0", 0): {"state": "LISTEN", "uid": 33, "inode": 4, "process": "nginx", "pid": 7},
        ("10.0.0.1", 40030, "10.0.0.5", 443): {"state": "ESTABLISHED", "uid": 1000, "inode": 1}
        | {"process": "wrk", "pid": 9},
        ("10.0.0.1", 40000, "10.0.0.5", 443): {"state": "TIME_WAIT", "timer": "timewait"}
        | times(30, 30)
        | {"process": "wrk", "inferred": True},
        ("fd00::1", 40000, "fd00::2", 22): {"state": "SYN_SENT", "timer": "retransmit", "uid": 0, "inode": 2}
        | times(0.8, None),
    }
    unknown = dict.fromkeys(["timer", "remaining_s", "age_s", "uid", "inode", "process", "pid"]) | {"inferred": False}
    for ends, columns in known.items():
        assert rows[ends] == unknown | columns


@pytest.mark.parametrize(("timer", "name"), [(Timer.KEEPALIVE, "keepalive"), (Timer.PROBE, "probe"), (0, None)])
def test_timers_have_names(timer: int, name: str | None) -> None:
    (row,) = read(frame(sock("10.0.0.1:1", "10.0.0.2:2", timer=timer, remaining=7)), sockets=True)["sockets"]
    assert (row["timer"], row["remaining_s"]) == (name, 7 if timer else None)


@pytest.mark.parametrize(("state", "timer"), [("FIN_WAIT2", Timer.TIMEWAIT), ("LAST_ACK", Timer.RETRANSMIT)])
def test_a_socket_that_its_process_closed_has_no_owner(state: str, timer: Timer) -> None:
    """The kernel says uid 0 then, and that is not root."""
    (row,) = read(frame(sock("10.0.0.1:1", "10.0.0.2:2", state, timer=timer, remaining=50)), sockets=True)["sockets"]
    assert (row["uid"], row["inode"], row["remaining_s"], row["age_s"]) == (None, None, 50, None)


HOSTILE = '\x1b]0;a\x07\r\n"\\\u2028\u202e\udcff</b>,{}'


def test_a_hostile_name_is_only_a_name() -> None:
    sample = replace(make_sample(sock("10.0.0.1:40000", "10.0.0.5:443", inode=1)), host=HOSTILE)
    view = View(group_by=GroupBy.PROCESS)
    (found,) = frames(sample, view=view, owners={1: Process(7, HOSTILE)})
    line = to_json(found, True)
    assert line.isascii()
    assert line.rstrip("\n").isprintable()
    value = read(found, sockets=True)
    assert (value["host"], value["sockets"][0]["process"]) == (HOSTILE, HOSTILE)
    assert value["peers"][0]["peer"].isprintable()
