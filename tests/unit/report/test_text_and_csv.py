"""What batch output says: text like that of `top -b`, and CSV that any reader understands."""

import csv
import json
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.support.built_frames import PLAIN, filtered, frame, frames
from tests.support.known_owners import ByInode
from tests.support.proc_files import Sysctls
from tests.support.refused_connects import failed
from tests.support.sock_diag_dump import make_sample, many, sock
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, GroupSort, View
from twtop.model import Process
from twtop.report.formats import to_csv, to_json
from twtop.report.text import to_text

SCENE = [
    sock("0.0.0.0:80", state="LISTEN", inode=4, uid=33),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=[40000, 40001], remaining=[41.2, 0.044]),
    many("10.0.0.1", "10.0.0.5:443", lports=range(40030, 40050), inode=1, uid=1000),
    many("10.0.0.1:80", "10.0.0.9", "TIME_WAIT", rports=range(50000, 51645), remaining=59.9),
    sock("[fd00::1]:40000", "[fd00::2]:22", "SYN_SENT", remaining=0.8, inode=2),
    sock("10.0.0.1:7", "10.0.0.7:9", "CLOSE_WAIT"),
]
RANGE = Sysctls(port_range=(40000, 40099), tw_reuse=0)
OWNERS: ByInode = {1: Process(9, "wrk"), 4: Process(7, "nginx")}
NO_FILES = dict.fromkeys(make_sample().files)


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def scene(view: View = PLAIN, owners: ByInode = OWNERS) -> Frame:
    return frames(make_sample(*SCENE, **RANGE), view=view, owners=owners)[0]


def parts(found: Frame, sockets: bool = False) -> list[list[str]]:
    """Header, states, peers and single sockets: paragraphs of lines."""
    text = to_text(found, sockets)
    assert text.endswith("\n\n")
    return [part.splitlines() for part in text.rstrip("\n").split("\n\n")]


def test_a_report_has_header_states_and_peers() -> None:
    header, states, peers = parts(scene())
    assert header[:2] == [
        "twtop - 08:53:20  lab-7  Linux 6.18.44  sock_diag 41 ms",
        "TIME_WAIT 1,647  in 274/s  out –  limit 131,072 (1 %)  412.5 KiB",
    ]
    names = ["PORTS", "CONNECT COST", "UNANSWERED", "BUCKETS", "MEMORY", "FDS", "DROPS"]
    assert [line[:13].rstrip() for line in header[2:]] == names
    assert all(line[13:].split()[0] in ("OK", "WARN", "CRITICAL", "UNKNOWN") for line in header[2:])
    assert (states[0].split(), peers[0].split()[0]) == (["STATE", "COUNT", "CHANGE/s"], "PEER")


def test_all_eleven_states_have_a_row() -> None:
    first, second = frames(make_sample(*SCENE), make_sample(*SCENE[:2], SCENE[3][:645], at=2))
    assert [line.split() for line in parts(first)[1][1:]] == [
        ["ESTABLISHED", "20", "–"],
        ["SYN_SENT", "1", "–"],
        ["SYN_RECV", "0", "–"],
        ["FIN_WAIT1", "0", "–"],
        ["FIN_WAIT2", "0", "–"],
        ["TIME_WAIT", "1,647", "–"],
        ["CLOSE", "0", "–"],
        ["CLOSE_WAIT", "1", "–"],
        ["LAST_ACK", "0", "–"],
        ["LISTEN", "1", "–"],
        ["CLOSING", "0", "–"],
    ]
    changes = [line.split()[2] for line in parts(second)[1][1:]]
    assert changes == ["−10", "·", "·", "·", "·", "−500", "·", "·", "·", "·", "·"]  # half of 1 is none


def test_the_peers_are_a_table() -> None:
    _, _, peers = parts(scene())
    assert peers == [
        "PEER                         DIR  TIME_WAIT   OTHER  PORTS (worst destination)"
        "                NEW/s   MAX/s  FULL IN",
        "10.0.0.5                     out          2      20  :443 22/100 22 %"
        "                             0     1.3    never",
        "10.0.0.9                     in       1,645       0  :80 1,645/64,512 client ports"
        "              164       –        –",
        "fd00::2                      out          0       1  :22 1/100 1 %"
        "                                0     1.6    never",
        "10.0.0.7                     ?            0       1  :9 1, budget unknown"
        "                         0       –        –",
    ]


def test_what_fails_has_columns_once_anything_failed() -> None:
    """Of 10.0.0.5 two destinations are full; which of them was meant, nobody knows."""
    ends = ("10.0.0.5:443", "10.0.0.5:8443", "10.0.0.6:443")
    full = [many("10.0.0.1", end, "TIME_WAIT", lports=range(40000, 40100), remaining=30) for end in ends]
    sample = make_sample(*full, **RANGE)
    failing = failed(sample.mono, {"10.0.0.5": 120, "10.0.0.6": 7}, seconds=20)
    for per_s, columns in ((failed(sample.mono, {}), 8), (failing, 12)):
        (head, *rows) = parts(frames(replace(sample, failures=per_s))[0])[2]
        assert len(head.split()) - len("(worst destination) IN".split()) == columns
    assert head.endswith("  FULL IN   FAIL/s  FAIL 60 s")
    assert [row[head.index("  FULL IN") :].split(maxsplit=2) for row in rows] == [
        ["now", "120", "2,400 to 443 or 8443"],
        ["now", "7.0", "140"],
    ]
    assert [row[: head.index("/s") + 2].split()[-1] for row in rows] == ["~60", "8.0"]  # asked of 443 alone


def test_what_failed_at_several_in_the_last_minute_is_at_its_limit() -> None:
    """Ports have come free since. 80 was never full."""
    ends, free = ("10.0.0.5:443", "10.0.0.5:8443"), sock("10.0.0.1:40000", "10.0.0.5:80")
    ticks = [
        make_sample(free, *(many("10.0.0.1", end, lports=range(40000, 40000 + used)) for end in ends), at=at, **RANGE)
        for at, used in ((0, 100), (20, 50))
    ]
    failing = replace(ticks[0], failures=failed(ticks[0].mono, {"10.0.0.5": 9}))
    found = frames(failing, replace(ticks[1], failures=failed(ticks[1].mono, {})))[1]
    (row,) = parts(found)[2][1:]
    assert row.endswith(" at limit        0  9 to 443 or 8443")
    (peer,) = json.loads(to_json(found, False))["peers"]
    assert {each["port"]: each["at_limit"] for each in peer["destinations"]} == {443: True, 8443: True, 80: False}


def test_single_sockets_are_a_table_soonest_first() -> None:
    _, _, _, sockets = parts(scene(filtered("not 80 and not state established"), owners={2: Process(5, "ssh")}), True)
    assert sockets == [
        "LOCAL                        REMOTE                       STATE        REMAINING      AGE  PROCESS",
        "10.0.0.1:40001               10.0.0.5:443                 TIME_WAIT        0.0 s   60.0 s  –",
        "[fd00::1]:40000              [fd00::2]:22                 SYN_SENT         0.8 s        –  ssh 5",
        "10.0.0.1:40000               10.0.0.5:443                 TIME_WAIT       41.2 s   18.8 s  –",
        "10.0.0.1:7                   10.0.0.7:9                   CLOSE_WAIT           –        –  –",
    ]


def test_a_listener_has_no_remote_end() -> None:
    (*_, row) = parts(scene(filtered("state listen")), True)[3]
    assert row.split() == ["0.0.0.0:80", "0.0.0.0:*", "LISTEN", "–", "–", "nginx", "7"]


def test_what_cannot_be_read_is_a_dash() -> None:
    header, _, peers = parts(frames(make_sample(*SCENE, files=NO_FILES))[0])
    assert "limit –  " in header[1]
    assert [line.split()[0] for line in header[2:] if "UNKNOWN" not in line] == ["UNANSWERED"]  # the sockets tell that
    assert {row.split()[1] for row in peers[1:]} == {"in", "?", "out"}


def test_no_connections_are_said() -> None:
    assert parts(frame(SCENE[0]))[2][1:] == ["no connections"]
    assert parts(frame(SCENE[0], view=filtered("port 4")))[2][1:] == ["no connections"]
    assert parts(scene(filtered("port 4")))[2][1:] == ["no connection matches the filter"]


def test_there_are_as_many_peers_as_on_a_screen() -> None:
    blocks = [
        many("10.0.0.1", f"10.1.0.{last}:443", lports=40000 + 30 * last + np.arange(last)) for last in range(1, 26)
    ]
    rows = parts(frame(*blocks))[2][1:]
    assert [row.split()[0] for row in rows[:-1]] == [f"10.1.0.{last}" for last in range(25, 5, -1)]
    assert rows[-1] == "… and 5 more"


def test_the_filter_is_said_in_its_normal_form() -> None:
    header, states, peers = parts(scene(filtered("443 TW")))
    assert header[-1] == "filter: port 443 and state time-wait"
    assert header[1].startswith("TIME_WAIT 1,647")
    assert [row.split()[1] for row in states[1:]] == ["0"] * 5 + ["2"] + ["0"] * 5
    assert [row.split()[0] for row in peers[1:]] == ["10.0.0.5"]


@pytest.mark.parametrize(("by", "first"), [(GroupBy.SERVICE, ":443"), (GroupBy.PREFIX, "10.0.0.0/24")])
def test_groups_have_the_name_of_their_kind(by: GroupBy, first: str) -> None:
    rows = parts(scene(View(group_by=by)))[2]
    assert (rows[0].split()[0], rows[1].split()[0]) == (by.upper(), first)


def test_the_order_is_the_one_asked_for() -> None:
    found = scene(View(group_sort=GroupSort.OTHER))
    expected = ["10.0.0.5", "10.0.0.7", "fd00::2", "10.0.0.9"]
    assert [row.split()[0] for row in parts(found)[2][1:]] == expected
    assert [row["peer"] for row in table(found)] == expected


HOSTILE = '\x1b]0;a\x07\r\n"\\\u2028\u202e\udcff,x'


@pytest.mark.parametrize("report", ["text", "csv"])
@pytest.mark.parametrize("by", [GroupBy.PEER, GroupBy.PROCESS])
@pytest.mark.parametrize("sockets", [False, True])
def test_an_outside_name_can_neither_break_a_line_nor_reach_the_terminal(
    report: str, by: GroupBy, sockets: bool
) -> None:
    write = {"text": to_text, "csv": to_csv}[report]
    said = []
    for name in (HOSTILE, "harmless"):
        sample = replace(make_sample(*SCENE), host=name, kernel=name)
        found = frames(sample, view=View(group_by=by), owners={1: Process(9, name)})[0]
        said.append(write(found, sockets))
    assert {unicodedata.category(character) for character in said[0] if character != "\n"} & {
        *("Cc", "Cf", "Cs", "Zl", "Zp"),
    } == set()
    assert len(said[0].splitlines()) == len(said[1].splitlines())


# CSV


def table(*found: Frame, sockets: bool = False) -> list[dict[str, str]]:
    """What a reader makes of the output of these ticks."""
    text = "".join(to_csv(each, sockets) for each in found)
    rows = list(csv.DictReader(text.splitlines(), strict=True))
    assert len(text.splitlines()) == len(rows) + 1
    return rows


def test_csv_has_one_header_and_a_row_for_each_group_and_tick() -> None:
    rows = table(*frames(make_sample(*SCENE, **RANGE), make_sample(*SCENE[:3], at=1, **RANGE)))
    assert [(row["time"], row["peer"]) for row in rows] == [
        ("2025-10-09T08:53:20.000Z", "10.0.0.5"),
        ("2025-10-09T08:53:20.000Z", "10.0.0.9"),
        ("2025-10-09T08:53:20.000Z", "fd00::2"),
        ("2025-10-09T08:53:20.000Z", "10.0.0.7"),
        ("2025-10-09T08:53:21.000Z", "10.0.0.5"),
    ]


def test_a_group_in_csv() -> None:
    outbound, inbound, *_ = table(scene())
    assert " ".join(outbound) == (
        "time peer direction sockets time_wait entered_per_s local remote port used capacity reusable pressure"
        " new_per_s max_per_s full_in_s failed_per_s failed_60s left_at_least left_at_most"
    )
    assert [*outbound.values()][1:14] == "10.0.0.5 outbound 22 2 0.0 10.0.0.1 10.0.0.5 443 22 100 0 0.22 0.0".split()
    assert float(outbound["max_per_s"]) == pytest.approx(80 / 61, rel=0.05)
    assert outbound["full_in_s"] == ""
    assert [inbound[name] for name in ("peer", "direction", "time_wait", "port", "capacity", "reusable")] == [
        *("10.0.0.9", "inbound", "1645", "80", "64512", ""),
    ]


def test_a_socket_in_csv() -> None:
    rows = {(row["lport"], row["rport"]): [*row.values()][5:] for row in table(scene(), sockets=True)}
    assert len(rows) == sum(len(block) for block in SCENE)
    assert rows["80", "0"] == ["LISTEN", "", "", "", "33", "4", "nginx", "7", "False"]
    assert rows["40000", "443"] == ["TIME_WAIT", "timewait", "41.2", "18.8", "", "", "wrk", "", "True"]
    assert rows["40000", "22"] == ["SYN_SENT", "retransmit", "0.8", "", "0", "2", "", "", "False"]


def test_csv_of_nothing_is_its_header() -> None:
    assert table(frame()) == table(frame(), sockets=True) == []


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("a=b", "a=b"),
        ('a,"b"', 'a,"b"'),
        ("'q", "'q"),
        (";\t|", ";␉|"),
        ("\t=1", "␉=1"),
        ("\r=1", "␍=1"),
        ("＝1+1", "'＝1+1"),
    ],
)
@pytest.mark.parametrize("sockets", [False, True])
def test_a_name_is_no_formula_and_no_new_column(name: str, cell: str, sockets: bool) -> None:
    found = scene(View(group_by=GroupBy.PROCESS), owners={1: Process(9, name)})
    column = "process" if sockets else "peer"
    assert cell in [row[column] for row in table(found, sockets=sockets)]
