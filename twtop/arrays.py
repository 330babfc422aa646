"""Group-by, look-up and hash in numpy, each in one pass over whole columns: the ground under every table of twtop."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from twtop.model import Addresses, Codes, Mask, Rows

Keys = NDArray[np.uint64]
"""64-bit numbers that stand for what is compared: equal things have equal keys."""

Number = TypeVar("Number", bound=np.integer[Any])

Column = tuple[NDArray[np.integer], int]
"""Numbers from 0 on, and how many bits hold each of them."""

KEY_BITS = 64
LEAST_TABLE_BITS = 8

MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93, 0xFF51AFD7ED558CCD)
"""Odd, and their bits look random: each is another multiplicative hash (Knuth, TAOCP 3, 6.4)."""

MURMUR3 = 33, (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)
"""Shift and multipliers of fmix64, the finalizer of MurmurHash3 (Austin Appleby, public domain)."""


# Group-by


def factorize(keys: Keys) -> tuple[Rows, Rows]:
    """Number the distinct keys from 0, in linear time: (number of each key, one row for each number that has its key).

    This is a hash table filled by numpy. All rows write their own index into the slot of their key at once; the last
    one wins and speaks for all rows with the same key. Rows whose slot went to another key are few; they try again with
    another hash.

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
    if len(lost):  # keys that somebody chose so that they collide: sorting has no such worst case
        _, first, inverse = np.unique(keys[lost], return_index=True, return_inverse=True)
        speaker[lost] = lost[first][inverse]
    rows = np.flatnonzero(speaker == np.arange(count))
    number = np.empty(count, np.intp)
    number[rows] = np.arange(len(rows))
    return number.take(speaker), rows


def _speakers(keys: Keys, multiplier: int) -> tuple[Rows, Rows]:
    """(the row that won the slot of each key, the rows whose slot another key won).

    Slots are np.intp, because numpy converts any other type of index first, which takes longer than to use it.
    """
    bits = max(LEAST_TABLE_BITS, (2 * len(keys)).bit_length())
    product = keys * np.uint64(multiplier)
    product >>= np.uint64(KEY_BITS - bits)  # in place: fresh memory takes longer than to compute
    slot, table = product.view(np.intp), np.empty(1 << bits, np.intp)
    table[slot] = np.arange(len(keys))
    winner = table[slot]
    return winner, np.flatnonzero(keys[winner] != keys)


def fused(*columns: Column) -> Keys:
    """One key for each row of these columns: two rows have the same key if and only if all their values are equal.

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


def numbered(codes: Codes, size: int) -> tuple[Rows, Codes]:
    """Number the codes, which are below `size`, in ascending order: (number of each code, the codes that there are).

    >>> [column.tolist() for column in numbered(np.array([7, 2, 7], np.int32), 9)]
    [[1, 0, 1], [2, 7]]
    """
    place = np.zeros(size, np.intp)
    place[codes] = 1
    there = np.flatnonzero(place)
    place[there] = np.arange(len(there))
    return place.take(codes), there.astype(np.int32)


def distinct(keys: NDArray[Number]) -> NDArray[Number]:
    """Each key once, in ascending order. It sorts, which is faster than `factorize` where no numbers are wanted.

    >>> distinct(np.array([7, 9, 7], np.uint64)).tolist()
    [7, 9]
    """
    in_order = np.sort(keys)
    once: NDArray[Number] = in_order[np.append(True, in_order[1:] != in_order[:-1])[: len(keys)]]
    return once


def has_repeats(keys: Keys) -> bool:
    """Whether any key occurs more than once. Equal keys share a slot of a hash table, as few others do.

    >>> has_repeats(np.array([7, 9, 7], np.uint64)), has_repeats(np.array([7, 9], np.uint64))
    (True, False)
    """
    bits = max(LEAST_TABLE_BITS, (8 * len(keys)).bit_length())
    slot = ((keys * np.uint64(MULTIPLIERS[0])) >> np.uint64(KEY_BITS - bits)).view(np.intp)
    row, speaker = np.arange(len(keys), dtype=np.int32), np.empty(1 << bits, np.int32)
    speaker[slot] = row
    others = speaker[slot] != row
    if not others.any():
        return False
    is_shared = np.zeros(1 << bits, np.bool_)
    is_shared[slot[others]] = True
    sharing = keys[is_shared[slot]]
    return len(distinct(sharing)) < len(sharing)


# Look-up


def index_of(wanted: NDArray[Any], ascending: NDArray[Any]) -> Rows:
    """The index of each wanted number in an ascending column, −1 where it is absent. Fastest if `wanted` ascends too.

    >>> index_of(np.array([2, 5, 9]), np.array([5, 9])).tolist()
    [-1, 0, 1]
    """
    at = np.searchsorted(ascending, wanted)
    inside = at < len(ascending)
    inside[inside] = ascending[at[inside]] == wanted[inside]
    return np.where(inside, at, -1)


class Index:
    """Where each of some names is. To ask again for the same ones, by the same object, costs nothing."""

    def __init__(self, names: Keys) -> None:
        self.names = names
        self._in_order: tuple[Rows, Keys] | None = None
        self._answered: tuple[Keys, Rows] | None = None
        self._first: tuple[Keys, bool] | None = None

    def rows(self, wanted: Keys) -> Rows:
        """The row of each wanted name, −1 where it is absent.

        >>> Index(np.array([9, 7], np.uint64)).rows(np.array([7, 8, 9], np.uint64)).tolist()
        [1, -1, 0]
        """
        if self._answered is None or self._answered[0] is not wanted:
            if self._in_order is None:
                order = np.argsort(self.names)
                self._in_order = np.append(order, -1), self.names[order]
            order, ascending = self._in_order
            self._answered = wanted, order[index_of(wanted, ascending)]
        return self._answered[1]

    def begins_with(self, wanted: Keys) -> bool:
        """Whether these names are the first ones, in the same order.

        >>> index = Index(np.array([9, 7], np.uint64))
        >>> index.begins_with(np.array([9], np.uint64)), index.begins_with(np.array([7], np.uint64))
        (True, False)
        """
        if self._first is None or self._first[0] is not wanted:
            self._first = wanted, np.array_equal(self.names[: len(wanted)], wanted)
        return self._first[1]


def among(wanted: NDArray[Any], ascending: NDArray[Any]) -> Mask:
    """Whether each wanted number is in an ascending column.

    >>> among(np.array([2, 5, 9]), np.array([5, 9])).tolist()
    [False, True, True]
    """
    there: Mask = index_of(wanted, ascending) >= 0
    return there


# Hash


def mixed(words: Keys) -> Keys:
    """A 64-bit hash of each word. Distinct words have distinct hashes, and each bit of a word affects every bit of it.

    This is fmix64 of MurmurHash3. It has no secret, so a key that must withstand chosen input needs a salt.

    >>> len(set(mixed(np.arange(1000, dtype=np.uint64)).tolist()))
    1000
    """
    shift, multipliers = MURMUR3
    for multiplier in multipliers:
        words = (words ^ words >> np.uint64(shift)) * np.uint64(multiplier)
    return words ^ words >> np.uint64(shift)


def ranks(addresses: Addresses) -> NDArray[np.int64]:
    """The position of each address in ascending order, from 0."""
    rank = np.empty(len(addresses), np.int64)
    rank[np.lexsort((addresses.lo, addresses.hi))] = np.arange(len(addresses))
    return rank


def address_names(addresses: Addresses) -> Keys:
    """A 64-bit hash of each address that is the same in every dump, and is not the name of a destination."""
    return mixed(mixed(addresses.hi) + addresses.lo)
