"""Equal keys → equal small numbers, in linear time: the group-by under every table of twtop."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.model import Codes, Mask, Rows

MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD)
KEY_BITS = 64

Column = tuple[NDArray[np.integer], int]
"""Numbers from 0 and how many bits hold each of them."""


def factorize(keys: NDArray[np.uint64]) -> tuple[Codes, Rows]:
    """Number the distinct keys: (code of each key, row of one bearer of each code).

    A vectorised hash table: all rows write their number into their slot at once, the last one wins and speaks for
    every row with the same key. The few rows that lost their slot to another key try again with another hash.

    >>> codes, rows = factorize(np.array([7, 9, 7, 7], np.uint64))
    >>> bool(codes[0] == codes[2] == codes[3] != codes[1]), len(rows)
    (True, 2)
    """
    count = len(keys)
    speaker, lost = _speakers(keys, MULTIPLIERS[0])
    for multiplier in MULTIPLIERS[1:]:
        if not len(lost):
            break
        winner, still = _speakers(keys[lost], multiplier)
        speaker[lost], lost = lost[winner], lost[still]
    if len(lost):  # keys made to collide: sorting has no worst case
        _, first, inverse = np.unique(keys[lost], return_index=True, return_inverse=True)
        speaker[lost] = lost[first][inverse]
    rows = np.flatnonzero(speaker == np.arange(count))
    number = np.empty(count, np.int32)
    number[rows] = np.arange(len(rows), dtype=np.int32)
    return number[speaker], rows


def _speakers(keys: NDArray[np.uint64], multiplier: int) -> tuple[Rows, Rows]:
    """(row that won each key's slot; rows whose slot went to another key). Any other type of index is converted first,
    which takes longer than to use it."""
    bits = max(8, (2 * len(keys)).bit_length())
    slot = ((keys * np.uint64(multiplier)) >> np.uint64(KEY_BITS - bits)).view(np.intp)
    table = np.empty(1 << bits, np.intp)
    table[slot] = np.arange(len(keys))
    winner = table[slot]
    return winner, np.flatnonzero(keys[winner] != keys)


def fused(*columns: Column) -> NDArray[np.uint64]:
    """Several columns as one key: equal rows have equal keys, and no others do.

    >>> fused((np.array([1, 2]), 8), (np.array([3, 255]), 8)).tolist()
    [259, 767]
    """
    key, used = columns[0][0].astype(np.uint64), columns[0][1]
    for values, bits in columns[1:]:
        if used + bits > KEY_BITS:
            codes, rows = factorize(key)
            key, used = codes.astype(np.uint64), len(rows).bit_length()
        key <<= np.uint64(bits)
        key |= values.astype(np.uint64)
        used += bits
    return key


def distinct(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each key once, in ascending order; sorting in place is faster here than hashing where no codes are wanted.

    >>> distinct(np.array([7, 9, 7], np.uint64)).tolist()
    [7, 9]
    """
    in_order = np.sort(keys)
    once: NDArray[np.uint64] = in_order[np.append(True, in_order[1:] != in_order[:-1])[: len(keys)]]
    return once


Inodes = NDArray[np.uint32]


def index_of(wanted: NDArray[Any], ascending: NDArray[Any]) -> Rows:
    """The place of each wanted number in an ascending column, −1 where it is not; quick when they ascend too.

    >>> index_of(np.array([2, 5, 9]), np.array([5, 9])).tolist()
    [-1, 0, 1]
    """
    at = np.searchsorted(ascending, wanted)
    inside = at < len(ascending)
    inside[inside] = ascending[at[inside]] == wanted[inside]
    return np.where(inside, at, -1)


def among(wanted: Inodes, ascending: Inodes) -> Mask:
    there: Mask = index_of(wanted, ascending) >= 0
    return there
