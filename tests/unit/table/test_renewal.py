"""A table that is renewed is the table that a whole decoding gives, whatever came, went and changed."""

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.support.decoded_rows import rows
from tests.support.sock_diag_dump import Block, encode, many, sock
from twtop.model import Sockets, TcpState
from twtop.sources.decode_sock_diag import decode_dump
from twtop.table import renewal
from twtop.table.delta import no_sockets
from twtop.table.turnover import turnover

STATES = ("TIME_WAIT", "TIME_WAIT", "TIME_WAIT", "ESTABLISHED", "FIN_WAIT2", "SYN_SENT", "LISTEN", "CLOSE")
ADDRESSES = ("10.0.0.5", "10.0.0.6", "[fd00::7]")


def numbered(block: Block, cookie: int) -> Block:
    block["cookie"] = (cookie + np.arange(len(block), dtype=np.uint64)).view("V8")
    return block


@st.composite
def a_socket(draw: st.DrawFn, cookie: int) -> Block:
    """A socket with this cookie. Its ends are of few, so that some sockets have the same."""
    remote, state = draw(st.sampled_from(ADDRESSES)), draw(st.sampled_from(STATES))
    local = f"{'[fd00::1]' if remote.startswith('[') else '10.0.0.1'}:{draw(st.integers(40_000, 40_008))}"
    uid, device = (0, 0) if state == "TIME_WAIT" else (draw(st.integers(0, 2)), draw(st.integers(0, 1)))
    peer = "" if state in ("LISTEN", "CLOSE") else f"{remote}:443"
    left = draw(st.integers(0, 60)) if state in ("TIME_WAIT", "SYN_SENT") else None
    timed = {} if left is None else {"remaining": left}
    return numbered(sock(local, peer, state, uid=uid, device=device, **timed), cookie)


@st.composite
def two_tables(draw: st.DrawFn) -> tuple[list[Block], list[Block]]:
    """The second has some sockets of the first, which may have changed, and others, in any order."""
    before = [draw(a_socket(cookie)) for cookie in range(1, draw(st.integers(1, 12)) + 1)]
    now = list[Block]()
    for each in before:
        fate = draw(st.sampled_from(("stays", "stays", "ages", "goes", "changes")))
        cookie = int(each["cookie"].view(np.uint64)[0])
        if fate == "changes":
            other = draw(a_socket(cookie))  # no TIME_WAIT turns into another one
            now.append(each if (each["state"] == other["state"]) & (each["state"] == TcpState.TIME_WAIT) else other)
        elif fate != "goes":
            aged = each.copy()
            aged["expires"] -= np.minimum(aged["expires"], 1000 * (fate == "ages"))
            now.append(aged)
    now += [draw(a_socket(cookie)) for cookie in range(50, 50 + draw(st.integers(0, 6)))]
    return before, draw(st.permutations(now))


def columns(sockets: Sockets) -> list[object]:
    """All rows, with the columns that `rows` leaves out."""
    others = ("retransmits", "pid", "timestamps", "identity", "age_ms", "is_time_wait", "is_connection")
    return [rows(sockets), *(getattr(sockets, name).tolist() for name in others)]


@given(two_tables())
def test_it_is_the_table_of_a_whole_decoding(tables: tuple[list[Block], list[Block]]) -> None:
    before, now = (encode(*blocks) for blocks in tables)
    found, expected = decode_dump(now, decode_dump(before)), decode_dump(now)
    if len(found) == len(expected) and (found.identity == expected.identity).all():
        assert columns(found) == columns(expected)
    else:  # of two sockets with the same ends, either may be left
        assert sorted(map(repr, ends(found))) == sorted(map(repr, ends(expected)))


def ends(sockets: Sockets) -> list[tuple[object, ...]]:
    return [(row.local, row.lport, row.remote, row.rport, row.device) for row in rows(sockets)]


def test_a_connection_that_was_met_twice_is_kept_once() -> None:
    """It became a TIME_WAIT while the kernel walked its table: another socket, with a cookie of its own."""
    waiting = numbered(many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40_000, 40_010)), 1)
    live = numbered(sock("10.0.0.1:40010", "10.0.0.5:443"), 20)
    before = decode_dump(encode(waiting, live))
    twice = numbered(sock("10.0.0.1:40010", "10.0.0.5:443", "TIME_WAIT"), 30)
    found = decode_dump(encode(waiting, live, twice), before)
    assert sorted(found.lport.tolist()) == list(range(40_000, 40_011))


def test_a_tuple_that_is_taken_anew_is_another_socket() -> None:
    before = decode_dump(encode(numbered(sock("10.0.0.1:40000", "10.0.0.5:443", "TIME_WAIT", remaining=50), 1)))
    found = decode_dump(encode(numbered(sock("10.0.0.1:40000", "10.0.0.5:443", "TIME_WAIT", remaining=60), 2)), before)
    assert (found.identity.tolist(), found.timer_ms.tolist()) == ([2], [60_000])


def test_addresses_that_nobody_has_are_forgotten_once_they_are_many() -> None:
    """New peers come and go for a long time."""
    sockets, most = None, 0
    for tick in range(20):
        block = numbered(many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=np.arange(300) + 40_000), 1000 * tick + 1)
        block["remote"] = np.array([np.void(bytes([10, 1 + n // 256, tick, n % 256]) + bytes(12)) for n in range(300)])
        sockets = decode_dump(encode(block), sockets)
        most = max(most, len(sockets.addresses))
        assert rows(sockets) == rows(decode_dump(encode(block)))
    assert 2 * 301 < most <= renewal.MANY


def test_columns_of_a_renewed_table_cannot_be_changed() -> None:
    dump = encode(numbered(many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40_000, 40_010)), 1))
    found = decode_dump(dump, decode_dump(dump))
    assert not any(getattr(found, f.name).flags.writeable for f in fields(found)[1:])


@given(two_tables())
def test_what_came_and_went_was_not_in_time_wait_in_both(tables: tuple[list[Block], list[Block]]) -> None:
    before = decode_dump(encode(*tables[0]))
    now = decode_dump(encode(*tables[1]), before)
    waited, waits = ({*each.identity[each.is_time_wait].tolist()} for each in (before, now))
    found = turnover(before, now)
    for sockets, rows_of in ((now, found.came), (before, found.gone)):
        expected = [row for row, each in enumerate(sockets.identity.tolist()) if each not in waited & waits]
        assert rows_of.tolist() == expected


def test_of_an_empty_table_all_come() -> None:
    now = decode_dump(encode(numbered(sock("0.0.0.0:22", state="LISTEN"), 1)))
    found = turnover(no_sockets(), now)
    assert (found.came.tolist(), found.gone.tolist()) == ([0], [])
