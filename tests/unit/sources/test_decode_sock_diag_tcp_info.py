"""Timestamps of live connections: found in whatever order attributes come, and unknown where they make no sense."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import (
    INET_DIAG_INFO,
    MARK,
    attribute,
    encode,
    many,
    sock,
    tcp_info,
    with_attributes,
)
from twtop.model import TcpState, Timestamps
from twtop.sources.decode_sock_diag import decode_dump

UNKNOWN, USED, NOT_USED = Timestamps.UNKNOWN, Timestamps.USED, Timestamps.NOT_USED
OTHERS = [MARK, attribute(8, b"\1"), attribute(7, bytes(36)), attribute(4, b"cubic\0"), attribute(22, bytes(2))]


def decoded(*attributes: bytes, state: str = "ESTABLISHED") -> Timestamps:
    block = with_attributes(sock("10.0.0.1:40000", "10.0.0.5:443", state), b"".join(attributes))
    return Timestamps(decode_dump(encode(block)).timestamps[0])


@given(st.lists(st.sampled_from(OTHERS), max_size=6), st.lists(st.sampled_from(OTHERS), max_size=3), st.booleans())
def test_the_options_are_found_wherever_they_stand(before: list[bytes], behind: list[bytes], used: bool) -> None:
    assert decoded(*before, tcp_info(used), *behind) is (USED if used else NOT_USED)
    assert decoded(*before, *behind) is UNKNOWN


def test_each_message_has_its_own_among_others() -> None:
    lports = range(40_000, 40_010)
    blocks = [
        many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=lports),
        with_attributes(many("10.0.0.2", "10.0.0.5:443", lports=lports), tcp_info(True)),
        with_attributes(many("10.0.0.3", "10.0.0.5:443", "CLOSE_WAIT", lports=lports), MARK + tcp_info(False)),
        with_attributes(many("10.0.0.4", "10.0.0.5:443", lports=lports)),
    ]
    found = decode_dump(encode(*blocks)).timestamps
    assert found.tolist() == np.repeat([UNKNOWN, USED, NOT_USED, UNKNOWN], 10).tolist()


@pytest.mark.parametrize("state", [state.name for state in TcpState])
def test_only_who_has_heard_the_peer_knows(state: str) -> None:
    deaf = ("SYN_SENT", "LISTEN", "CLOSE")
    assert decoded(tcp_info(False), state=state) is (UNKNOWN if state in deaf else NOT_USED)


@pytest.mark.parametrize(("length", "expected"), [(104, USED), (103, UNKNOWN)])
def test_an_older_tcp_info_is_shorter(length: int, expected: Timestamps) -> None:
    assert decoded(attribute(INET_DIAG_INFO, bytes(5) + b"\1" + bytes(length - 6))) is expected


def test_the_first_tcp_info_counts() -> None:
    assert decoded(tcp_info(True), tcp_info(False)) is USED


def test_an_attribute_may_be_empty() -> None:
    assert decoded(attribute(99, b""), tcp_info(True)) is USED


@pytest.mark.parametrize(
    "broken",
    [
        [attribute(INET_DIAG_INFO, bytes(8)), bytes(200)],  # too short, and then nothing that could be an attribute
        [bytes(248)],
        [b"\3\0\1\0", tcp_info(True)],  # shorter than its own header
        [b"\xff\xff\2\0" + bytes(248)],  # longer than its message
        [MARK[:4], b"\3\0\2\0" + bytes(240)],
    ],
)
def test_damaged_attributes_tell_nothing(broken: Sequence[bytes]) -> None:
    assert decoded(*broken) is UNKNOWN
