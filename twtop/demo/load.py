"""Real TCP connections within this machine: how they are opened and closed, at which rate, and what connect() met."""

import contextlib
import heapq
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

BACKLOG = 4096
Address = tuple[str, int]
Connection = tuple[socket.socket, socket.socket]
"""(client's end, server's end) of an established connection."""

IP_BIND_ADDRESS_NO_PORT = 24


@dataclass(slots=True)
class ConnectStats:
    """What connect() met so far; `spent_s` is the time within successful and failed calls together.

    `requests` are those over connections that were kept.
    """

    done: int = 0
    failed: Counter[int] = field(default_factory=Counter)
    spent_s: float = 0.0
    requests: int = 0

    @property
    def calls(self) -> int:
        return self.done + self.failed.total()


def listener(address: Address) -> socket.socket:
    """A listening socket on this address alone; IPv6 does not take IPv4 as well."""
    server = socket.socket(_family(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if server.family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind(address)
    server.listen(BACKLOG)
    return server


def open_client(address: Address, source: str = "", bind_first: bool = False) -> socket.socket:
    """The client's end of a new connection; raises OSError as bind() and connect() do.

    A `source` address alone leaves the port to connect(), one of the destination's budget; `bind_first` takes it at
    bind(), one of the budget that the source has for all destinations.
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
    """A listener in the same process, which accepts each connection when told to."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._listener = listener(address)

    def accept(self) -> socket.socket:
        return self._listener.accept()[0]


def connect(
    server: Server, stats: ConnectStats, source: str = "", bind_first: bool = False, to: str = ""
) -> Connection:
    """One connection, its time and its error noted in `stats`; raises the error.

    `to` is any address of a wildcard server; the rest is open_client's.
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
    """TIME_WAIT at the client's end."""
    client, server = pair
    client.close()
    server.close()


def server_closes(pair: Connection) -> None:
    """TIME_WAIT at the server's end."""
    client, server = pair
    server.close()
    client.close()


@dataclass(frozen=True, slots=True)
class Stream:
    """Something done `rate` times per second; an OSError of it is part of the game and counted where it happens."""

    rate: float
    step: Callable[[], object]


def run(streams: list[Stream], seconds: float, steps: int) -> Iterator[None]:
    """Do every stream's step in its rhythm until the time or the number of steps is over; yields after each.

    A stream that falls behind does not catch up by more than a tenth of a second, so that a stall makes no burst.
    """
    end = time.monotonic() + seconds
    due = [(time.monotonic(), number) for number in range(len(streams))]
    for _ in range(steps):
        moment, number = due[0]
        now = time.monotonic()
        if max(moment, now) >= end:
            return
        if moment > now:
            time.sleep(moment - now)
        stream = streams[number]
        heapq.heapreplace(due, (max(moment, now - 0.1) + 1 / stream.rate, number))
        with contextlib.suppress(OSError):
            stream.step()
        yield
