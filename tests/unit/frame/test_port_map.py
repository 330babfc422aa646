"""The port map: what holds each port, and strips that show the right shares in the right positions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.support.built_frames import frames
from tests.support.sock_diag_dump import make_sample, many, sock, tcp_info, with_attributes
from twtop.frame.port_map import PortKind, PortMap, cells
from twtop.frame.view import Key, View
from twtop.model import Direction

DESTINATION = Key(remote=0xFFFF0A000005)


def drawn(*blocks: np.ndarray, drill: Key = DESTINATION, low: int = 32768, high: int = 32787) -> PortMap | None:
    sample = make_sample(*blocks, port_range=(low, high), tw_reuse=1, reserved="32770")
    return frames(sample, view=View(drill=drill))[0].port_map


def test_the_kind_of_a_port_is_what_holds_it() -> None:
    found = drawn(
        with_attributes(sock("10.0.0.1:32768", "10.0.0.5:443"), tcp_info(timestamps=True)),
        sock("10.0.0.1:32769", "10.0.0.5:443", "TIME_WAIT", remaining=59.5),
        sock("10.0.0.1:32771", "10.0.0.5:443", "TIME_WAIT", remaining=30),
        sock("10.0.0.1:32772", "10.0.0.5:443", "FIN_WAIT2"),
        sock("10.0.0.1:32774", "10.0.0.6:443"),  # another destination's
        sock("10.0.0.2:32776", state="LISTEN"),
        sock("10.0.0.2:32777", state="CLOSE"),
    )
    assert found is not None
    free = [PortKind.FREE] * 3
    live, blocked = PortKind.LIVE, PortKind.BLOCKED
    assert found.first.tolist() == [live, blocked, live, PortKind.FREE, blocked, *free, *free[:2]]
    assert found.second.tolist() == [PortKind.TIME_WAIT, PortKind.REUSABLE, *free[:2], blocked, *free, *free[:2]]


def test_where_the_client_binds_first_the_ports_of_its_whole_address_are_taken() -> None:
    """bind() takes a port that another address has, but none that its own has to whatever destination."""
    found = drawn(
        many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32769, 32785, 2), remaining=30),
        sock("10.0.0.1:32785", "10.0.0.6:443"),
        sock("10.0.0.2:32787", "10.0.0.6:443"),
    )
    assert found is not None
    assert found.second.tolist() == [PortKind.TIME_WAIT] * 8 + [PortKind.BLOCKED, PortKind.FREE]
    assert found.first.tolist() == [PortKind.FREE, PortKind.BLOCKED] + [PortKind.FREE] * 8


def test_the_first_strip_has_the_parity_of_the_low_end() -> None:
    found = drawn(sock("10.0.0.1:32769", "10.0.0.5:443"), low=32769, high=32780)
    assert found is not None
    assert (found.low, found.first[0], len(found.first), len(found.second)) == (32769, PortKind.LIVE, 6, 6)


def test_a_peer_shows_its_most_pressed_destination() -> None:
    found = drawn(
        sock("10.0.0.1:32769", "10.0.0.5:80"),
        many("10.0.0.1", "10.0.0.5:443", lports=range(32772, 32780)),
    )
    assert found is not None
    assert np.count_nonzero(np.concatenate((found.first, found.second)) == PortKind.LIVE) == 8


def test_inbound_connections_have_no_port_map() -> None:
    inbound = Key(direction=Direction.INBOUND)
    assert drawn(sock("10.0.0.1:80", state="LISTEN"), sock("10.0.0.1:80", "10.0.0.5:9999"), drill=inbound) is None


@given(st.lists(st.sampled_from(PortKind), max_size=300), st.integers(0, 80))
def test_a_strip_has_the_shares_of_its_ports(kinds: list[PortKind], width: int) -> None:
    """The cells of a kind differ from its share by less than the number of kinds."""
    strip = cells(np.array(kinds, np.uint8), width)
    assert len(strip) == min(width, len(kinds))
    for kind in PortKind:
        if strip:
            blocks = np.array_split(np.array(kinds), len(strip))
            exact = sum(np.mean(block == kind) for block in blocks)
            assert abs(strip.count(kind) - exact) < len(PortKind)


@given(st.lists(st.sampled_from(PortKind), min_size=1, max_size=80))
def test_every_port_is_shown_where_the_strip_is_wide_enough(kinds: list[PortKind]) -> None:
    assert cells(np.array(kinds, np.uint8), 80) == kinds
