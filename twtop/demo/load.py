"""Real TCP connections within this machine: opening and closing them at a rate, and statistics of connect()."""

import contextlib
import heapq
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import field

from twtop.records import dataclass

BACKLOG = 4096
LONGEST_SLEEP_S = 0.5
Address = tuple[str, int]
Connection = tuple[socket.socket, socket.socket]
"""(client's end, server's end) of an established connection."""

IP_BIND_ADDRESS_NO_PORT = 24


@dataclass(slots=True)
class ConnectStats:
    """How all connect() calls so far have ended. `failed` counts them by errno.

    `spent_s` is the seconds within all calls, successful or not. `requests` counts requests over kept connections.
    """

    done: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    spent_s: float = 0.0
    requests: int = 0

    @property
    def calls(self) -> int:
        return self.done + self.failed.total()


def listener(address: Address) -> socket.socket:
    """A listening socket on this address alone. An IPv6 one does not accept IPv4."""
    server = socket.socket(_family(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if server.family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(address)
    server.listen(BACKLOG)
    return server


def open_client(address: Address, source: str = "", bind_first: bool = False) -> socket.socket:
    """The client's end of a new connection. Raises OSError as bind() and connect() do.

    With a `source` address alone, connect() picks the port, from the budget of the destination. With `bind_first`,
    bind() picks it, from the budget that the source has for all destinations.
    """
    client = socket.socket(_family(address))
    try:
        if source:
            client.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 0 if bind_first else 1)
            client.bind((source, 0))
        client.connect(address)
    except OSError:
        client.close()
        raise
    return client


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


class Server:
    """A listener in the same process. Each call of `accept` accepts one connection."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._listener = listener(address)

    def accept(self) -> socket.socket:
        return self._listener.accept()[0]


def connect(
    server: Server, stats: ConnectStats, source: str = "", bind_first: bool = False, to: str = ""
) -> Connection:
    """Open one connection, and count its time and its error in `stats`. Raises that error (OSError).

    `to` is the address to connect to if the server listens on a wildcard. The rest is as in `open_client`.
    """
    start = time.perf_counter()
    try:
        client = open_client((to, server.address[1]) if to else server.address, source, bind_first)
    except OSError as error:
        stats.failed[error.errno or 0] += 1
        raise
    finally:
        stats.spent_s += time.perf_counter() - start
    stats.done += 1
    return client, server.accept()


def client_closes(pair: Connection) -> None:
    """Close a connection so that TIME_WAIT is at the client's end."""
    client, server = pair
    client.close()
    server.close()


def server_closes(pair: Connection) -> None:
    """Close a connection so that TIME_WAIT is at the server's end."""
    client, server = pair
    server.close()
    client.close()


@dataclass(frozen=True, slots=True)
class Stream:
    """A `step` to do `rate` times per second. An OSError of it ends nothing; whoever raises it counts it."""

    rate: float
    step: Callable[[], object]


def run(streams: list[Stream], seconds: float, steps: int) -> Iterator[None]:
    """Do each stream's step at its rate, for so many seconds or so many steps in all.

    Yields after each step, and each LONGEST_SLEEP_S while there is none to do. A stream that falls behind catches up by
    a tenth of a second at most, so that a stall is not followed by a burst.
    """
    end = time.monotonic() + seconds
    due = [(time.monotonic(), number) for number in range(len(streams))]
    for _ in range(steps):
        moment, number = due[0]
        now = time.monotonic()
        if max(moment, now) >= end:
            return
        while (wait := moment - time.monotonic()) > 0:
            time.sleep(min(wait, LONGEST_SLEEP_S))
            if wait > LONGEST_SLEEP_S:
                yield
        stream = streams[number]
        heapq.heapreplace(due, (max(moment, now - 0.1) + 1 / stream.rate, number))
        with contextlib.suppress(OSError):
            stream.step()
        yield
