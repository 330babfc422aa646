"""What each listener has dropped, from the kernel's own form of it and from damaged bytes."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import MARK, attribute, encode, sock, with_attributes
from twtop.sources.decode_listeners import INET_DIAG_SKMEMINFO, decode_listener_drops
from twtop.sources.probe import CollectError


def memory(drops: int, words: int = 9) -> bytes:
    """INET_DIAG_SKMEMINFO with so many words, as kernels have had them, of which the last one is `drops`."""
    return attribute(INET_DIAG_SKMEMINFO, struct.pack(f"={words}I", *range(1, words), drops))


def listener(inode: int, attributes: bytes) -> bytes:
    return encode(with_attributes(sock("10.0.0.1:80", state="LISTEN", inode=inode), attributes))


def test_drops_by_inode_whatever_else_a_message_has() -> None:
    dump = listener(7, memory(12)) + listener(8, MARK + memory(0)) + listener(9, memory(2**32 - 1) + MARK)
    assert decode_listener_drops(dump) == {7: 12, 8: 0, 9: 2**32 - 1}


@pytest.mark.parametrize("before", [attribute(99, b""), attribute(8, b"\1"), attribute(8, b"\1\2\3\4\5")])
def test_attributes_before_it_may_be_of_any_length(before: bytes) -> None:
    assert decode_listener_drops(listener(7, before + memory(12))) == {7: 12}


def test_a_listener_whose_message_does_not_tell_is_left_out() -> None:
    """Kernels before 4.7 have no word for drops; without the attribute nothing is known at all."""
    dump = encode(sock("10.0.0.1:80", state="LISTEN", inode=6)) + listener(7, memory(5, words=8)) + listener(8, MARK)
    assert decode_listener_drops(dump) == {}


def test_no_dump_is_unknown_and_an_empty_one_has_no_listeners() -> None:
    assert (decode_listener_drops(None), decode_listener_drops(b"")) == (None, {})


@pytest.mark.parametrize("cut", [1, 4, 60, 100])
def test_a_dump_that_is_cut_off_is_an_error(cut: int) -> None:
    with pytest.raises(CollectError, match="dump of listeners is damaged: no message at byte 128 of"):
        decode_listener_drops((listener(7, memory(12)) * 2)[:-cut])


def test_the_last_message_may_be_without_attributes() -> None:
    assert decode_listener_drops(encode(sock("10.0.0.1:80", state="LISTEN"))) == {}


def test_a_message_that_is_shorter_than_a_socket_is_an_error() -> None:
    with pytest.raises(CollectError, match="no message at byte 0 of 128"):
        decode_listener_drops(struct.pack("=I", 84) + listener(7, memory(12))[4:])


@given(st.binary(max_size=300), st.integers(0, 128))
def test_no_bytes_are_a_surprise(noise: bytes, at: int) -> None:
    dump = listener(7, memory(12))
    with contextlib.suppress(CollectError):
        assert decode_listener_drops(dump[:at] + noise + dump[at:]) is not None
