"""Columns as a source gives them → Sockets: addresses become indexes, and a socket that was seen twice is kept once."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Column, factorize, fused, has_repeats
from twtop.model import MAPPED, PORTS, Addresses, Codes, Mask, Rows, Sockets, Timestamps

UNKNOWN: dict[str, NDArray[Any]] = {
    "pid": np.array([0], np.uint32),
    "timestamps": np.array([Timestamps.UNKNOWN], np.uint8),
    "identity": np.array([0], np.uint64),
    "origin": np.array([-1], np.intp),
}

Words = NDArray[np.uint32]
"""32 bits of an address each, most significant word first."""


def socket_table(local: Words, remote: Words, ipv6: Mask, **columns: NDArray[Any]) -> Sockets:
    """The table of these sockets. `columns` are the other columns of Sockets; `pid`, `timestamps` and `identity` are
    all 0 where they are not given, and `origin` is −1.

    `local` and `remote` have the shape (rows, 4). Where a socket is not `ipv6`, the first word is its IPv4 address.
    """
    for name, value in UNKNOWN.items():
        columns.setdefault(name, np.broadcast_to(value, len(ipv6)))  # takes no memory
    hi, lo = _address_halves((local, remote), ipv6)
    codes, addresses = _intern(hi, lo, bool(ipv6.any()))
    return Sockets(addresses, local=codes[: len(local)], remote=codes[len(local) :], **columns)


def joined(first: Sockets, second: Sockets) -> Sockets:
    """The rows of one table and then those of another."""
    addresses, number = merged(first.addresses, second.addresses)
    moved = replace(second, addresses=addresses, local=number[second.local], remote=number[second.remote])
    columns = [f.name for f in fields(Sockets) if f.init and f.name != "addresses"]
    return Sockets(addresses, *(np.append(getattr(first, name), getattr(moved, name)) for name in columns))


def merged(first: Addresses, second: Addresses) -> tuple[Addresses, Codes]:
    """(the addresses of both, those of the first as they are; the index of each of the second's in them)."""
    hi, lo = np.append(first.hi, second.hi), np.append(first.lo, second.lo)
    codes, every = _intern(hi, lo, ipv6=bool(hi.any()))
    place = np.full(len(every), -1, np.int32)
    place[codes[: len(first)]] = np.arange(len(first))
    new = np.flatnonzero(place < 0)
    if not len(new):
        return first, place[codes[len(first) :]]
    place[new] = len(first) + np.arange(len(new))
    addresses = Addresses(np.append(first.hi, every.hi[new]), np.append(first.lo, every.lo[new]))
    return addresses, place[codes[len(first) :]]


def _address_halves(sides: tuple[Words, Words], ipv6: Mask) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(high, low) 64 bits of these addresses, all of one side and then of the other; IPv4 becomes ::ffff:a.b.c.d."""
    lo = np.concatenate([words[:, 0] for words in sides], dtype=np.uint64)
    lo |= np.uint64(MAPPED)
    if not ipv6.any():
        return np.broadcast_to(np.uint64(0), lo.shape), lo  # takes no memory
    hi, some = np.zeros(len(lo), np.uint64), np.append(ipv6, ipv6)
    first, second, third, fourth = (
        np.concatenate([words[ipv6, k] for words in sides], dtype=np.uint64) for k in range(4)
    )
    hi[some] = first << np.uint64(32) | second
    lo[some] = third << np.uint64(32) | fourth
    return hi, lo


def _intern(hi: NDArray[np.uint64], lo: NDArray[np.uint64], ipv6: bool) -> tuple[Codes, Addresses]:
    """(index of each address, the distinct addresses). Without IPv6 all high halves are equal."""
    codes, rows = factorize(lo)
    if ipv6:
        upper, _ = factorize(hi)
        codes, rows = factorize(fused((upper, 32), (codes, 32)))
    return codes.astype(np.int32), Addresses(hi[rows], lo[rows])


def without_repeats(sockets: Sockets, new: Rows | None = None) -> Sockets:
    """The table with each connection once. The kernel's walk may see a socket twice that changes meanwhile.

    Listeners and bound sockets are all kept, since several may share a port (SO_REUSEPORT). Of each repeated pair one
    is `new`, rows that were not in a table before which had each once; None for all.
    """
    rows: Rows | slice = slice(None)
    if new is not None:
        ports = np.zeros(PORTS, np.bool_)
        ports[sockets.lport[new]] = True
        rows = np.flatnonzero(ports.take(sockets.lport))
    if not has_repeats(_ends(sockets, rows)):
        return sockets
    _, examples = factorize(_ends(sockets, slice(None)))
    keep = ~sockets.is_connection
    keep[examples] = True
    return sockets.take(keep)


def _ends(sockets: Sockets, rows: Rows | slice) -> NDArray[np.uint64]:
    """A key for the ends and the device of each of these sockets."""
    bits = sockets.addresses.bits
    columns: list[Column] = [(sockets.local[rows], bits), (sockets.remote[rows], bits)]
    columns += [(sockets.lport[rows], 16), (sockets.rport[rows], 16)]
    if (device := sockets.device[rows]).any():
        columns.insert(0, (device, 32))
    return fused(*columns)
