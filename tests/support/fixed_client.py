"""A client made of lines of code and the service that it calls, also after the lines of a fix have been pasted.

The lines are run as they stand: a sysctl is set in this namespace, code is executed for each connection.
"""

import errno
import itertools
import re
import resource
import shlex
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.support.in_namespace import add_address, sysctl
from twtop.demo.load import Connection, Server
from twtop.explain.fix import Fix
from twtop.explain.port_fixes import CONNECT_CHOOSES

LOCAL, REMOTE, PORT = "10.9.0.1", "10.9.0.9", 443
NO_PORT = {errno.EADDRNOTAVAIL, errno.EADDRINUSE}
"""The errnos with which connect(), and bind() before it, fail for want of a port."""


@dataclass(frozen=True, slots=True)
class Client:
    """The lines that a client runs for each connection.

    `before` and `bind` come before `connect`, which may choose a service by `n`, the number of the connection. ADDRESS
    is one of `sources` in turn. `end` closes; if it first reads to the end, the service closes first. A connection
    serves so many `requests`.
    """

    before: str = CONNECT_CHOOSES
    bind: str = 'sock.bind(("ADDRESS", 0))'
    connect: str = f'sock.connect(("{REMOTE}", {PORT}))'
    end: tuple[str, ...] = ("sock.close()",)
    services: tuple[int, ...] = (PORT,)
    sources: tuple[str, ...] = (LOCAL,)
    requests: int = 1

    @property
    def budgets(self) -> int:
        """How many pairs of a source and a service it uses."""
        return len(self.services) * len(self.sources)

    def after(self, fix: Fix, capacity: int) -> "Client":
        """The client with the lines of this fix in place of its own. What is no code is done at once.

        `capacity` is that of one budget, from which follows how many addresses the fix asks for.
        """
        assert fix.promise
        changed = replace(self, requests=100) if fix.what == "Keep connections alive" else self
        for line in fix.lines:
            if line.startswith("sysctl -w "):
                name, _, value = shlex.split(line)[2].partition("=")
                sysctl(name, value)
            elif line.startswith("ip addr add ADDRESS"):
                more = [f"10.9.1.{number}" for number in range(1, round(fix.promise.room / capacity))]
                for address in more:
                    add_address(address)
                changed = replace(changed, sources=(*self.sources, *more))
            elif line.startswith("listen "):
                first, *last = map(int, re.findall(r"\d+", line))
                changed = replace(changed, services=(*self.services, *range(first, max(last, default=first) + 1)))
            elif line.startswith("sock.setsockopt("):
                changed = replace(changed, before=line)
            elif line.startswith("sock.bind("):
                changed = replace(changed, bind=line)
            elif line.startswith("sock.connect("):
                changed = replace(changed, connect=line)
        if fix.lines[-1] == "sock.close()":
            changed = replace(changed, end=fix.lines)
        return changed


class Application:
    """Runs a client and its services in this namespace, and counts how its connections end."""

    def __init__(self, client: Client) -> None:
        self.done = self.failed = 0
        self._servers: dict[int, Server] = {}
        self._numbers = itertools.count()
        self._kept: Connection | None = None
        self._served = 0
        self.become(client)

    def become(self, client: Client) -> None:
        """Run this client from now on."""
        self.client = client
        for port in client.services:
            if port not in self._servers:
                self._servers[port] = Server((REMOTE, port))

    def open(self) -> Connection | None:
        """One more connection; None where there is no port for it."""
        client, number = self.client, next(self._numbers)
        sock = socket.socket()
        source = client.sources[number // len(client.services) % len(client.sources)]
        try:
            for line in (client.before, client.bind.replace("ADDRESS", source), client.connect):
                exec(line, {"socket": socket, "sock": sock, "n": number})  # as it was pasted
        except OSError as error:
            sock.close()
            if error.errno not in NO_PORT:
                raise
            self.failed += 1
            return None
        self.done += 1
        return sock, self._servers[sock.getpeername()[1]].accept()

    def fill(self) -> list[Connection]:
        """Open connections until each budget has failed several times; those that were opened."""
        opened: list[Connection] = []
        failed = 0
        while failed < 4 * self.client.budgets + 20:
            connection = self.open()
            failed = 0 if connection else failed + 1
            opened += [connection] if connection else []
        return opened

    def request(self) -> None:
        """Serve one request, over a kept connection if there is one."""
        kept = self._kept or self.open()
        self._kept = None
        if kept is None:
            return
        self._served += 1
        if self._served % self.client.requests == 0:
            self.close(kept)
        else:
            self._kept = kept

    def close(self, connection: Connection) -> None:
        """Close it as the client's lines do."""
        sock, accepted = connection
        if len(self.client.end) > 1:
            accepted.close()
        exec("\n".join(self.client.end), {"sock": sock})
        accepted.close()

    def run(self, per_s: float, seconds: float) -> Iterator[None]:
        """Make requests at this rate, evenly. What is late is made up for. Yields after each."""
        start = time.monotonic()
        for number in range(round(per_s * seconds)):
            time.sleep(max(0.0, start + number / per_s - time.monotonic()))
            self.request()
            yield


def prepare(ports: tuple[int, int], **sysctls: object) -> None:
    """Give this namespace its addresses, a small range and no reuse, and this process room for many sockets.

    `sysctls` are those of net.ipv4.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for address in (LOCAL, REMOTE):
        add_address(address)
    for name, value in ({"ip_local_port_range": f"{ports[0]} {ports[1]}", "tcp_tw_reuse": 0} | sysctls).items():
        sysctl(f"net.ipv4.{name}", value)
