"""The messages of a dump are those of a plain walk from each to the next; a damaged one is refused where that ends."""

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import MARK, attribute, encode, many, sock, with_attributes
from twtop.sources import find_messages as module
from twtop.sources.find_messages import MESSAGE, find_messages
from twtop.sources.probe import HEADER, CollectError

WAITING, LIVE, DISTURBED = (
    sock("10.0.0.1:40000", "10.0.0.5:443", "TIME_WAIT"),
    sock("10.0.0.1:22", "10.0.0.9:4000"),
    0x10,
)
CGROUP = attribute(21, bytes(8))
"""INET_DIAG_CGROUP_ID: with it messages are an odd number of words long, 100 bytes."""

KINDS = [
    encode(WAITING),
    encode(with_attributes(WAITING)),
    encode(with_attributes(LIVE, MARK + CGROUP)),
    encode(with_attributes(LIVE, attribute(99, b"\0"))),
    encode(with_attributes(LIVE, attribute(99, encode(WAITING)))),
]
PADDED = bytearray(KINDS[3])
struct.pack_into("=I", PADDED, 0, len(PADDED) - 3)
KINDS.append(bytes(PADDED))
MIXED = b"".join(KINDS * 4)


def walked(dump: bytes) -> list[int] | str:
    """The byte at which each message begins, or what is wrong."""
    starts, at = list[int](), 0
    while at < len(dump):
        length, kind, flags, *serial = HEADER.unpack(dump[at : at + 16]) if len(dump) - at >= 88 else (0,) * 5
        if length < 88 or kind != 18 or flags & ~0x30 != 2 or serial != [*struct.unpack_from("=II", dump, 8)]:
            break
        starts.append(at)
        at += (length + 3) // 4 * 4
    return starts if at == len(dump) else f"no TCP socket message at byte {at} of {len(dump)}"


def found_in(dump: bytes) -> list[int] | str:
    try:
        return [int(4 * start) for start in find_messages(dump).starts]
    except CollectError as error:
        return str(error).removeprefix("socket dump is damaged: ")


def assert_as_walked(dump: bytes) -> None:
    assert found_in(dump) == walked(dump)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 4)), max_size=30))
def test_messages_of_any_lengths_are_found(stretches: list[tuple[bytes, int]]) -> None:
    dump = b"".join(message * count for message, count in stretches)
    assert_as_walked(dump)
    assert len(find_messages(dump)) == sum(count for _, count in stretches)


HEADER_WORDS = [MIXED[at : at + 4] for at in range(0, 16, 4)]
PIECES = st.one_of(
    st.sampled_from([*HEADER_WORDS, bytes(4), b"\xff" * 4, MIXED[:16], *KINDS]), st.binary(min_size=4, max_size=4)
)
EDITS = st.lists(st.tuples(st.integers(0, len(MIXED) // 4), st.sampled_from([0, 1, 22]), PIECES), max_size=3)


@given(st.sampled_from([MIXED, KINDS[1] * 24]), EDITS)
@example(MIXED, [(len(MIXED) // 4 - 1, 1, b"")])
@example(KINDS[1] * 24, [(24 * 24 - 1, 1, b"")])
@example(KINDS[1] * 24, [(24 * 24 - 3, 3, b"")])
def test_a_damaged_dump_is_refused_where_the_walk_ends(dump: bytes, edits: list[tuple[int, int, bytes]]) -> None:
    """Words cut out, put in and put in place of others."""
    for word, cut, put in edits:
        dump = dump[: 4 * word] + put + dump[4 * (word + cut) :]
    if len(dump) >= 88:
        assert_as_walked(dump)


@pytest.mark.parametrize("field", ["length", "type", "flags", "sequence", "port_id"])
@pytest.mark.parametrize("row", [1, 1023, 1024, 17_407, 17_408, 19_999])
def test_no_header_of_a_long_stretch_is_passed_over(field: str, row: int) -> None:
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=np.arange(20_000))
    block[field][row] ^= 1
    assert isinstance(found_in(encode(block)), str)
    assert_as_walked(encode(block))


@pytest.mark.parametrize("row", [1, 1023, 1024, 17_408, 19_999])
def test_a_stretch_ends_where_another_kind_of_message_stands(row: int) -> None:
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=np.arange(20_000))
    dump = encode(block[:row], with_attributes(LIVE, MARK + CGROUP), block[row:])
    assert_as_walked(dump)
    assert [len(part) for part in find_messages(dump).parts] == [row, 1, 20_000 - row]


def test_a_dump_that_is_disturbed_midway_is_read_on() -> None:
    block = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=np.arange(2_000))
    block["flags"][1_500:] |= DISTURBED
    assert found_in(encode(block)) == [88 * row for row in range(2_000)]


SERIAL = MIXED[8:16]
FALSE_HEADERS = with_attributes(LIVE, attribute(99, MIXED[4:12] + bytes(4) + bytes(4) + SERIAL + SERIAL[:4]))
"""In an attribute: a header with another port id, one with another type, and the sequence number at the very end."""

SHORT_STRETCHES = encode(WAITING, FALSE_HEADERS) + bytes(PADDED)
ENDS = [encode(WAITING), encode(FALSE_HEADERS)]


@pytest.mark.parametrize("end", ENDS)
def test_many_short_stretches_are_searched_for_headers(end: bytes) -> None:
    dump = SHORT_STRETCHES * 100 + end
    assert [len(part) for part in find_messages(dump).parts] == [1] * module.FEW + [301 - module.FEW]
    assert_as_walked(dump)


@pytest.mark.parametrize("end", ENDS)
def test_a_field_is_read_of_messages_that_were_searched(end: bytes) -> None:
    dump = bytearray(SHORT_STRETCHES * 100 + end)
    starts = 4 * find_messages(bytes(dump)).starts
    for number, start in enumerate(starts):
        struct.pack_into("=QI", dump, start + 60, 2**63 + number, 7 * number)
    found = find_messages(bytes(dump))
    assert found.field("cookie").tolist() == [2**63 + number for number in range(301)]
    assert found.field("expires").tolist() == [7 * number for number in range(301)]
    assert found.field("length").tolist() == [*np.diff(starts, append=len(dump)) - 3 * (np.arange(301) % 3 == 2)]


SHORT = bytearray(encode(WAITING)[:80])
struct.pack_into("=I", SHORT, 0, len(SHORT))


@pytest.mark.parametrize("damage", [bytes(SHORT), b"\0" * 4, b"\0" * 400, MIXED[:16], MIXED[4:]])
@pytest.mark.parametrize("behind", [0, 1, 100])
def test_damage_among_many_short_stretches_is_found_where_the_walk_ends(damage: bytes, behind: int) -> None:
    dump = SHORT_STRETCHES * 20 + damage + SHORT_STRETCHES * behind
    assert isinstance(found_in(dump), str)
    assert_as_walked(dump)


def test_less_than_a_message_is_cut_off() -> None:
    with pytest.raises(CollectError, match=r"^socket dump is cut off: 84 bytes are less than one message$"):
        find_messages(MIXED[:84])
    assert len(find_messages(b"")) == 0


def test_a_header_within_an_attribute_is_passed_over_among_many_stretches() -> None:
    assert_as_walked(MIXED)
    assert all(isinstance(part, range) for part in find_messages(MIXED).parts)
    assert len(find_messages(MIXED)) == len(KINDS) * 4


@given(st.lists(st.sampled_from(KINDS[:4]), max_size=30))
def test_each_field_is_read_of_each_message(kinds: list[bytes]) -> None:
    messages = [bytearray(kind) for kind in kinds]
    for number, message in enumerate(messages):
        message[17:20] = bytes([number, 1, 2])
        struct.pack_into("=QI", message, 60, 2**63 + number, number)
    dump = b"".join(messages)
    plain = [np.frombuffer(bytes(message[:88]), MESSAGE)[0] for message in messages]
    found = find_messages(dump)
    for name in ("state", "cookie", "expires", "length"):
        assert found.field(name).tolist() == [row[name] for row in plain]
    assert found.records(found.starts).tobytes() == b"".join(message[:88] for message in messages)
