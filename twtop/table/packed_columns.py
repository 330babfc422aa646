"""Columns of whole numbers ↔ few bytes, which may come from a stranger.

Columns have no lengths of their own: both ends know them. All numbers are of 64 bits; −1 is 2⁶⁴ − 1.

    kinds    a byte for each column: how many bytes each of its numbers takes, 0 to 8, plus ASCENDING or DIFFERENCES or
             neither. Without bytes all are 0.
    stream   zlib (RFC 1950) of all columns, one after the other: the lowest byte of each number, then the next byte of
             each, and so on, as many as its kind says

Plain columns have the numbers themselves. The others have of each the difference from the one ahead, 0 ahead of the
first, modulo 2⁶⁴: ASCENDING as it is, DIFFERENCES in zigzag, which is 2d, or −2d − 1 for a difference d below 0.
Whoever writes chooses for each column what takes fewer bytes.

Bytes of one place have much in common, and of two places little. So this writer ends a block of deflate behind each,
which makes a code of its own for the next (RFC 1951, 3.2.3). No reader has to know that.
"""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Keys

ASCENDING, DIFFERENCES = 0x10, 0x20
KINDS = frozenset(how + width for how in (0, ASCENDING, DIFFERENCES) for width in range(9))
WIDTH = 0x0F
LEVEL = 6
BYTES = 8
ONE, SIGN = np.uint64(1), np.int64(63)


class Damaged(Exception):
    """These bytes make no sense. The text is one line for the user."""

    def __init__(self, why: str) -> None:
        super().__init__(f"socket table is damaged: {why}")


def pack(columns: Sequence[NDArray[np.integer]]) -> bytes:
    """The bytes of these columns, each of any length."""
    kinds, pieces, packer = bytearray(), list[bytes](), zlib.compressobj(LEVEL)
    for column in columns:
        kind, places = _fewest_bytes(column.astype("<u8"))
        kinds.append(kind)
        for place in places:
            pieces += packer.compress(place), packer.flush(zlib.Z_BLOCK)
    return b"".join([bytes(kinds), *pieces, packer.flush()])


def unpack(data: memoryview, lengths: Sequence[int], widest: Sequence[int]) -> Iterator[Keys]:
    """Columns of these lengths, one after the other. Each number takes so many bytes at most. Raises Damaged.

    The sum of these products bounds what is taken of memory, whatever the bytes say, and one column more.
    """
    kinds = bytes(data[: len(lengths)])
    if len(kinds) < len(lengths):
        raise Damaged(f"cut off: {len(kinds)} of {len(lengths)} columns have a kind")
    widths = [kind & WIDTH for kind in kinds]
    if not KINDS.issuperset(kinds) or any(width > most for width, most in zip(widths, widest, strict=True)):
        raise Damaged("a column of an unknown kind, or with numbers too long for it")
    places = _inflated(data[len(lengths) :], sum(map(int.__mul__, widths, lengths)))
    at = 0
    for kind, width, length in zip(kinds, widths, lengths, strict=True):
        words = np.zeros(length, np.uint64)
        for place in range(width):
            words |= places[at : at + length].astype(np.uint64) << np.uint64(BYTES * place)
            at += length
        yield _summed(words, kind & ~WIDTH)


def _inflated(data: memoryview, size: int) -> NDArray[np.uint8]:
    """What these bytes were before zlib, which is `size` bytes. Raises Damaged."""
    unpacker = zlib.decompressobj()
    try:
        found = unpacker.decompress(data, size + 1)
    except zlib.error as error:
        raise Damaged(f"zlib cannot read it: {error}") from None
    if len(found) != size or not unpacker.eof or unpacker.unused_data:
        raise Damaged(f"{len(found)} bytes where there should be {size}, and then the end")
    return np.frombuffer(found, np.uint8)


def _fewest_bytes(words: Keys) -> tuple[int, NDArray[np.uint8]]:
    """(the kind of a column, its bytes by place) as it takes fewer bytes: plain, or as differences."""
    plain = _places(words)
    if not len(plain):
        return 0, plain
    how = ASCENDING if (words[1:] >= words[:-1]).all() else DIFFERENCES
    steps = words - np.append(np.uint64(0), words[:-1])
    differences = _places(steps if how == ASCENDING else _zigzag(steps))
    if len(differences) > len(plain) or _entropy(differences) >= _entropy(plain):
        return len(plain), plain
    return how + len(differences), differences


def _places(words: Keys) -> NDArray[np.uint8]:
    """The lowest byte of each number, the next byte of each, …: (bytes of the largest number, numbers)."""
    width = -(-int(words.max()).bit_length() // BYTES) if len(words) else 0
    return np.ascontiguousarray(words.view(np.uint8).reshape(-1, BYTES)[:, :width].T)


def _entropy(places: NDArray[np.uint8]) -> float:
    """About how many bits a code needs for these bytes, of each place another code (Shannon)."""
    bits = 0.0
    for place in places:
        counts = np.bincount(place)
        counts = counts[counts > 0]
        bits += float(len(place) * np.log2(len(place)) - (counts * np.log2(counts)).sum())
    return bits


def _zigzag(steps: Keys) -> Keys:
    signed = steps.view(np.int64)
    return ((signed << np.int64(1)) ^ (signed >> SIGN)).view(np.uint64)


def _summed(words: Keys, how: int) -> Keys:
    """The numbers of a column that has these instead."""
    if not how:
        return words
    steps = words if how == ASCENDING else (words >> ONE) ^ (np.uint64(0) - (words & ONE))
    return np.cumsum(steps, dtype=np.uint64)
