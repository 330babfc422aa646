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


def test_many_short_stretches_are_searched_for_headers() -> None:
    pair = encode(with_attributes(WAITING), with_attributes(LIVE, MARK + CGROUP))
    messages = find_messages(pair * 1000)
    assert [len(part) for part in messages.parts] == [1] * module.FEW + [2000 - module.FEW]
    assert_as_walked(pair * 1000)


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
