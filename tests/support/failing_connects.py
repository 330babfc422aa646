"""Addresses to which connect() finds no port any more, real calls that fail there, and what is counted of them."""

import errno
import ipaddress
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.in_namespace import sysctl, wait_until
from tests.support.real_connections import family_of
from twtop.demo.load import listener, open_client
from twtop.failed_connects import FailedConnects
from twtop.sources.decode_failed_connects import decode_failed_connects
from twtop.sources.failed_connects import Subscription
from twtop.sources.probe import Request

PORT = 300
SENTINEL = "127.9.9.9"
WANTED = Request(failed_connects=True)
COUNTERS_WANTED = Request(states=0, failed_connects=True)
ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.1.0.1", "::1", "::ffff:127.0.0.3")
OLD_DEFAULT = 2 * 212_992
"""The receive buffer that an ordinary user gets where net.core.rmem_max is that of Linux 6.17 and before."""


def text_of(hi: int, lo: int) -> str:
    """The address as twtop keeps it: IPv4 for a mapped one."""
    address = ipaddress.IPv6Address(int(hi) << 64 | int(lo))
    return str(address.ipv4_mapped or address)


def by_address(counted: FailedConnects) -> Counter[str]:
    """Address → how many failed."""
    found: Counter[str] = Counter()
    for hi, lo, count in zip(counted.hi.tolist(), counted.lo.tolist(), counted.count.tolist(), strict=True):
        found[text_of(hi, lo)] += count
    return found


@dataclass
class Counted:
    """What a subscription has counted so far."""

    subscription: Subscription
    found: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    at_least: bool = False

    def go_on(self) -> Counter[str]:
        counted = decode_failed_connects(self.subscription.take())
        assert counted
        assert (counted.tenth <= counted.until * 10).all()
        self.found += by_address(counted)
        self.lost += counted.lost
        self.at_least |= counted.at_least
        return self.found

    def reach(self, total: int) -> Counter[str]:
        """Wait until so many are counted: messages come a moment after their sockets end."""
        wait_until(lambda: self.go_on().total() + self.lost >= total, what=f"{total} failures")
        return self.found


@dataclass
class Full:
    """A listener at `address` to which each ephemeral port is taken. `met` counts the errors of `fail`.

    No connect() fails before that: the message of a socket may come to who joins the groups a moment later.
    """

    address: str
    met: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.end = self.address.removeprefix("::ffff:")
        self.held = [listener((self.end, PORT))]
        low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
        self.held += [open_client((self.end, PORT)) for _ in range(int(low), int(high) + 1)]

    def fail(self, times: int = 1, source: str = "") -> None:
        """connect() from new sockets, which are closed at once."""
        for _ in range(times):
            try:
                open_client((self.address, PORT), source).close()
                self.met["none"] += 1
            except OSError as error:
                self.met[errno.errorcode[error.errno or 0]] += 1


def settle(counted: Counted, sentinel: Full) -> Counter[str]:
    """What was counted of all that happened before, without the failure that marks its end."""
    sentinel.fail()
    wait_until(lambda: counted.go_on()[sentinel.end], what="the last failure")
    assert counted.found.pop(sentinel.end) == 1
    return counted.found


def plain(address: str) -> socket.socket:
    """A new socket of the address's family."""
    return socket.socket(family_of(address))


def netlinks() -> int:
    """How many sockets of sock_diag this namespace has in the groups of freed sockets."""
    rows = [line.split() for line in Path("/proc/thread-self/net/netlink").read_text().splitlines()[1:]]
    return sum(row[1] == "4" and int(row[3], 16) != 0 for row in rows)


@contextmanager
def subscription(**options: int) -> Iterator[tuple[Subscription, Counted]]:
    made = Subscription(**options)
    try:
        yield made, Counted(made)
    finally:
        made.leave()


def few_ports(count: int = 4) -> None:
    sysctl("net.ipv4.ip_local_port_range", f"40000 {40000 + count - 1}")
