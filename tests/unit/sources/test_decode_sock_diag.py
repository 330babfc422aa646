"""A dump becomes columns, whatever its messages carry; a damaged one is refused in one clear line."""

import ipaddress
import re
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.decoded_rows import Row, integer, rows
from tests.support.sock_diag_dump import (
    INET_DIAG_SHUTDOWN,
    MARK,
    PORT_ID,
    SEQUENCE,
    Block,
    attribute,
    encode,
    many,
    sock,
    with_attributes,
)
from twtop.model import TcpState, Timer
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.probe import HEADER, CollectError

SHUTDOWN = attribute(INET_DIAG_SHUTDOWN, b"\x02")
BLOCKS = [
    sock("0.0.0.0:80", state="LISTEN", wqueue=128, inode=7),
    many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(40000, 40020), remaining=np.linspace(0, 60, 20)),
    sock("[fd00::1]:80", "[fd00::2]:41000", uid=1000, inode=8, rqueue=3),
    sock("[::ffff:10.0.0.1]:41001", "[::ffff:10.0.0.9]:80", "SYN_SENT", remaining=0.2, device=2),
]
DUMP = encode(*BLOCKS)
LINES = r"\Asocket dump is [^\n]+\Z"


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


ADDRESS_PAIRS = st.one_of(
    st.tuples(*[st.ip_addresses(v=4).map(str)] * 2),
    st.tuples(*[st.ip_addresses(v=6).map(str)] * 2),
    st.tuples(*[st.ip_addresses(v=4).map("::ffff:{}".format)] * 2),
)
WORD = st.integers(0, 2**32 - 1)
PORT = st.integers(0, 2**16 - 1)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Row, Block]:
    """A socket as it should be decoded, and its message with or without attributes."""
    (local, remote), lport, rport = draw(ADDRESS_PAIRS), draw(PORT), draw(PORT)
    timer, left = draw(st.sampled_from(Timer)), draw(st.integers(0, 2**31 - 1))
    row = Row(
        *(integer(local), lport, integer(remote), rport, draw(st.sampled_from(TcpState)), timer),
        -1 if timer is Timer.OFF else left,
        *(draw(WORD) for _ in range(5)),
    )
    block = sock(
        f"{bracketed(local)}:{lport}",
        f"{bracketed(remote)}:{rport}",
        TcpState(row.state),
        remaining=left / 1000,
        **{name: getattr(row, name) for name in ("timer", "device", "rqueue", "wqueue", "uid", "inode")},
    )
    return row, draw(st.sampled_from([block, with_attributes(block), with_attributes(block, MARK + SHUTDOWN)]))


@given(st.lists(drawn(), unique_by=lambda each: astuple(each[0])[:4]))
def test_what_goes_in_comes_out(sockets: list[tuple[Row, Block]]) -> None:
    assert rows(decode_dump(encode(*(block for _, block in sockets)))) == [row for row, _ in sockets]


@pytest.mark.parametrize(
    "blocks",
    [
        [with_attributes(block) for block in BLOCKS],
        [with_attributes(block, MARK + SHUTDOWN) for block in BLOCKS],
        [with_attributes(block) if block["timer"][0] == Timer.TIMEWAIT else block for block in BLOCKS],
        [with_attributes(block, SHUTDOWN * index) for index, block in enumerate(BLOCKS)],
    ],
    ids=["96 bytes", "104 bytes", "88 and 96 bytes", "four lengths"],
)
def test_attributes_change_nothing(blocks: list[Block]) -> None:
    dump = encode(*blocks)
    assert len(dump) > len(DUMP)
    assert rows(decode_dump(dump)) == rows(decode_dump(DUMP))


def test_an_odd_number_of_words_is_found_too() -> None:
    blocks = [with_attributes(block, bytes(4)) for block in BLOCKS]
    assert rows(decode_dump(encode(*blocks))) == rows(decode_dump(DUMP))


def test_a_cookie_is_64_bits_long() -> None:
    block, cookies = BLOCKS[1].copy(), np.arange(20, dtype=np.uint64) * np.uint64(0x1_0000_0001_0003) + np.uint64(7)
    block["cookie"] = cookies.view("V8")
    before = decode_dump(encode(block))
    assert before.identity.tolist() == cookies.tolist()
    again = decode_dump(encode(block[::-1].copy()), before)
    assert again.identity.tolist() == cookies[::-1].tolist()
    assert again.origin.tolist() == [*range(19, -1, -1)]


def test_the_last_attribute_of_a_message_may_end_within_a_word() -> None:
    """Netlink aligns what follows, and says the length without the padding."""
    block = with_attributes(BLOCKS[1], SHUTDOWN)
    block["length"] -= 3
    assert rows(decode_dump(encode(block))) == rows(decode_dump(encode(BLOCKS[1])))


@pytest.mark.parametrize("flag", [0x10, 0x20])
def test_a_dump_that_was_disturbed_or_filtered_is_read(flag: int) -> None:
    block = BLOCKS[1].copy()
    block["flags"] |= flag
    assert rows(decode_dump(encode(block))) == rows(decode_dump(encode(BLOCKS[1])))


def test_a_hundred_thousand_are_read() -> None:
    ports, left = np.arange(1024, 51024), np.linspace(0, 60, 50000)
    halves = [
        many(local, "10.0.0.5:443", "TIME_WAIT", lports=ports, remaining=left) for local in ("10.1.1.1", "10.1.1.2")
    ]
    found = decode_dump(encode(*halves))
    assert len(found) == 100_000
    assert len(found.addresses) == 3
    assert found.is_time_wait.all()
    assert found.lport.tolist() == [*ports, *ports]
    assert found.timer_ms.tolist() == [*np.rint(left * 1000)] * 2


def test_a_timer_beyond_the_column_stays_at_its_end() -> None:
    """The kernel's field has no sign; a value that wrapped below 0 must not turn into −1, which means no timer."""
    block = sock("10.0.0.1:1", "10.0.0.2:2", "SYN_SENT", remaining=1)
    block["expires"] = 2**32 - 4
    assert decode_dump(encode(block, BLOCKS[3])).timer_ms.tolist() == [2**31 - 1, 200]


def test_no_sockets_are_no_error() -> None:
    assert len(decode_dump(b"")) == 0


def rows_or_complaint(dump: bytes) -> list[Row] | str:
    try:
        return rows(decode_dump(dump))
    except CollectError as error:
        return str(error)


def assert_rows_or_complaint(dump: bytes) -> None:
    """Sockets in states that exist, or one line that says what is wrong; any other exception fails the test."""
    found = rows_or_complaint(dump)
    assert re.match(LINES, found) if isinstance(found, str) else all(TcpState(row.state) for row in found)


@given(st.binary(max_size=400))
@example(bytes(88))
@example(DUMP[:-1])
@example(DUMP[:-4])
@example(DUMP[4:])
@example(DUMP[:88] + bytes(4))
def test_any_bytes_are_rows_or_a_clear_error(dump: bytes) -> None:
    assert_rows_or_complaint(dump)


HEADER_WORDS = [np.frombuffer(DUMP[:16], np.uint32)[index].tobytes() for index in range(4)]
WORDS = st.one_of(st.sampled_from([*HEADER_WORDS, bytes(4), b"\xff" * 4, DUMP[:16], DUMP[:88]]), st.binary(max_size=8))
EDITS = st.lists(
    st.tuples(st.integers(0, len(DUMP) // 4), st.integers(0, 3), st.sampled_from([0, 4, 88, 3]), WORDS), max_size=4
)


@given(EDITS)
def test_a_damaged_dump_is_rows_or_a_clear_error(edits: list[tuple[int, int, int, bytes]]) -> None:
    """Bytes cut out, put in and put in place of others, mostly at words: there the harm is greatest."""
    dump = DUMP
    for word, byte, cut, put in edits:
        at = word * 4 + (byte if cut == 3 else 0)
        dump = dump[:at] + put + dump[at + cut :]
    assert_rows_or_complaint(dump)


@pytest.mark.parametrize(
    ("dump", "message"),
    [
        (DUMP[:-1], "cut off"),
        (DUMP[:84], "cut off"),
        (DUMP[:-4], "damaged: no TCP socket message at byte"),
        (DUMP[4:], "damaged: no TCP socket message at byte 0"),
        (DUMP[:88] + bytes(4) + DUMP[88:], "damaged: no TCP socket message at byte 88"),
        (DUMP[:88] + b"\x57" + DUMP[89:], "damaged: no TCP socket message at byte 88"),
        (b"\x54" + DUMP[1:84] + DUMP, "damaged: no TCP socket message at byte 0"),
        (DUMP[:16] + b"\x11" + DUMP[17:], "damaged: a message has an address family"),
    ],
)
def test_damage_is_named(dump: bytes, message: str) -> None:
    with pytest.raises(CollectError, match=LINES) as caught:
        decode_dump(dump)
    assert message in str(caught.value)


@pytest.mark.parametrize("field", ["length", "type", "flags", "sequence", "port_id", "family", "state"])
@pytest.mark.parametrize("value", [0, 12, 255])
def test_a_wrong_field_is_refused(field: str, value: int) -> None:
    block = BLOCKS[1].copy()
    block[field][3] = value
    with pytest.raises(CollectError, match=LINES):
        decode_dump(encode(block))


LOOKALIKE = HEADER.pack(88, 18, 2, SEQUENCE ^ 1, PORT_ID)


def test_what_looks_like_a_header_is_none() -> None:
    """An address or an attribute may hold any bytes; only the random sequence number cannot be guessed."""
    address = f"[{ipaddress.IPv6Address(LOOKALIKE)}]"
    block = sock(f"{address}:80", f"{address}:81")
    found = rows(decode_dump(encode(with_attributes(block, attribute(99, LOOKALIKE * 6)), *BLOCKS)))
    assert found == rows(decode_dump(encode(block, *BLOCKS)))
    assert found[0].local == int.from_bytes(LOOKALIKE)


def test_a_message_within_a_message_is_never_taken_for_a_socket() -> None:
    within = with_attributes(BLOCKS[0], attribute(99, DUMP[:88]))
    assert rows(decode_dump(encode(within, *BLOCKS[1:]))) == rows(decode_dump(DUMP))
