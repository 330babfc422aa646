"""TCP sockets that end in any way but for want of a port, in a namespace where connect() to SENTINEL finds none."""

import contextlib
import errno
import socket

from tests.support.failing_connects import PORT, SENTINEL, plain
from twtop.demo.load import listener, open_client
from twtop.model import TcpState


def no_route_ipv6() -> None:
    with plain("::1") as end:
        assert end.connect_ex(("2001:db8::1", 80)) == errno.ENETUNREACH


def no_route_mapped() -> None:
    with plain("::1") as end:
        assert end.connect_ex(("::ffff:203.0.113.1", 80)) == errno.ENETUNREACH


def no_route_link_local() -> None:
    with plain("::1") as end:
        assert end.connect_ex(("fe80::9", 80, 0, socket.if_nametoindex("lo"))) == errno.ENETUNREACH


def mapped_multicast() -> None:
    with plain("::1") as end:
        assert end.connect_ex(("::ffff:224.0.0.1", 80)) == errno.ENETUNREACH


def no_route_ipv4() -> None:
    with plain("127.0.0.1") as end:
        assert end.connect_ex(("203.0.113.1", 80)) == errno.ENETUNREACH


def refused() -> None:
    for address in ("127.3.0.1", "::1", "::ffff:127.3.0.1"):
        with plain(address) as end:
            assert end.connect_ex((address, 81)) == errno.ECONNREFUSED


def unanswered() -> None:
    """The listener's queue is full, so that nobody answers the last SYN; then the client gives up."""
    with listener(("127.3.0.2", 82)) as server, contextlib.ExitStack() as ends:
        server.listen(0)
        for _ in range(3):
            end = ends.enter_context(plain("127.3.0.2"))
            end.setblocking(False)
            assert end.connect_ex(server.getsockname()) == errno.EINPROGRESS
        assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TcpState.SYN_SENT


def succeeded() -> None:
    for address in ("127.3.0.3", "::1"):
        with listener((address, 83)) as server, open_client((address, 83)), server.accept()[0]:
            pass


def bind_failed() -> None:
    """bind() takes the port here, and finds none: all of the range are bound on this address."""
    with contextlib.ExitStack() as ends, contextlib.suppress(OSError):
        while True:
            ends.enter_context(plain("127.0.0.1")).bind(("127.0.0.1", 0))


def bound_tuple_taken() -> None:
    """EADDRNOTAVAIL too, but not for want of a port: this very connection is there already."""
    with listener(("127.3.0.4", 84)) as server, contextlib.ExitStack() as ends:
        for code in (0, errno.EADDRNOTAVAIL):
            end = ends.enter_context(plain("127.3.0.4"))
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            end.bind(("127.3.0.5", 39_000))
            assert end.connect_ex(server.getsockname()) == code


def never_connected() -> None:
    for address in ("127.0.0.1", "::1"):
        plain(address).close()
        with plain(address) as end:
            end.bind((address, 39_001))


def tried_elsewhere() -> None:
    """What failed at a full address, and then was refused by another."""
    with plain("127.0.0.1") as end:
        assert end.connect_ex((SENTINEL, PORT)) == errno.EADDRNOTAVAIL
        assert end.connect_ex(("127.3.0.6", 85)) == errno.ECONNREFUSED


OTHER_ENDINGS = [
    *(no_route_ipv6, no_route_mapped, no_route_link_local, mapped_multicast, no_route_ipv4, refused, unanswered),
    *(succeeded, bind_failed, bound_tuple_taken, never_connected, tried_elsewhere),
]
