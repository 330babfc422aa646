"""Real sockets in every TCP state, over loopback and with nothing but socket calls.

What acknowledges a FIN is a peer with room to receive it: behind more data than the peer takes, a FIN stays on this
side, and FIN_WAIT1, LAST_ACK and CLOSING last as long as a test likes.
"""

import enum
import errno
import select
import socket
from collections.abc import Iterator

from tests.support.in_namespace import wait_until
from tests.support.ss_and_procfs import Ends, by_proc, name, proc_text
from twtop.model import TcpState

SMALL, LARGE = 2304, 200_000  # a receive buffer that is full at once; what cannot fit in it
FOREVER_S = 100


class Family(enum.Enum):
    """Address family of the sockets, and the address they all have."""

    IPV4 = (socket.AF_INET, "127.0.0.1")
    IPV6 = (socket.AF_INET6, "::1")
    MAPPED = (socket.AF_INET6, "::ffff:127.0.0.1")

    @property
    def domain(self) -> socket.AddressFamily:
        return self.value[0]

    @property
    def address(self) -> str:
        return self.value[1]


class Bench:
    """Makes sockets of one family and holds them. Each method named after states returns the ends that are in them."""

    def __init__(self, family: Family) -> None:
        self.family, self.address = family, family.address
        self.held: list[socket.socket] = []

    def all_states(self) -> Iterator[tuple[str, Ends]]:
        """(state, ends) of at least one socket in each state; the extra state CLOSED_FIN_WAIT2 is a timewait object."""
        yield from self.listen()
        yield from self.bound()
        yield from self.established()
        yield from self.syn_sent()
        yield from self.syn_recv()
        yield from self.fin_wait1()
        yield from self.fin_wait2_and_close_wait()
        yield from self.last_ack()
        yield from self.closing()
        yield from self.time_wait()
        yield from self.closed_fin_wait2()

    def listen(self) -> Iterator[tuple[str, Ends]]:
        yield "LISTEN", ends(self.listener())

    def bound(self) -> Iterator[tuple[str, Ends]]:
        """Bound and nothing more: the port is taken, and yet sock_diag has no other name for it."""
        bound = self.new()
        bound.bind((self.address, 0))
        yield "CLOSE", ends(bound)

    def established(self) -> Iterator[tuple[str, Ends]]:
        for end in self.pair():
            yield "ESTABLISHED", ends(end)

    def syn_sent(self) -> Iterator[tuple[str, Ends]]:
        """The accept queue has room for backlog + 1; the next SYN is dropped."""
        server = self.listener(backlog=0)
        self.client(server)
        wait_until(lambda: readable(server), what="a full accept queue")
        waiting = self.client(server, TcpState.SYN_SENT)
        yield "SYN_SENT", (*ends(waiting)[:2], *ends(server)[:2])

    def syn_recv(self) -> Iterator[tuple[str, Ends]]:
        """A listener that wants data first keeps the request until they come."""
        server = self.new()
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, FOREVER_S)
        client = self.client(self.listener(server))
        lport, rport = ends(client)[1::2]
        yield "SYN_RECV", (name(self.address), rport, name(self.address), lport)

    def fin_wait1(self) -> Iterator[tuple[str, Ends]]:
        client, _ = self.pair()
        send_fin(client, behind_data=True)
        yield "FIN_WAIT1", ends(client)

    def fin_wait2_and_close_wait(self) -> Iterator[tuple[str, Ends]]:
        client, server = self.half_closed_pair()
        yield "FIN_WAIT2", ends(client)
        yield "CLOSE_WAIT", ends(server)

    def last_ack(self) -> Iterator[tuple[str, Ends]]:
        _, server = self.half_closed_pair()
        send_fin(server, behind_data=True)
        yield "LAST_ACK", ends(server)

    def closing(self) -> Iterator[tuple[str, Ends]]:
        """Both ends finish at the same time: neither has the other's FIN when it sends its own."""
        client, server = self.pair()
        send_fin(client, behind_data=True)
        send_fin(server)
        reach(client, TcpState.CLOSING)
        yield "CLOSING", ends(client)

    def time_wait(self) -> Iterator[tuple[str, Ends]]:
        client, server = self.half_closed_pair()
        tuples = ends(client)
        send_fin(server)
        self.drop(client, server)
        wait_until(lambda: shown_as(tuples) is TcpState.TIME_WAIT, what="TIME_WAIT")
        yield "TIME_WAIT", tuples

    def closed_fin_wait2(self) -> Iterator[tuple[str, Ends]]:
        client, _ = self.half_closed_pair()
        tuples = ends(client)
        self.drop(client)
        wait_until(lambda: shown_as(tuples) is TcpState.FIN_WAIT2, what="a timewait object in FIN_WAIT2")
        yield "CLOSED_FIN_WAIT2", tuples

    def new(self) -> socket.socket:
        made = socket.socket(self.family.domain)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGE)
        made.setblocking(False)
        self.held.append(made)
        return made

    def listener(self, made: socket.socket | None = None, backlog: int = 8) -> socket.socket:
        server = made or self.new()
        server.bind((self.address, 0))
        server.listen(backlog)
        return server

    def client(self, server: socket.socket, state: TcpState = TcpState.ESTABLISHED) -> socket.socket:
        client = self.new()
        assert client.connect_ex(server.getsockname()) == errno.EINPROGRESS
        reach(client, state)
        return client

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """A connection: its client's end and its server's. The listener goes."""
        listener = self.listener()
        client = self.client(listener)
        wait_until(lambda: readable(listener), what="a connection to accept")
        server, _ = listener.accept()
        self.held.append(server)
        self.drop(listener)
        return client, server

    def half_closed_pair(self) -> tuple[socket.socket, socket.socket]:
        """The client has finished, the server has not: FIN_WAIT2 and CLOSE_WAIT."""
        client, server = self.pair()
        send_fin(client)
        reach(client, TcpState.FIN_WAIT2)
        reach(server, TcpState.CLOSE_WAIT)
        return client, server

    def drop(self, *sockets: socket.socket) -> None:
        for each in sockets:
            each.close()
            self.held.remove(each)


def send_fin(end: socket.socket, behind_data: bool = False) -> None:
    if behind_data:
        assert end.send(bytes(LARGE)) > 20 * SMALL
    end.shutdown(socket.SHUT_WR)


def reach(end: socket.socket, state: TcpState) -> None:
    """Wait until the kernel says so: the state is the first byte of struct tcp_info."""
    wait_until(lambda: end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == state, what=state.name)


def shown_as(tuples: Ends) -> TcpState | None:
    """The state of what has no file descriptor any more."""
    seen = by_proc(proc_text()).get(tuples)
    return seen.state if seen else None


def readable(end: socket.socket) -> bool:
    return bool(select.select([end], [], [], 0)[0])


def ends(end: socket.socket) -> Ends:
    """As the socket itself knows them."""
    address, port = end.getsockname()[:2]
    try:
        peer, peer_port = end.getpeername()[:2]
    except OSError:  # none, or not yet
        peer, peer_port = "0.0.0.0", 0
    return name(address), port, name(peer), peer_port
