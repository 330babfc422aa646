"""The schema twtop/1: every field, its type, what null means, and what outside names can do to it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest

from tests.support.built_frames import PLAIN, filtered, frame, frames
from tests.support.known_owners import ByInode
from tests.support.proc_files import Sysctls
from tests.support.sock_diag_dump import EPOCH, make_sample, many, sock
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process, TcpState, Timer
from twtop.report.formats import to_json

TYPES: dict[str, tuple[object, ...]] = {"text": (str,), "int": (int,), "number": (int, float), "bool": (bool,)}


def fields(names: str) -> dict[object, object]:
    """'a:int b:text?' → the type of each field; a question mark is for what may be null."""
    pairs = (name.split(":") for name in names.split())
    return {name: TYPES[kind.rstrip("?")] + ((None,) if kind.endswith("?") else ()) for name, kind in pairs}


STATES = fields(" ".join(f"{state.name}:int" for state in TcpState))
OTHER = fields("local:text remote:text port:int used:int time_wait:int capacity:int? pressure:number?")
OUTBOUND = OTHER | fields("reusable:int? past_cliff:bool probes_per_connect:number? new_per_s:number max_per_s:number")
OUTBOUND |= fields("full_in_s:number?")
PEER = fields("peer:text direction:text sockets:int entered_per_s:number worst:int")
PEER |= {"states": STATES, "destinations": [...]}
VERDICT = fields("id:text level:text value:number? text:text")
SOCKET = fields("local:text lport:int remote:text rport:int state:text timer:text? remaining_s:number? age_s:number?")
SOCKET |= fields("uid:int? inode:int? process:text? pid:int? inferred:bool")
LIMITS = fields("tw_reuse:int? tw_reuse_delay_ms:int? timestamps:int? max_tw_buckets:int? rfc1337:int?")
LIMITS |= fields("ehash_entries:int?") | {"port_range": ([int, int], None), "reserved": ([...], None)}
TIME_WAIT = fields("count:int limit:int? memory_bytes:int entered_per_s:number?")
TIME_WAIT |= {"entered": [int] * 60, "releases": [int] * 60}
SCHEMA = fields(
    "schema:text time:text host:text kernel:text netns:text? place:text? notice:text? source:text"
    " collect_ms:number sockets_age_s:number part:bool filter:text?"
)
SCHEMA |= fields("load:text?") | {"limits": LIMITS, "states": STATES, "time_wait": TIME_WAIT}
SCHEMA |= {"counters": {...: int}, "rates": {...: (float, None)}, "peers": [...], "verdicts": [...]}


def misfits(value: Any, shape: Any, at: str = "") -> Iterator[str]:
    """Where a value has not this type, one of these, or these fields and no other; `...` is any name, any list."""
    match shape:
        case dict() if isinstance(value, dict) and (... in shape or value.keys() == shape.keys()):
            for name, part in value.items():
                yield from misfits(part, shape.get(name, shape.get(...)), f"{at}.{name}")
        case list() if isinstance(value, list) and (shape == [...] or len(value) == len(shape)):
            for part, each in zip(value, shape, strict=False) if shape != [...] else ():
                yield from misfits(part, each, f"{at}[]")
        case tuple() if any(not [*misfits(value, each)] for each in shape):
            pass
        case None if value is None:
            pass
        case type() if type(value) is shape:
            pass
        case _:
            yield f"{at}: {value!r}"


def assert_fits(value: Any, shape: Any) -> None:
    assert [*misfits(value, shape)] == []


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
    many("10.0.0.1", "10.0.0.5:443", lports=range(40030, 40050), inode=1, uid=1000),
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
def test_every_field_is_there_with_its_type(name: str, sockets: bool) -> None:
    value = read(FRAMES[name], sockets)
    assert_fits(value, SCHEMA | ({"sockets": [...]} if sockets else {}))
    assert [verdict["id"] for verdict in value["verdicts"]] == "ports connect_cost buckets memory fds drops".split()
    for verdict in value["verdicts"]:
        assert_fits(verdict, VERDICT)
        assert verdict["level"] in ("ok", "warn", "critical", "unknown")
    for peer in value["peers"]:
        assert_fits(peer, PEER)
        assert peer["direction"] in ("outbound", "inbound", "unknown")
        for budget in peer["destinations"]:
            assert_fits(budget, OUTBOUND if "reusable" in budget else OTHER)
    for row in value.get("sockets", []):
        assert_fits(row, SOCKET)


WRONG = [{"count": 1.0}, {"memory_bytes": None}, {"limit": "131072"}, {"entered": [0] * 59}, {"more": 1}]


@pytest.mark.parametrize("wrong", [*WRONG, {"entered": [0] * 59 + [0.5]}])
def test_the_check_finds_what_is_wrong(wrong: dict[str, object]) -> None:
    right = read(scene())["time_wait"]
    assert_fits(right, TIME_WAIT)
    assert [*misfits(right | wrong, TIME_WAIT)]


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
    counts = {"used": 50, "time_wait": 30, "reusable": 30, "capacity": 100, "pressure": 0.2}
    cost = {"past_cliff": False, "probes_per_connect": 1.24, "new_per_s": 0, "full_in_s": None}  # None is never
    assert budget == {"local": "10.0.0.1", "remote": "10.0.0.5", "port": 443} | counts | cost


def test_an_inbound_peer() -> None:
    peer = peer_in(read(scene()), "10.0.0.9")
    assert (peer["direction"], peer["sockets"], peer["entered_per_s"]) == ("inbound", 645, 107.5)
    counts = {"used": 645, "time_wait": 645, "capacity": 64512, "pressure": 0.01}
    assert peer["destinations"] == [{"local": "10.0.0.1", "port": 80, "remote": "10.0.0.9"} | counts]


def test_a_peer_of_which_nobody_knows_who_began() -> None:
    peer = peer_in(read(scene()), "10.0.0.7")
    assert peer["direction"] == "unknown"
    counts = {"used": 1, "time_wait": 0, "capacity": None, "pressure": None}
    assert peer["destinations"] == [{"local": "10.0.0.1", "port": 9, "remote": "10.0.0.7"} | counts]


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
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40060), remaining=58)
    ((peer,),) = (read(found)["peers"] for found in frames(make_sample(block, port_range=(40000, 40099), tw_reuse=0)))
    assert peer["destinations"][0]["full_in_s"] == pytest.approx(
        2, abs=0.1
    )  # 40 more, at the 20 per second of the last three


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
