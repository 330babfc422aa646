"""Directions that the table showed once and does not show any more, judged by the kernel."""

import socket
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.kernel.test_destinations import Ends, ends
from tests.support.in_namespace import in_namespace, run_in_namespace, sysctl, wait_until
from tests.support.port_reading import PortReading
from tests.support.real_connections import Route, bind, listen, peers, read
from twtop.demo.load import server_closes
from twtop.model import Direction, TcpState

LOW, SIZE = 40_000, 200
SERVICES = [LOW + 3 * number for number in range(40)]
HERE, ANY = "127.0.1.1", "0.0.0.0"
OUT, IN, UNKNOWN = Direction.OUTBOUND, Direction.INBOUND, Direction.UNKNOWN


def small_range() -> None:
    sysctl("net.ipv4.ip_local_port_range", f"{LOW} {LOW + SIZE - 1}")
    sysctl("net.ipv4.tcp_tw_reuse", 0)


def serve(address: str, closes: bool) -> tuple[list[socket.socket], list[socket.socket]]:
    """(listeners on ports in the range, open ends), with a connection each from a port that the client bound below it.

    Where the service `closes`, its ends are in TIME_WAIT and none is open.
    """
    servers, held = [listen(address, port) for port in SERVICES], []
    for number, server in enumerate(servers):
        end = bind(f"127.0.0.{number + 3}", 5000)
        end.connect((HERE, server.getsockname()[1]))
        accepted = server.accept()[0]
        if closes:
            server_closes((end, accepted))
        else:
            held += [end, accepted]
    return servers, held


@dataclass(frozen=True, slots=True)
class Restart:
    """What twtop says while nobody listens, without and with the reading before; and what connect() then gets."""

    forgot: Counter[Direction]
    knows: Counter[Direction]
    still_knows: Counter[Direction]
    left: float
    got: int


def directions_of_services(reading: PortReading) -> Counter[Direction]:
    total: Counter[Direction] = Counter()
    for port in SERVICES:
        total += ends(reading, port).services
    return total


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("address", [HERE, ANY])
def test_what_a_listener_accepted_stays_inbound_when_it_goes(address: str, closes: bool) -> None:
    """Their clients bound ports below the range, so by ports alone these ends look like clients of such services."""

    def body() -> Restart:
        small_range()
        servers, _held = serve(address, closes)
        known = read().reading.known()
        for server in servers:
            server.close()
        forgot, knows = read(), read(known)
        (other,) = peers(Route("127.0.0.2", "127.0.1.2"))
        later = read(knows.reading.known())
        return Restart(
            directions_of_services(forgot),
            directions_of_services(knows),
            directions_of_services(later),
            later.left(other.route.ends),
            other.fill(),
        )

    found = run_in_namespace(body)
    assert found.forgot[OUT] == len(SERVICES)
    assert found.knows == found.still_knows == Counter({IN: len(SERVICES)})
    assert (found.left, found.got) == (SIZE - len(SERVICES), SIZE - len(SERVICES))


@in_namespace
def test_the_ends_of_a_single_connection_stay_known_when_its_listener_goes() -> None:
    small_range()
    (peer,) = peers(Route("127.0.0.1", HERE, SERVICES[0]))
    peer.established(3)
    reading = read()
    peer.server.close()
    for pair in zip(peer.clients[1:], peer.accepted[1:], strict=True):
        server_closes(pair)
    forgot, knows = read(), read(reading.reading.known())
    assert ends(forgot, SERVICES[0]) == Ends(Counter({UNKNOWN: 1}), Counter({UNKNOWN: 3}))
    assert ends(knows, SERVICES[0]) == Ends(Counter({OUT: 1}), Counter({IN: 3}))


def rows(reading: PortReading, lport: int) -> list[int]:
    sockets = reading.reading.snapshot.sockets
    found: list[int] = (sockets.is_connection & (sockets.lport == lport)).nonzero()[0].tolist()
    return found


@in_namespace
def test_who_was_seen_to_connect_is_outbound_whatever_its_port() -> None:
    """Two clients bound ports below the range. One is seen as SYN_SENT, while the accept queue is full."""
    small_range()
    server = listen(HERE, 300)
    server.listen(0)
    early, late = bind("127.0.0.1", 800), bind("127.0.0.1", 801)
    early.connect((HERE, 300))
    late.setblocking(False)
    late.connect_ex((HERE, 300))
    reading = wait_until(lambda: seen(801, TcpState.SYN_SENT), what="a SYN_SENT")
    assert (direction(reading, 800), direction(reading, 801)) == (UNKNOWN, OUT)
    _first = server.accept()
    wait_until(lambda: seen(801, TcpState.ESTABLISHED), what="its connection")
    knows = read(reading.reading.known())
    assert (direction(knows, 800), direction(knows, 801)) == (UNKNOWN, OUT)
    assert direction(read(), 801) is UNKNOWN


def seen(lport: int, state: TcpState) -> PortReading | None:
    reading = read()
    (row,) = rows(reading, lport)
    return reading if reading.reading.snapshot.sockets.state[row] == state else None


def direction(reading: PortReading, lport: int) -> Direction:
    (row,) = rows(reading, lport)
    return Direction(reading.reading.destinations.side[row])


@in_namespace
def test_a_client_on_the_port_of_a_listener_that_has_gone_is_a_client() -> None:
    """Nothing of the listener is left, and connect() gives its port to a client."""
    small_range()
    server = listen(HERE, LOW)
    known = read().reading.known()
    server.close()
    gone = read(known).reading.known()
    (peer,) = peers(Route(HERE, "127.0.1.2"))
    assert peer.fill() == SIZE
    assert LOW in peer.ports()
    assert direction(read(gone), LOW) is OUT
