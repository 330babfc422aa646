"""The destination and the direction of sockets, in described tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.sock_diag_dump import Block, make_sample, many, sock
from twtop.dump.destinations import Destinations, find_destinations
from twtop.dump.ephemeral_ports import EphemeralPorts, ephemeral_ports
from twtop.dump.local_ends import LocalEnds
from twtop.model import Direction, Snapshot
from twtop.sources.decode import decode

IN, OUT, UNKNOWN = Direction.INBOUND, Direction.OUTBOUND, Direction.UNKNOWN
NONE = np.empty(0, np.uint64)
"""The names of the dump before: there was none."""
DEFAULT = (32_768, 60_999)


def analyse(
    *blocks: Block, port_range: tuple[int, int] | None = DEFAULT, reserved: str = ""
) -> tuple[Snapshot, EphemeralPorts | None, Destinations]:
    snapshot = decode(make_sample(*blocks, port_range=port_range, reserved=reserved))
    ports = ephemeral_ports(snapshot.limits, snapshot.sockets, LocalEnds(snapshot.sockets).per_port)
    return snapshot, ports, find_destinations(snapshot.sockets, ports)


def directions(*blocks: Block, port_range: tuple[int, int] | None = DEFAULT) -> list[Direction]:
    """The direction of each socket, in the order of the description."""
    return [Direction(each) for each in analyse(*blocks, port_range=port_range)[2].side]


CONNECTION = sock("10.0.0.1:41000", "10.0.0.5:443")


@pytest.mark.parametrize(
    ("listener", "direction"),
    [
        (sock("10.0.0.1:41000", state="LISTEN"), IN),
        (sock("0.0.0.0:41000", state="LISTEN"), IN),
        (sock("[::]:41000", state="LISTEN"), IN),
        (sock("[::ffff:10.0.0.1]:41000", state="LISTEN"), IN),
        (sock("10.0.0.2:41000", state="LISTEN"), OUT),
        (sock("10.0.0.1:41001", state="LISTEN"), OUT),
        (sock("[fd00::1]:41000", state="LISTEN"), OUT),
        (sock("10.0.0.1:41000", state="CLOSE"), OUT),
    ],
)
def test_a_listener_owns_its_port_on_its_address(listener: Block, direction: Direction) -> None:
    assert directions(listener, CONNECTION)[1] is direction


def test_an_ipv4_listener_on_any_address_owns_no_ipv6() -> None:
    table = [sock("[fd00::1]:41000", "[fd00::5]:443"), sock("0.0.0.0:41000", state="LISTEN")]
    assert directions(*table)[0] is OUT


@pytest.mark.parametrize(
    ("lport", "rport", "direction"),
    [
        (32_768, 443, OUT),
        (60_999, 443, OUT),
        (41_000, 32_767, OUT),
        (32_767, 443, UNKNOWN),
        (61_000, 443, UNKNOWN),
        (800, 2049, UNKNOWN),
        (41_000, 50_051, UNKNOWN),
        (41_000, 63_000, UNKNOWN),
    ],
)
def test_a_lone_connection_is_outbound_if_only_its_local_port_can_be_a_clients(
    lport: int, rport: int, direction: Direction
) -> None:
    assert directions(sock(f"10.0.0.1:{lport}", f"10.0.0.5:{rport}")) == [direction]


def test_a_remote_port_that_several_share_is_a_service() -> None:
    assert directions(
        sock("10.0.0.1:41000", "10.0.0.5:50051"),
        sock("10.0.0.1:41002", "10.0.0.6:50051", "TIME_WAIT"),
        sock("10.0.0.1:41004", "10.0.0.5:50052"),
    ) == [OUT, OUT, UNKNOWN]


@pytest.mark.parametrize(
    ("listener", "direction"),
    [("127.0.0.9:50051", OUT), ("0.0.0.0:50051", OUT), ("127.0.0.8:50051", UNKNOWN), ("127.0.0.9:50052", UNKNOWN)],
)
def test_a_remote_port_that_this_namespace_listens_on_is_a_service(listener: str, direction: Direction) -> None:
    table = [sock("127.0.0.1:41000", "127.0.0.9:50051", "TIME_WAIT"), sock(listener, state="LISTEN")]
    assert directions(*table)[0] is direction


def test_a_wildcard_listener_here_makes_no_service_elsewhere() -> None:
    table = [sock("10.0.0.1:41000", "10.0.0.5:50051"), sock("0.0.0.0:50051", state="LISTEN")]
    assert directions(*table)[0] is UNKNOWN


@pytest.mark.parametrize("peers", [["10.0.0.5"], ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"]])
def test_a_port_with_more_connections_than_chance_gives_it_was_bound(peers: list[str]) -> None:
    """The listener at 41000 is gone. Its connections look like connections to the ports 2000–2015."""
    left = [many("10.0.0.1:41000", peer, "TIME_WAIT", rports=np.arange(2000, 2016)) for peer in peers]
    _, ports, destinations = analyse(*left, sock("10.0.0.1:41002", "10.0.0.5:443"))
    assert set(destinations.side[:-1].tolist()) == {UNKNOWN}
    assert destinations.side[-1] == OUT
    assert ports
    assert (ports.capacity, bool(ports.available[41_000]), bool(ports.available[41_002])) == (28_231, False, True)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 400), st.booleans())
def test_a_port_that_connect_chose_is_never_taken_for_bound(seed: int, count: int, each: int, hole: bool) -> None:
    """Each destination walks through the range from its own start. After a hole all of them take the same port."""
    random = np.random.default_rng(seed)
    reserved = np.arange(34_000, 54_000) if hole else np.arange(0)
    free = np.setdiff1d(np.arange(32_768, 61_000, 2), reserved)
    blocks = []
    for number in range(count):
        walk = np.cumsum(random.integers(1, 9, each)) + random.integers(14_116)
        chosen = np.unique(free[np.searchsorted(free, 32_768 + walk * 2 % 28_232) % len(free)])
        blocks.append(many("10.0.0.1", f"10.0.1.{number}:443", lports=chosen))
    _, ports, destinations = analyse(*blocks, reserved="34000-53999" if hole else "")
    assert ports
    assert ports.capacity == 28_232 - len(reserved)
    assert set(destinations.direction.tolist()) == {OUT}


def test_without_a_range_nothing_is_outbound() -> None:
    assert directions(CONNECTION, sock("10.0.0.1:80", state="LISTEN"), port_range=None) == [UNKNOWN, UNKNOWN]


def test_a_destination_is_a_tuple_of_local_address_remote_address_and_service_port() -> None:
    _, _, destinations = analyse(
        many("10.0.0.1", "10.0.0.5:443", lports=[41_000, 41_002]),
        sock("10.0.0.1:41004", "10.0.0.5:444"),
        sock("10.0.0.1:41000", "10.0.0.6:443"),
        sock("10.0.0.2:41000", "10.0.0.5:443"),
        sock("10.0.0.1:80", state="LISTEN"),
        many("10.0.0.1:80", "10.0.0.5", rports=[41_000, 41_002]),
    )
    code = destinations.code.tolist()
    assert code[5] == -1
    assert code[0] == code[1]
    assert code[6] == code[7]
    assert len({code[0], code[2], code[3], code[4], code[6]}) == len(destinations) == 5


def test_a_mapped_address_is_the_ipv4_address() -> None:
    _, _, destinations = analyse(
        sock("10.0.0.1:41000", "10.0.0.5:443"), sock("[::ffff:10.0.0.1]:41002", "[::ffff:10.0.0.5]:443")
    )
    assert len(destinations) == 1


@given(st.permutations(range(6)))
def test_a_destination_has_one_name_in_every_dump(order: list[int]) -> None:
    table = [
        many("10.0.0.1", "10.0.0.5:443", lports=[41_000, 41_002]),
        sock("10.0.0.1:80", state="LISTEN"),
        sock("10.0.0.1:80", "10.0.0.5:443"),
        sock("10.0.0.5:443", "10.0.0.1:80"),
        sock("[fd00::1]:41000", "[fd00::5]:443"),
        sock("[fd00::5]:41000", "[fd00::1]:443"),
    ]

    def names(*blocks: Block) -> dict[tuple[int, int, int, int], int]:
        snapshot, _, destinations = analyse(*blocks)
        ends = [
            (snapshot.sockets.addresses.integer(local), snapshot.sockets.addresses.integer(remote))
            for local, remote in zip(destinations.local, destinations.remote, strict=True)
        ]
        side, port = destinations.direction.tolist(), destinations.port.tolist()
        name = destinations.names(snapshot.sockets.addresses, NONE).tolist()
        return {(*pair, one, other): each for pair, one, other, each in zip(ends, side, port, name, strict=True)}

    first = names(*table)
    assert len(set(first.values())) == 5
    assert names(*(table[index] for index in order)) == first


def test_the_name_of_a_destination_stays_when_its_direction_becomes_known() -> None:
    alone = sock("10.0.0.1:41000", "10.0.0.5:50051")
    before, _, unknown = analyse(alone)
    after, _, known = analyse(alone, sock("10.0.0.1:41002", "10.0.0.5:50051"))
    assert (unknown.direction.tolist(), known.direction.tolist()) == ([UNKNOWN], [OUT])
    assert unknown.names(before.sockets.addresses, NONE).tolist() == known.names(after.sockets.addresses, NONE).tolist()
