"""A decoded socket table row by row, so that two tables can be compared."""

import ipaddress
from dataclasses import dataclass

from twtop.model import Sockets


@dataclass(frozen=True, slots=True)
class Row:
    """One socket as decoded, addresses as 128-bit numbers."""

    local: int
    lport: int
    remote: int
    rport: int
    state: int
    timer: int
    timer_ms: int
    device: int
    rqueue: int
    wqueue: int
    uid: int
    inode: int


def rows(sockets: Sockets) -> list[Row]:
    """The whole table; every column has the same length."""
    address = sockets.addresses.integer
    columns = (sockets.lport, sockets.rport, sockets.state, sockets.timer, sockets.timer_ms, sockets.device)
    more = (sockets.rqueue, sockets.wqueue, sockets.uid, sockets.inode)
    values = zip(sockets.local, sockets.remote, *columns, *more, strict=True)
    return [
        Row(address(local), int(lport), address(remote), int(rport), *map(int, rest))
        for local, remote, lport, rport, *rest in values
    ]


def integer(address: str) -> int:
    """As the model keeps it: IPv4 under ::ffff:0:0."""
    ip = ipaddress.ip_address(address)
    return int(ip) | 0xFFFF << 32 if ip.version == 4 else int(ip)
