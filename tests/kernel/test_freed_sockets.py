"""What the kernel tells of a freed socket, and that the filter passes failed connects alone."""

import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.failing_connects import (
    OLD_DEFAULT,
    SENTINEL,
    Full,
    few_ports,
)
from tests.support.in_namespace import in_namespace, wait_until
from tests.support.other_endings import (
    bind_failed,
    bound_tuple_taken,
    never_connected,
    no_route_ipv4,
    no_route_ipv6,
    refused,
    succeeded,
    unanswered,
)
from twtop.sources import freed_sockets


def ports_and_remote(message: bytes) -> tuple[bool, bool, bool]:
    """Whether the message has a local port, a remote port and a remote address."""
    ports = struct.unpack_from(">HH", message, 20)
    return bool(ports[0]), bool(ports[1]), any(message[40:56])


def fail_once() -> None:
    Full(SENTINEL).fail()


TABLE: dict[str, tuple[Callable[[], None], tuple[bool, bool, bool]]] = {
    "EADDRNOTAVAIL": (fail_once, (False, False, True)),
    "refused": (refused, (True, False, True)),
    "unanswered": (unanswered, (True, True, True)),
    "never connected": (never_connected, (False, False, False)),
    "bind failed": (bind_failed, (False, False, False)),
    "its very tuple taken": (bound_tuple_taken, (True, False, True)),
    "connected": (succeeded, (True, True, True)),
    "no route for IPv6": (no_route_ipv6, (False, False, True)),
    "no route for IPv4": (no_route_ipv4, (False, False, False)),
}


@pytest.mark.parametrize("ending", TABLE)
@in_namespace
def test_what_a_freed_socket_tells(ending: str) -> None:
    """The kernel's own messages without any filter, so that a kernel which tells it otherwise is noticed."""
    few_ports()
    end, told = TABLE[ending]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:
        netlink.bind((0, freed_sockets.TCP_DESTROY_GROUPS))
        netlink.settimeout(10)
        end()
        while ports_and_remote(message := netlink.recv(4096)) != told:
            pass
    assert struct.unpack_from("=IH", message) == (len(message), freed_sockets.SOCK_DIAG_BY_FAMILY)
    assert message[17] == freed_sockets.CLOSE


@in_namespace
def test_the_filter_lets_nothing_else_through() -> None:
    few_ports()
    full = Full("127.0.0.1")
    (netlink,) = freed_sockets.open_sockets(1 << 20, enough=1, most=1)
    with netlink:
        netlink.settimeout(10)
        for ending in (refused, succeeded, bind_failed, bound_tuple_taken, never_connected, no_route_ipv4):
            ending()
        full.fail()
        message = netlink.recv(4096)
        assert (ports_and_remote(message), message[40:44]) == ((False, False, True), socket.inet_aton("127.0.0.1"))
        netlink.setblocking(False)
        with pytest.raises(BlockingIOError):
            netlink.recv(4096)


@in_namespace
def test_several_sockets_share_the_messages() -> None:
    few_ports()
    full = Full("127.0.0.1")
    sockets = freed_sockets.open_sockets(OLD_DEFAULT, enough=1 << 20, most=8)
    batch, found = freed_sockets.Batch(), Counter[int]()
    full.fail(800)

    def read() -> bool:
        for number, each in enumerate(sockets):
            with contextlib.suppress(BlockingIOError):
                found[number] += freed_sockets.count_failures(batch.receive(each)).total()
        return found.total() >= 800

    wait_until(read, what="800 messages")
    assert (found.total(), len(found)) == (800, 8)
    assert min(found.values()) > 50
