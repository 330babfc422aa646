"""A delta of socket tables ↔ bytes, for recordings and for other hosts: a standard-library Python can write them.

All is little-endian. Rows and indexes count from 0. `before` is the table that both ends have, `now` the one to make.

    version    1 byte, 1
    before     u32   sockets in the table before; the reader refuses a delta of another table
    addresses  u32   addresses in the table before
    late_ms    i32   TIME_WAIT and closed FIN_WAIT2 before, with a timewait timer (3) of 0 to late_ms, are gone
    counts     7 u32 how many numbers the columns have of each of the groups below, in their order
    columns    as packed_columns says, group by group. Numbers are u32 unless it is said otherwise.

    EXCEPTIONS       row before   ascending: gone though late_ms does not say so, or kept though it does
    ORDER            at, row      ascending `at`: see below; none if the sockets kept their order
    GONE_ADDRESSES   index before                                   ascending
    ADDRESS_ORDER    at, index                                      the same as ORDER, of addresses
    NEW_ADDRESSES    index now, high 64 bits u64, low 64 bits u64   IPv4 is ::ffff:a.b.c.d
    STEPS            at, ms i64   ascending `at`: the sockets kept from `at` on lost so many ms on a running timer, up
                                  to the next step; those ahead of the first lost 0
    NEW              row now, state u8, timer u8, local and remote (indexes into the addresses of now), lport u16,
                     rport u16, timer_ms plus 1, retransmits u8, device, rqueue, wqueue, uid, inode, pid, timestamps u8,
                     identity u64; all as model.Sockets has them

What is not gone of `before` is kept, with all that it had but for the time on its timer, of which at least 0 ms are
left; a timer of −1 stays −1. The table of now has the new sockets in the rows that they tell, and between them those
kept in their order before, counted from 0. Where that order changed, ORDER says for the `at`th socket kept which of
them it is, and those behind it follow as they did before, up to the next `at`. Addresses have the same rules. None may
be gone that a socket kept has. `identity` is 0 where it is unknown, and new sockets may come in any order: that of
identities is the shortest.

A whole table is the delta from the empty one.
"""

import struct
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.arrays import Keys
from twtop.model import Addresses, Codes, Mask, Rows, Sockets, TcpState, Timer, Timestamps
from twtop.table.delta import COLUMNS, LONGEST_MS, Delta, hit, no_sockets, renumbered
from twtop.table.packed_columns import Damaged, pack, unpack

VERSION = 1
MOST = 1 << 22
"""So many sockets and addresses a table may have that is read. Of each socket it takes some 100 bytes meanwhile."""

HEAD = struct.Struct("<BIIi7I")


class Part(IntEnum):
    """The columns of a delta, grouped by their length."""

    EXCEPTIONS = 0
    ORDER = 1
    GONE_ADDRESSES = 2
    ADDRESS_ORDER = 3
    NEW_ADDRESSES = 4
    STEPS = 5
    NEW = 6


TYPES = {name: getattr(no_sockets(), name).dtype for name in COLUMNS}
WIDTHS: dict[Part, tuple[int, ...]] = {
    Part.EXCEPTIONS: (4,),
    Part.ORDER: (4, 4),
    Part.GONE_ADDRESSES: (4,),
    Part.ADDRESS_ORDER: (4, 4),
    Part.NEW_ADDRESSES: (4, 8, 8),
    Part.STEPS: (4, 8),
    Part.NEW: (4, *(each.itemsize for each in TYPES.values())),
}
"""The bytes that a number of each column has at most."""

LEAST_MOST = {
    "state": (min(TcpState), max(TcpState)),
    "timer": (min(Timer), max(Timer)),
    "timestamps": (min(Timestamps), max(Timestamps)),
    "timer_ms": (0, LONGEST_MS + 1),
}
"""What the numbers of a column may be, where their type allows more."""


def encode(delta: Delta, before: Sockets) -> bytes:
    """The bytes of a delta from this table. Who reads them needs the same, with the same indexes of addresses: all
    deltas so far, applied to the empty table, have given it.
    """
    gone = np.ones(len(before), np.bool_)
    kept = delta.origin[delta.origin >= 0]
    gone[kept] = False
    late_ms = _late_ms(before, gone)
    kept_addresses = delta.address_origin[delta.address_origin >= 0]
    gone_addresses = ~hit(delta.address_origin, len(before.addresses))
    new, rows = delta.new, np.flatnonzero(delta.origin < 0)
    if (new.identity[1:] < new.identity[:-1]).any():
        by_identity = np.argsort(new.identity, kind="stable")
        new, rows = new.take(by_identity), rows[by_identity]
    new_addresses, addresses = np.flatnonzero(delta.address_origin < 0), new.addresses
    parts: dict[Part, tuple[NDArray[np.integer], ...]] = {
        Part.EXCEPTIONS: (np.flatnonzero(gone != _late(before, late_ms)),),
        Part.ORDER: _order(kept, gone),
        Part.GONE_ADDRESSES: (np.flatnonzero(gone_addresses),),
        Part.ADDRESS_ORDER: _order(kept_addresses, gone_addresses),
        Part.NEW_ADDRESSES: (new_addresses, addresses.hi[new_addresses], addresses.lo[new_addresses]),
        Part.STEPS: _stretches(delta.step_ms.astype(np.int64)),
        Part.NEW: (rows, *(_written(new, name) for name in COLUMNS)),
    }
    counts = [len(parts[part][0]) for part in Part]
    head = HEAD.pack(VERSION, len(before), len(before.addresses), late_ms, *counts)
    return head + pack([column for part in Part for column in parts[part]])


def decode(data: bytes, before: Sockets, most: int = MOST) -> Delta:
    """The delta from this table that has these bytes. Raises Damaged.

    Whatever the bytes are, it can be applied to this table, and makes one of at most `most` sockets and addresses in
    which all states, timers and indexes exist. They may still say what no kernel says, as that two sockets are one.
    """
    if len(data) < HEAD.size:
        raise Damaged(f"cut off: {len(data)} bytes are no delta")
    version, sockets, addresses, late_ms, *counts = HEAD.unpack_from(data)
    if version != VERSION:
        raise Damaged(f"version {version} is unknown, {VERSION} is known")
    if (sockets, addresses) != (len(before), len(before.addresses)):
        raise Damaged(f"it follows a table of {sockets} sockets and {addresses} addresses, which is not at hand")
    bounds = {Part.GONE_ADDRESSES: addresses, Part.ADDRESS_ORDER: addresses, Part.NEW_ADDRESSES: most, Part.NEW: most}
    if any(count > bounds.get(part, sockets) for part, count in zip(Part, counts, strict=True)):
        raise Damaged(f"more rows than a table may have, of which {most} are the most")
    widths = [width for part in Part for width in WIDTHS[part]]
    lengths = [counts[part] for part in Part for _ in WIDTHS[part]]
    columns = unpack(memoryview(data)[HEAD.size :], lengths, widths)
    parts = {part: [next(columns) for _ in WIDTHS[part]] for part in Part if part != Part.NEW}
    gone = _late(before, late_ms)
    gone[_ascending(parts[Part.EXCEPTIONS][0], sockets)] ^= True
    origin, place = _origin(gone, parts[Part.ORDER], next(columns))
    gone_addresses = np.zeros(addresses, np.bool_)
    gone_addresses[_ascending(parts[Part.GONE_ADDRESSES][0], addresses)] = True
    index, hi, lo = parts[Part.NEW_ADDRESSES]
    address_origin, address_place = _origin(gone_addresses, parts[Part.ADDRESS_ORDER], index)
    if max(len(origin), len(address_origin)) > most:
        raise Damaged(f"more than {most} sockets or addresses")
    known = _addresses(before.addresses, address_origin, hi[address_place], lo[address_place])
    kept = origin[origin >= 0]
    _check_ends(before, kept, address_origin)
    found = {name: _column(name, next(columns), len(known))[place] for name in COLUMNS}
    new = Sockets(known, **found, origin=np.full(len(place), -1))
    return Delta(origin, address_origin, new, _steps(parts[Part.STEPS], len(kept)))


# What both ways need


def _late(before: Sockets, late_ms: int) -> Mask:
    """Mask of the timewait objects that have at most so much time left."""
    late: Mask = (before.timer == Timer.TIMEWAIT) & (before.timer_ms >= 0) & (before.timer_ms <= late_ms)
    return late


# Columns of a delta


def _late_ms(before: Sockets, gone: Mask) -> int:
    """Below the least time of a timewait object that stays: the kernel frees them in the order of their timers."""
    stays = _late(before, LONGEST_MS) & ~gone
    return int(before.timer_ms[stays].min(initial=LONGEST_MS)) - 1


def _order(kept: Rows, gone: Mask) -> tuple[Rows, Rows]:
    """ORDER of these rows of the table before, which are all that are not gone."""
    if (kept[1:] > kept[:-1]).all():
        return kept[:0], kept[:0]
    rank = (np.cumsum(~gone) - 1)[kept]
    at, _ = _stretches(rank - np.arange(len(rank)))
    return at, rank[at]


def _stretches(column: NDArray[np.int64]) -> tuple[Rows, NDArray[np.int64]]:
    """(where it differs from the number ahead, 0 ahead of the first; the numbers there)."""
    at = np.flatnonzero(np.diff(column, prepend=0))
    return at, column[at]


def _written(sockets: Sockets, name: str) -> NDArray[np.integer]:
    column: NDArray[np.integer] = getattr(sockets, name)
    return column.astype(np.int64) + 1 if name == "timer_ms" else column


# A delta of columns


def _ascending(words: Keys, bound: int) -> Rows:
    """The same as rows. Raises Damaged unless they ascend and are below the bound."""
    if len(words) and (words[-1] >= bound or (words[1:] <= words[:-1]).any()):
        raise Damaged("rows that do not ascend, or do not exist")
    return words.astype(np.intp)


def _stretched(at: Keys, values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The inverse of `_stretches`: (count,). Raises Damaged."""
    starts = np.concatenate([[0], _ascending(at, count), [count]])
    return np.repeat(np.append(0, values), np.diff(starts))


def _origin(gone: Mask, order: list[Keys], new: Keys) -> tuple[Rows, Rows]:
    """(the row before of each row, −1 for the new ones; the place of each new row in their column, by its row).

    Raises Damaged.
    """
    kept, (at, row) = np.flatnonzero(~gone), order
    if len(at):
        moved = row.astype(np.int64) - at.astype(np.int64)
        rank = np.arange(len(kept)) + _stretched(at, moved, len(kept))
        if rank.min() < 0 or rank.max() >= len(kept) or not hit(rank, len(kept)).all():
            raise Damaged("rows in an order that does not exist")
        kept = kept[rank]
    count = len(kept) + len(new)
    if (new >= count).any():
        raise Damaged("a new row beyond the end of the table")
    is_new = hit(new.astype(np.intp), count)
    if np.count_nonzero(is_new) < len(new):
        raise Damaged("two new rows in one place")
    origin = np.full(count, -1, np.intp)
    origin[~is_new] = kept
    place = np.empty(len(new), np.intp)
    place[(np.cumsum(is_new) - 1)[new.astype(np.intp)]] = np.arange(len(new))
    return origin, place


def _addresses(before: Addresses, origin: Rows, new_hi: Keys, new_lo: Keys) -> Addresses:
    """The addresses of which each has this index before, or is the next of the new ones."""
    is_new, halves = origin < 0, list[Keys]()
    for old, new in ((before.hi, new_hi), (before.lo, new_lo)):
        half = np.empty(len(origin), np.uint64)
        half[~is_new], half[is_new] = old[origin[~is_new]], new
        halves.append(half)
    return Addresses(*halves)


def _check_ends(before: Sockets, kept: Rows, address_origin: Rows) -> None:
    """Raise Damaged if an address is gone that one of the sockets kept has."""
    number = renumbered(address_origin, len(before.addresses))
    if number is not None and any((number[side[kept]] < 0).any() for side in (before.local, before.remote)):
        raise Damaged("an address is gone that a socket has")


def _column(name: str, words: Keys, addresses: int) -> NDArray[Any]:
    """This column of Sockets. Raises Damaged for what no socket can have."""
    least, most = LEAST_MOST.get(name, (0, int(np.iinfo(TYPES[name]).max)))
    if name in ("local", "remote"):
        most = addresses - 1
    if len(words) and not least <= int(words.min()) <= int(words.max()) <= most:
        raise Damaged(f"a socket has a {name} that does not exist")
    if name == "timer_ms":
        words -= np.uint64(1)  # 0 becomes −1
    return words.astype(TYPES[name])


def _steps(steps: list[Keys], count: int) -> Codes:
    """What each of `count` sockets lost on its timer, in ms. Raises Damaged."""
    at, signed = steps[0], steps[1].view(np.int64)
    if ((signed > LONGEST_MS) | (signed < -LONGEST_MS)).any():
        raise Damaged("a timer lost more than any has")
    return _stretched(at, signed, count).astype(np.int32)
