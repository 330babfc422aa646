"""The columns of a source become one table: equal addresses are one, and a socket that was seen twice is kept once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.decoded_rows import integer, rows
from tests.support.sock_diag_dump import encode, sock
from twtop.model import Addresses, TcpState
from twtop.sources.decode_sock_diag import decode_dump
from twtop.table.socket_table import joined, merged


def test_a_mapped_address_is_ipv4() -> None:
    mapped = decode_dump(encode(sock("[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:2")))
    assert mapped.addresses.is_ipv4.all()
    assert rows(mapped) == rows(decode_dump(encode(sock("10.0.0.1:1", "10.0.0.2:2"))))


def test_an_ipv6_address_that_ends_alike_is_another() -> None:
    found = decode_dump(encode(sock("[fd00::1]:1", "[fd01::1]:2"), sock("[::1]:1", "[fd00::1]:2")))
    assert [found.addresses.integer(code) for code in found.local] == [integer("fd00::1"), 1]
    assert len(found.addresses) == 3


def test_a_connection_that_was_met_twice_is_kept_once() -> None:
    other, tuples = sock("10.0.0.1:3", "10.0.0.2:2"), ("10.0.0.1:1", "10.0.0.2:2")
    found = rows(decode_dump(encode(sock(*tuples, "TIME_WAIT"), other, sock(*tuples))))
    assert sorted(row.lport for row in found) == [1, 3]


@pytest.mark.parametrize("state", ["LISTEN", "CLOSE"])
def test_sockets_that_share_a_port_without_a_peer_are_kept(state: str) -> None:
    """SO_REUSEPORT: as many listeners on one tuple as there are workers; bound sockets likewise."""
    connection = sock("10.0.0.1:80", "10.0.0.2:2")
    found = decode_dump(encode(*[sock("0.0.0.0:80", state=state)] * 3, connection, connection))
    assert found.state.tolist().count(TcpState[state]) == 3
    assert len(found) == 4


def test_a_tuple_on_another_device_is_another_socket() -> None:
    tuples = ("10.0.0.1:1", "10.0.0.2:2")
    found = decode_dump(encode(*(sock(*tuples, device=device) for device in (0, 2, 3, 2))))
    assert sorted(found.device.tolist()) == [0, 2, 3]


def test_columns_cannot_be_changed() -> None:
    found = decode_dump(encode(sock("10.0.0.1:1", "10.0.0.2:2")))
    with pytest.raises(ValueError, match="read-only"):
        found.state[0] = 1


def test_a_source_that_tells_no_pids_has_none() -> None:
    assert decode_dump(encode(sock("10.0.0.1:1", "10.0.0.2:2", inode=7))).pid.tolist() == [0]
    assert decode_dump(b"").pid.dtype == np.uint32


ADDRESSES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), unique=True, max_size=8)


def addresses(pairs: list[tuple[int, int]]) -> Addresses:
    return Addresses(np.array([hi for hi, _ in pairs], np.uint64), np.array([lo for _, lo in pairs], np.uint64))


@given(ADDRESSES, ADDRESSES)
def test_the_addresses_of_two_tables_are_one_list_without_repeats(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    found, number = merged(addresses(first), addresses(second))
    every = [*zip(found.hi.tolist(), found.lo.tolist(), strict=True)]
    assert every[: len(first)] == first
    assert [every[code] for code in number.tolist()] == second
    assert len({*every}) == len(every) == len({*first, *second})


def test_a_table_without_sockets_is_joined_too() -> None:
    some = decode_dump(encode(sock("10.0.0.1:1", "10.0.0.2:2"), sock("0.0.0.0:80", state="LISTEN")))
    assert rows(joined(decode_dump(b""), some)) == rows(some) == rows(joined(some, decode_dump(b"")))
