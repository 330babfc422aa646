"""What a namespace holds, as data; made with real sockets; what twtop says is left, and what the kernel then gives."""

import contextlib
import errno
import itertools
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.support.in_namespace import add_address, sysctl, wait_until
from tests.support.port_reading import Left, find, left
from tests.support.real_connections import Peer, Route, bind, family_of, listen, peers, read
from twtop.analysis.analysis import analyse
from twtop.demo.load import IP_BIND_ADDRESS_NO_PORT, client_closes

LOW = 40_000
REUSE_LATE_MS, REUSE_AT_ONCE_MS = 60_000, 1
REUSE_DELAY = Path("/proc/sys/net/ipv4/tcp_tw_reuse_delay")
"""Kernels before 6.15 cannot change it."""

IP_LOCAL_PORT_RANGE = 51
"""Since Linux 6.3 (linux/in.h)."""

How = Literal["connect", "bind"]


@dataclass(frozen=True, slots=True)
class Listening:
    """A listener on a port, counted from the low end of the range. With `late` it comes after the connections."""

    address: str
    port: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Bound:
    """A socket that is bound and does nothing more."""

    address: str
    port: int
    late: bool = False


@dataclass(frozen=True, slots=True)
class Clients:
    """Connections of one destination by the state in which their client's end stays; connect() chose their ports."""

    route: Route
    established: int = 0
    time_wait: int = 0
    closed_fin_wait2: int = 0
    close_wait: int = 0


@dataclass(frozen=True, slots=True)
class Binders:
    """Connections whose ports bind(address, 0) chose. With `wildcard`, the address is 0.0.0.0 or ::, and the route has
    to begin at the address that the kernel then takes. With `reuse_address`, the client sets SO_REUSEADDR.
    """

    route: Route
    established: int = 0
    time_wait: int = 0
    wildcard: bool = False
    reuse_address: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """Sockets that bound these ports beside what holds them on other addresses, and were closed again."""

    address: str
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Orphans:
    """Accepted connections at these ports whose listener is gone. With `closed` they are in TIME_WAIT, and their
    clients' ends no longer exist. Their clients have ports outside the range, so that they take none of it.
    """

    address: str
    ports: tuple[int, ...]
    closed: bool = False


@dataclass(frozen=True, slots=True)
class FixedPorts:
    """Connections of a client that bound these ports of the range by number."""

    route: Route
    ports: tuple[int, ...]
    time_wait: bool = False


@dataclass(frozen=True, slots=True)
class OwnRange:
    """Connections of a client with a range of its own (IP_LOCAL_PORT_RANGE): these ports, both ends included."""

    route: Route
    first: int
    last: int
    established: int


Part = Listening | Bound | Released | Clients | Binders | Orphans | FixedPorts | OwnRange


@dataclass(frozen=True, slots=True)
class Ask:
    """How many more connections of this kind can be made on this route?"""

    route: Route
    how: How = "connect"

    def __str__(self) -> str:
        return f"{self.how}() from {self.route.local} to {self.route.remote} port {self.route.port}"


@dataclass(frozen=True, slots=True)
class StaticMix:
    """`parts` are made in their order, late listeners and bound sockets last. Each question has its own namespace.

    `is_drawn` says that chance made it: what finds no port is left out.
    """

    parts: tuple[Part, ...]
    asks: tuple[Ask, ...]
    low: int = LOW
    size: int = 40
    reserved: str = ""
    tw_reuse: int = 0
    reuse_delay_ms: int = REUSE_LATE_MS
    timestamps: int = 1
    is_drawn: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """`said` is what twtop said was left; `did` counts the connections that the kernel then allowed. `is_known` says
    whether the destination had a socket.
    """

    said: Left
    did: int
    is_known: bool

    def __str__(self) -> str:
        return f"said {self.said} · kernel did {self.did}"


@dataclass(slots=True)
class Namespace:
    """What was made in the namespace of a mix."""

    mix: StaticMix
    peers: dict[Route, Peer]
    held: list[socket.socket] = field(default_factory=list)
    outside: Iterator[int] = field(default_factory=lambda: itertools.count(61_000))

    def make(self, part: Part) -> None:
        low = self.mix.low
        match part:
            case Listening(address, port):
                self.held.append(listen(address, low + port))
            case Bound(address, port):
                self.held.append(bind(address, low + port))
            case Released(address, ports):
                for port in ports:
                    bind(address, low + port).close()
            case Clients(route):
                peer = self.peers[route]
                peer.time_wait(part.time_wait)
                peer.established(part.established)
                peer.closed_fin_wait2(part.closed_fin_wait2)
                peer.close_wait(part.close_wait)
            case Binders(route):
                address = wildcard(route) if part.wildcard else route.local
                for _ in range(part.time_wait):
                    self._close(route, bind_and_connect(route, address, part.reuse_address))
                for _ in range(part.established):
                    self._keep(route, bind_and_connect(route, address, part.reuse_address))
            case Orphans():
                self._orphans(part)
            case FixedPorts(route, ports, closed):
                for port in ports:
                    client = bind(route.local, low + port)
                    client.connect((route.remote, route.port))
                    (self._close if closed else self._keep)(route, client)
            case OwnRange(route, first, last, count):
                for _ in range(count):
                    self._keep(route, connect_within(route, low + first, low + last))

    def _keep(self, route: Route, client: socket.socket) -> None:
        self.held += (client, self.peers[route].server.accept()[0])

    def _close(self, route: Route, client: socket.socket) -> None:
        client_closes((client, self.peers[route].server.accept()[0]))

    def _orphans(self, part: Orphans) -> None:
        for port in part.ports:
            with listen(part.address, self.mix.low + port) as server:
                client = bind(part.address, next(self.outside))
                client.connect(server.getsockname())
                accepted, _ = server.accept()
            if part.closed:
                accepted.close()
                client.close()
            else:
                self.held += (client, accepted)

    def answer(self, ask: Ask) -> Answer:
        found = analyse(read().reading.snapshot)
        said, known = left(found, ask.route.ends), find(found, ask.route.ends) is not None
        peer = self.peers[ask.route]
        did = peer.fill() if ask.how == "connect" else fill(lambda: bind_and_connect(ask.route), self.held)
        return Answer(said, did, known)


def open_ports(mix: StaticMix, service: Route) -> set[int]:
    """The ports of the range that a connect() on this new route can take, tried one by one. Skips before Linux 6.3."""
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_IP, IP_LOCAL_PORT_RANGE, bytes(4))
        except OSError:
            pytest.skip("a socket cannot have a range of its own here")
    found = set()
    for port in range(mix.low, mix.low + mix.size):
        with contextlib.suppress(OSError), connect_within(service, port, port) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))  # leave no TIME_WAIT
            found.add(port)
    return found


def judge(mix: StaticMix, ask: Ask) -> Answer:
    """Make the mix in this namespace, and put one question."""
    return build(mix, ask.route).answer(ask)


def build(mix: StaticMix, asked: Route) -> Namespace:
    """Make the mix in this namespace, and a service at the end of the route that is asked for.

    Late listeners and bound sockets whose ports connect() has chosen by then are left out.
    """
    routes = {part.route for part in mix.parts if isinstance(part, Clients | Binders | FixedPorts | OwnRange)}
    routes.add(asked)
    prepare(mix)
    for address in sorted({end for route in routes for end in (route.local, route.remote)} | addresses(mix)):
        if not address.startswith(("127.", "::")):
            add_address(address)
    ready = peers(*sorted(routes, key=str))
    namespace = Namespace(mix, {peer.route: peer for peer in ready})
    late = [part for part in mix.parts if isinstance(part, Listening | Bound) and part.late]
    for part in mix.parts:
        if part not in late:
            with contextlib.suppress(OSError) if mix.is_drawn else contextlib.nullcontext():
                namespace.make(part)
    for part in late:
        with contextlib.suppress(OSError):
            namespace.make(part)
    if mix.reuse_delay_ms < REUSE_LATE_MS and REUSE_DELAY.exists():
        sysctl("net.ipv4.tcp_tw_reuse_delay", mix.reuse_delay_ms)
        wait_until(lambda: youngest_ms() > mix.reuse_delay_ms, what="TIME_WAIT that are old enough")
    return namespace


def addresses(mix: StaticMix) -> set[str]:
    """The addresses of the parts without a route."""
    return {part.address for part in mix.parts if isinstance(part, Listening | Bound | Orphans)} - {"0.0.0.0"}


def prepare(mix: StaticMix) -> None:
    sysctl("net.ipv4.ip_local_port_range", f"{mix.low} {mix.low + mix.size - 1}")
    sysctl("net.ipv4.ip_local_reserved_ports", mix.reserved)
    sysctl("net.ipv4.tcp_tw_reuse", mix.tw_reuse)
    sysctl("net.ipv4.tcp_timestamps", mix.timestamps)
    if REUSE_DELAY.exists():
        sysctl("net.ipv4.tcp_tw_reuse_delay", REUSE_LATE_MS)  # on a slow machine no connection of the mix may be reused


def bind_and_connect(route: Route, address: str = "", reuse_address: bool = False) -> socket.socket:
    """A connection whose port bind() chose on this address, or on that of the route. Raises OSError."""
    client = socket.socket(family_of(route.remote))
    try:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse_address)
        client.bind((address or route.local, 0))
        client.connect((route.remote, route.port))
    except OSError:
        client.close()
        raise
    return client


def wildcard(route: Route) -> str:
    return "::" if family_of(route.remote) is socket.AF_INET6 else "0.0.0.0"


def connect_within(route: Route, first: int, last: int) -> socket.socket:
    """A connection whose port connect() chose within a range of the socket's own. Raises OSError."""
    client = socket.socket(family_of(route.remote))
    client.setsockopt(socket.SOL_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", last << 16 | first))
    client.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    client.bind((route.local, 0))
    client.connect((route.remote, route.port))
    return client


def fill(open_one: Callable[[], socket.socket], kept: list[socket.socket], retries: int = 600) -> int:
    """Open connections until that fails `retries` times in a row; how many could be opened.

    In an odd range, bind() leaves out one port at random in each try.
    """
    opened = failed = 0
    while failed < retries:
        try:
            kept.append(open_one())
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            failed += 1
        else:
            opened, failed = opened + 1, 0
    return opened


def youngest_ms() -> int:
    """The age of the youngest TIME_WAIT; that of the oldest possible one where there is none."""
    sockets = read().reading.snapshot.sockets
    return int(np.min(sockets.age_ms[sockets.is_time_wait], initial=REUSE_LATE_MS))
