"""Counts the connect() calls that find no free port. No counter of the kernel does, and it takes no privilege.

Freed sockets tell of them (freed_sockets). A message stands for one socket, and comes when the socket is closed: a
retry on the same socket does not count again, and a retry that gets a port undoes it.

tcp_v6_connect() sets the remote address even before it looks for a route, so that a connect() of an IPv6 socket, also
to a mapped IPv4 address, looks the same where there is no route. Each such address is therefore tried with connect() of
a UDP socket, which sends nothing: without a route it does not count. What remains wrong: a socket with IPV6_V6ONLY that
connects to a mapped address counts, and one that only its mark or device leads to an IPv6 address does not.

A message takes 1,280 B of the receive buffer, and SO_RCVBUF grants an ordinary user twice net.core.rmem_max: 6,553
messages where that is 4 MiB, 332 where it is 208 KiB. So as many sockets share the messages as it takes to hold a
second of 20,000; that costs the kernel 0.1 µs more for each socket and message. A thread empties them ten times a
second while there are failures, and sleeps else. A second in which the interpreter lets no thread run loses nothing.
"""

import contextlib
import errno
import os
import select
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import field, replace

import numpy as np

from twtop.records import dataclass
from twtop.sources.decode_failed_connects import ROW
from twtop.sources.freed_sockets import AF_INET6, KEY, MESSAGE_COST, Batch, capacity, count_failures, open_sockets
from twtop.sources.probe import FailureTable, Request, Sample
from twtop.sources.source import Source

SO_MEMINFO, SK_MEMINFO_DROPS = 55, struct.Struct("=32xI")
"""asm-generic/socket.h and linux/sock_diag.h, since Linux 4.12: how many messages found no room."""

FASTEST_PER_S = 20_000
BUFFER = FASTEST_PER_S * MESSAGE_COST
"""Bytes that hold the failures of one second; more is not asked for."""

MOST_SOCKETS = 64
MOST_NAP_S = 0.1
TENTHS_KEPT = 600
MOST_ROWS = 1 << 16
"""How many rows wait to be taken. Failures to further addresses are counted without the address."""

NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EACCES, errno.EINVAL}
"""What connect() says without a route, or without an address of this host to go there from."""


@dataclass(slots=True)
class Tally:
    """What was counted and not yet taken: by tenth of a second for a minute, in sum for what is older."""

    recent: dict[int, Counter[bytes]] = field(default_factory=dict)
    older: Counter[bytes] = field(default_factory=Counter)
    oldest: int = 0
    unnamed: int = 0
    rows: int = 0

    def add(self, tenth: int, found: Counter[bytes]) -> None:
        """Count what was found in this tenth of a second, by the bytes of KEY."""
        here = self.recent.setdefault(tenth, Counter())
        for key, count in found.items():
            if key not in here:
                if self.rows >= MOST_ROWS:
                    self.unnamed += count
                    continue
                self.rows += 1
            here[key] += count
        while len(self.recent) > TENTHS_KEPT:
            self.oldest = next(iter(self.recent))
            self.older.update(self.recent.pop(self.oldest))
            self.rows = len(self.older) + sum(map(len, self.recent.values()))

    @property
    def keys(self) -> set[bytes]:
        return set(self.older).union(*self.recent.values())

    def table(self, without: set[bytes]) -> bytes:
        """All but these keys as rows of ROW, oldest first."""
        found = [
            (tenth, count, key)
            for tenth, counts in [(self.oldest, self.older), *self.recent.items()]
            for key, count in counts.items()
            if key not in without
        ]
        rows, keys = np.zeros(len(found), ROW), np.frombuffer(b"".join(key for *_, key in found), KEY)
        rows["tenth"], rows["count"] = [tenth for tenth, *_ in found], [count for _, count, _ in found]
        rows["device"], rows["address"] = keys["device"], np.ascontiguousarray(keys["address"]).view(">u8")
        return rows.tobytes()


class Subscription:
    """Sockets that get the messages, and the thread that empties them. They belong to the network namespace of the
    thread that makes this object."""

    def __init__(self, buffer: int = BUFFER) -> None:
        """Count from now on, with receive buffers of this many bytes at most.

        Raises OSError where the system offers no such messages.
        """
        self._batch, self._lock = Batch(), threading.Lock()
        self._tally, self._overflowed, self._closed = Tally(), False, False
        self.since = time.monotonic()
        self.sockets = open_sockets(buffer, FASTEST_PER_S, MOST_SOCKETS)
        self.holds = capacity(self.sockets)
        self._drops = self._dropped()
        self._stop, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._work, name="failed-connects", daemon=True)
        self._thread.start()

    def take(self) -> FailureTable:
        """What failed since the last call. To be called in the thread that made this object."""
        with self._lock:
            self._drain()
            tally, self._tally = self._tally, Tally()
            overflowed, self._overflowed = self._overflowed, False
            drops, until = self._dropped(), time.monotonic()
            lost, self._drops = drops - self._drops + tally.unnamed, drops
        routeless = {key for key in tally.keys if key[0] == AF_INET6 and not has_route(key)}
        return FailureTable(self.since, until, tally.table(without=routeless), lost, overflowed or lost > 0)

    @property
    def is_counting(self) -> bool:
        """Whether the thread runs. It does not in a forked child, which shares the sockets."""
        return self._thread.is_alive()

    def ask_to_leave(self) -> None:
        """Let the thread close the sockets and end. To be called once."""
        if self.is_counting:
            with self._lock:
                if not self._closed:  # else another file may have the number of the pipe
                    os.write(self._stopper, b"!")

    def leave(self) -> None:
        """Close the sockets; return when they are closed. To be called once, instead of `ask_to_leave`."""
        self.ask_to_leave()
        self._thread.join()

    def _work(self) -> None:
        nap_ms = max(1.0, 1000 * min(MOST_NAP_S, self.holds / FASTEST_PER_S / 3))
        failure, stop = select.poll(), select.poll()
        for each in self.sockets:
            failure.register(each, select.POLLIN)
        for poll in (failure, stop):
            poll.register(self._stop, select.POLLIN)
        try:
            failure.poll()
            while not stop.poll(nap_ms):  # there will be more, to be read at once
                with self._lock:
                    self._drain()
                failure.poll()
        finally:
            with self._lock:
                self._closed = True
                for each in self.sockets:
                    each.close()
                os.close(self._stop)
                os.close(self._stopper)

    def _drain(self) -> None:
        """Count all that waits. Whoever calls it holds the lock."""
        for each in self.sockets:
            full = True
            while full:
                try:
                    heads = self._batch.receive(each)
                except BlockingIOError:
                    break
                except OSError as error:
                    self._overflowed = True
                    full = error.errno == errno.ENOBUFS  # said once, before what did find room
                    continue
                self._tally.add(int(time.monotonic() * 10), count_failures(heads))
                full = len(heads) == len(self._batch)

    def _dropped(self) -> int:
        """How many messages found no room, ever; 0 where the kernel does not say."""
        total = 0
        for each in self.sockets:
            with contextlib.suppress(OSError, struct.error):
                found = each.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, SK_MEMINFO_DROPS.size)
                total += SK_MEMINFO_DROPS.unpack(found)[0]
        return total


def has_route(key: bytes) -> bool:
    """Whether connect() of an IPv6 socket gets as far as to look for a port. `key` are the bytes of a KEY.

    It is asked of a UDP socket, whose connect() sends nothing.
    """
    (each,) = np.frombuffer(key, KEY)
    address = socket.inet_ntop(socket.AF_INET6, each["address"].tobytes())
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9, 0, int(each["device"])))
    except OSError as error:
        return error.errno not in NO_ROUTE
    return True


class CountsFailedConnects:
    """Another source, whose Samples tell of failed connects too while that is asked for.

    Where it is not asked for, no socket is open and nothing is counted.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self.subscription: Subscription | None = None

    def read(self, request: Request) -> Sample:
        """As `source` reads. `failures` is None where nobody asks for them, or where the kernel does not tell them."""
        if request.failed_connects is None:
            return self._source.read(request)
        if request.failed_connects and self.subscription is None and hasattr(socket, "AF_NETLINK"):
            with contextlib.suppress(OSError):
                self.subscription = Subscription()
        sample = self._source.read(request)
        if self.subscription is None or not self.subscription.is_counting:
            self.subscription = None
            return sample
        sample = replace(sample, failures=self.subscription.take())
        if not request.failed_connects:
            self.subscription.leave()
            self.subscription = None
        return sample

    def __del__(self) -> None:
        if self.subscription is not None:
            self.subscription.ask_to_leave()
