"""Directions and port ranges, judged by the kernel, above all where a listener is gone."""

import socket
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.support.in_namespace import in_namespace, run_in_namespace, sysctl
from tests.support.port_reading import PortReading
from tests.support.real_connections import Route, bind, listen, peers, read
from twtop.model import Direction, Mask

LOW, SIZE = 40_000, 2000
SERVICE = LOW + 500  # a service port inside the ephemeral range
CLIENTS = 20


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of the connections to a service, counted by direction."""

    clients: Counter[Direction]
    services: Counter[Direction]


def ends(reading: PortReading, port: int) -> Ends:
    sockets, side = reading.reading.snapshot.sockets, reading.reading.destinations.side

    def count(rows: Mask) -> Counter[Direction]:
        return Counter(Direction(each) for each in side[rows & sockets.is_connection])

    return Ends(count(sockets.rport == port), count(sockets.lport == port))


def small_range() -> None:
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
    sysctl("net.ipv4.tcp_tw_reuse", 0)


def former_service(port: int, service_closes_first: bool, address: str = "127.0.1.1") -> list[socket.socket]:
    """Connections whose listener is gone; their ends in TIME_WAIT are the service's, or all ends are established."""
    (peer,) = peers(Route("127.0.0.1", address, port))
    peer.established(CLIENTS)
    peer.server.close()
    if service_closes_first:
        for accepted, client in zip(peer.accepted, peer.clients, strict=True):
            accepted.close()
            client.close()
        return []
    return [*peer.clients, *peer.accepted]


@in_namespace
def test_behind_a_listener_connections_are_inbound_at_any_port() -> None:
    small_range()
    for port in (300, SERVICE):
        (peer,) = peers(Route("127.0.0.1", "127.0.1.1", port))
        peer.established(3)
        assert ends(read(), port) == Ends(Counter({Direction.OUTBOUND: 3}), Counter({Direction.INBOUND: 3}))


@pytest.mark.parametrize("port", [300, SERVICE])
@in_namespace
def test_without_its_listener_a_service_is_never_taken_for_a_client(port: int) -> None:
    small_range()
    _held = former_service(port, service_closes_first=False)
    seen = ends(read(), port)
    assert seen == Ends(Counter({Direction.OUTBOUND: CLIENTS}), Counter({Direction.UNKNOWN: CLIENTS}))


@pytest.mark.parametrize("port", [300, SERVICE])
@in_namespace
def test_a_former_service_of_which_only_time_wait_are_left_is_unknown(port: int) -> None:
    small_range()
    former_service(port, service_closes_first=True)
    assert ends(read(), port) == Ends(Counter(), Counter({Direction.UNKNOWN: CLIENTS}))


@in_namespace
def test_both_ends_of_a_single_connection_without_a_listener_are_unknown() -> None:
    small_range()
    (peer,) = peers(Route("127.0.0.1", "127.0.1.1", SERVICE))
    peer.established(1)
    peer.server.close()
    assert ends(read(), SERVICE) == Ends(Counter({Direction.UNKNOWN: 1}), Counter({Direction.UNKNOWN: 1}))


@in_namespace
def test_a_client_that_bound_its_port_is_unknown() -> None:
    """An NFS client does so, on a port below 1024."""
    small_range()
    with listen("127.0.1.1", 2049) as server, bind("127.0.0.1", 800) as client:
        client.connect(server.getsockname())
        assert ends(read(), 2049).clients == Counter({Direction.UNKNOWN: 1})


@pytest.mark.parametrize("service_closes_first", [False, True])
def test_the_connections_of_a_former_service_close_its_port_to_every_connect(service_closes_first: bool) -> None:
    """The address does not matter. Of the 2,000 ports one is used, and one is closed."""

    def body() -> tuple[float, int, int]:
        small_range()
        _held = former_service(SERVICE, service_closes_first)
        (other,) = peers(Route("127.0.0.2", "127.0.1.2"))
        other.established(1)
        reading = read()
        return reading.left(other.route.ends), other.fill(), SERVICE in other.ports()

    said, got, used_the_port = run_in_namespace(body)
    assert (said, got) == (SIZE - 2, SIZE - 2)
    assert not used_the_port


@in_namespace
def test_a_port_that_connect_chose_stays_open_to_other_destinations() -> None:
    small_range()
    one, other = peers(Route("127.0.0.1", "127.0.1.1"), Route("127.0.0.1", "127.0.1.2"))
    one.established(SIZE)
    other.established(1)
    assert (read().left(other.route.ends), other.fill()) == (SIZE - 1, SIZE - 1)
