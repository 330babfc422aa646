"""Columns as a source gives them → Sockets: addresses become indexes, a socket that was met twice is kept once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Column, distinct, factorize, fused
from twtop.model import MAPPED, Addresses, Codes, Mask, Sockets

Words = NDArray[np.uint32]


def socket_table(local: Words, remote: Words, ipv6: Mask, **columns: NDArray[Any]) -> Sockets:
    """Addresses are four words each (rows, 4), most significant first; where not `ipv6`, the first is the IPv4 address.

    `columns` are the other columns of Sockets.
    """
    sides = [_address_halves(words, ipv6) for words in (local, remote)]
    hi, lo = (np.concatenate(halves) for halves in zip(*sides, strict=True))
    codes, addresses = _intern(hi, lo, bool(ipv6.any()))
    return _without_repeats(Sockets(addresses, local=codes[: len(local)], remote=codes[len(local) :], **columns))


def _address_halves(words: Words, ipv6: Mask) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two 64-bit halves of addresses of four words each (rows, 4); IPv4 becomes ::ffff:a.b.c.d."""
    hi = np.zeros(len(words), np.uint64)
    lo = words[:, 0].astype(np.uint64)
    lo |= np.uint64(MAPPED)
    if ipv6.any():
        first, second, third, fourth = (words[ipv6, k].astype(np.uint64) for k in range(4))
        hi[ipv6] = first << np.uint64(32) | second
        lo[ipv6] = third << np.uint64(32) | fourth
    return hi, lo


def _intern(hi: NDArray[np.uint64], lo: NDArray[np.uint64], ipv6: bool) -> tuple[Codes, Addresses]:
    codes, rows = factorize(lo)
    if ipv6:
        upper, _ = factorize(hi)
        codes, rows = factorize(fused((upper, 32), (codes, 32)))
    return codes, Addresses(hi[rows], lo[rows])


def _without_repeats(sockets: Sockets) -> Sockets:
    """A socket that changes while the kernel walks may be met twice. Listeners may share a tuple (SO_REUSEPORT)."""
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
