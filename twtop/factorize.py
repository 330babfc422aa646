"""Equal keys → equal small numbers, in linear time: the group-by under every table of twtop."""

import numpy as np
from numpy.typing import NDArray

from twtop.model import Codes, Rows

MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD)


def factorize(keys: NDArray[np.uint64]) -> tuple[Codes, Rows]:
    """Number the distinct keys: (code of each key, row of one bearer of each code).

    A vectorised hash table: all rows write their number into their slot at once, the last one wins and speaks for
    every row with the same key. The few rows that lost their slot to another key try again with another hash.

    >>> codes, rows = factorize(np.array([7, 9, 7, 7], np.uint64))
    >>> bool(codes[0] == codes[2] == codes[3] != codes[1]), len(rows)
    (True, 2)
    """
    count = len(keys)
    bits = max(8, (2 * count).bit_length())
    speaker = np.empty(count, np.int32)
    pending = np.arange(count, dtype=np.int32)
    for multiplier in MULTIPLIERS:
        if not len(pending):
            break
        wanted = keys[pending] if len(pending) < count else keys
        slot = (wanted * np.uint64(multiplier)) >> np.uint64(64 - bits)
        table = np.empty(1 << bits, np.int32)
        table[slot] = pending
        winner = table[slot]
        settled = keys[winner] == wanted
        speaker[pending[settled]] = winner[settled]
        pending = pending[~settled]
    if len(pending):  # keys made to collide: sorting has no worst case
        _, first, inverse = np.unique(keys[pending], return_index=True, return_inverse=True)
        speaker[pending] = pending[first][inverse]
    rows = np.flatnonzero(speaker == np.arange(count, dtype=np.int32))
    number = np.empty(count, np.int32)
    number[rows] = np.arange(len(rows), dtype=np.int32)
    return number[speaker], rows


def pair(high: NDArray[np.integer], low: NDArray[np.integer], low_bits: int) -> NDArray[np.uint64]:
    """Two columns of non-negative numbers as one key; `low` must fit in `low_bits`."""
    return high.astype(np.uint64) << np.uint64(low_bits) | low.astype(np.uint64)
