"""Columns as a source gives them → Sockets: addresses become indexes, and a socket that was seen twice is kept once."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Column, address_names, distinct, factorize, fused, index_of
from twtop.model import MAPPED, Addresses, Codes, Mask, Sockets, Timestamps

Words = NDArray[np.uint32]
"""32 bits of an address each, most significant word first."""


def socket_table(local: Words, remote: Words, ipv6: Mask, **columns: NDArray[Any]) -> Sockets:
    """The table of these sockets. `columns` are the other columns of Sockets; `pid` and `timestamps` are all 0 where
    they are not given.

    `local` and `remote` have the shape (rows, 4). Where a socket is not `ipv6`, the first word is its IPv4 address.
    """
    columns.setdefault("pid", np.broadcast_to(np.uint32(0), len(ipv6)))  # takes no memory
    columns.setdefault("timestamps", np.broadcast_to(np.uint8(Timestamps.UNKNOWN), len(ipv6)))
    sides = [_address_halves(words, ipv6) for words in (local, remote)]
    hi, lo = (np.concatenate(halves) for halves in zip(*sides, strict=True))
    codes, addresses = _intern(hi, lo, bool(ipv6.any()))
    return _without_repeats(Sockets(addresses, local=codes[: len(local)], remote=codes[len(local) :], **columns))


def joined(first: Sockets, second: Sockets) -> Sockets:
    """The rows of one table and then those of another."""
    mine, theirs = address_names(first.addresses), address_names(second.addresses)
    order = np.argsort(mine)
    found = index_of(theirs, mine[order])
    new = np.flatnonzero(found < 0)
    number = np.empty(len(theirs), np.int32)
    number[found >= 0] = order[found[found >= 0]]
    number[new] = len(mine) + np.arange(len(new))
    sides = ("hi", "lo")
    addresses = Addresses(
        *(np.append(getattr(first.addresses, side), getattr(second.addresses, side)[new]) for side in sides)
    )
    moved = replace(second, addresses=addresses, local=number[second.local], remote=number[second.remote])
    columns = [f.name for f in fields(Sockets) if f.init and f.name != "addresses"]
    return Sockets(addresses, *(np.append(getattr(first, name), getattr(moved, name)) for name in columns))


def _address_halves(words: Words, ipv6: Mask) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """(high, low) 64 bits of these addresses; IPv4 becomes ::ffff:a.b.c.d."""
    hi = np.zeros(len(words), np.uint64)
    lo = words[:, 0].astype(np.uint64)
    lo |= np.uint64(MAPPED)
    if ipv6.any():
        first, second, third, fourth = (words[ipv6, k].astype(np.uint64) for k in range(4))
        hi[ipv6] = first << np.uint64(32) | second
        lo[ipv6] = third << np.uint64(32) | fourth
    return hi, lo


def _intern(hi: NDArray[np.uint64], lo: NDArray[np.uint64], ipv6: bool) -> tuple[Codes, Addresses]:
    """(index of each address, the distinct addresses). Without IPv6 all high halves are equal."""
    codes, rows = factorize(lo)
    if ipv6:
        upper, _ = factorize(hi)
        codes, rows = factorize(fused((upper, 32), (codes, 32)))
    return codes, Addresses(hi[rows], lo[rows])


def _without_repeats(sockets: Sockets) -> Sockets:
    """The table with each connection once. The kernel's walk may see a socket twice that changes meanwhile.

    Listeners and bound sockets are all kept, since several may share a port (SO_REUSEPORT).
    """
    bits = sockets.addresses.bits
    columns: list[Column] = [(sockets.local, bits), (sockets.remote, bits)]
    columns += [(sockets.lport, 16), (sockets.rport, 16)]
    if sockets.device.any():
        columns.insert(0, (sockets.device, 32))
    keys = fused(*columns)
    if len(distinct(keys)) == len(keys):
        return sockets
    _, rows = factorize(keys)
    keep = ~sockets.is_connection
    keep[rows] = True
    return sockets.take(keep)
