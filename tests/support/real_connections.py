"""Real connections between addresses of one namespace, made as a client makes them, and twtop's reading of them."""

import errno
import socket
from dataclasses import dataclass, field

import numpy as np

from tests.support.in_namespace import wait_until
from tests.support.port_reading import Ends, PortReading, analyse
from twtop.demo.load import client_closes, listener, open_client
from twtop.dump.reading import NOTHING, Known
from twtop.model import Snapshot, TcpState
from twtop.sources.decode import decode
from twtop.sources.probe import ALL_SOCKETS, Request, read_sample


def family_of(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@dataclass(frozen=True, slots=True)
class Route:
    """From one address to a port of another. A mapped IPv6 address stands for AF_INET6 sockets that use IPv4."""

    local: str
    remote: str
    port: int = 300

    @property
    def ends(self) -> Ends:
        """The ends as twtop shows them."""
        return self.local.removeprefix("::ffff:"), self.remote.removeprefix("::ffff:"), self.port

    def connect(self) -> socket.socket:
        """A connect() from the local address that chooses the port itself. Raises OSError."""
        return open_client((self.remote, self.port), self.local)


def listen(address: str, port: int) -> socket.socket:
    """A listener on this address alone."""
    return listener((address, port))


def bind(address: str, port: int) -> socket.socket:
    """A socket that is bound to a port and does nothing more."""
    bound = socket.socket(family_of(address))
    bound.bind((address, port))
    return bound


@dataclass(slots=True)
class Peer:
    """The service at the end of a route, and the connections to it."""

    route: Route
    server: socket.socket
    clients: list[socket.socket] = field(default_factory=list)
    accepted: list[socket.socket] = field(default_factory=list)

    def established(self, count: int) -> None:
        for _ in range(count):
            self.clients.append(self.route.connect())
            self.accepted.append(self.server.accept()[0])

    def time_wait(self, count: int) -> None:
        """The client closes first, so that the client's end is in TIME_WAIT and holds the port."""
        for _ in range(count):
            client_closes((self.route.connect(), self.server.accept()[0]))

    def close_all(self) -> None:
        """Close the established connections; the clients close first."""
        for pair in zip(self.clients, self.accepted, strict=True):
            client_closes(pair)
        self.clients.clear()
        self.accepted.clear()

    def closed_fin_wait2(self, count: int) -> None:
        """The client has closed, the service has not: a timewait object, but no TIME_WAIT."""
        for _ in range(count):
            self.route.connect().close()
            self.accepted.append(self.server.accept()[0])

    def close_wait(self, count: int) -> None:
        """The service has closed, the client has not."""
        for _ in range(count):
            self.clients.append(self.route.connect())
            self.server.accept()[0].close()

    def fill(self, retries: int = 20) -> int:
        """Call connect() until it fails `retries` times in a row; how many calls succeeded."""
        before, failed = len(self.clients), 0
        while failed < retries:
            failed = 0 if self.fill_one() else failed + 1
        return len(self.clients) - before

    def fill_one(self) -> bool:
        """Whether one connect() succeeds."""
        try:
            self.clients.append(self.route.connect())
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
        return True

    def ports(self) -> set[int]:
        """Local ports of the clients that are still open."""
        return {client.getsockname()[1] for client in self.clients}


def peers(*routes: Route) -> list[Peer]:
    """A peer for each route. Routes to the same service share its listener."""
    servers = {end: listen(*end) for end in {route.ends[1:] for route in routes}}
    return [Peer(route, servers[route.ends[1:]]) for route in routes]


def read(known: Known = NOTHING) -> PortReading:
    """Read the kernel as soon as no connection is about to change its state; `known` is what readings before told."""
    return analyse(wait_until(settled, what="connections that are not about to change"), known=known)


def settled(request: Request = ALL_SOCKETS) -> Snapshot | None:
    """The sockets; None while a connection is about to change its state."""
    snapshot = decode(read_sample(request=request))
    moving = np.isin(snapshot.sockets.state, (TcpState.FIN_WAIT1, TcpState.CLOSING, TcpState.LAST_ACK))
    return None if moving.any() else snapshot
