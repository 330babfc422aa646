"""Deltas read and written with the standard library alone, row by row, as the description of the bytes has it.

A host without numpy writes them like this. Nothing here shares code with the product.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import Any

from twtop.model import Sockets

HEAD = struct.Struct("<BIIi7I")
EXCEPTIONS, ORDER, GONE_ADDRESSES, ADDRESS_ORDER, NEW_ADDRESSES, STEPS, NEW = range(7)
COLUMNS_OF = (1, 2, 1, 2, 3, 2, 17)
SOCKET = (
    *("state", "timer", "local", "remote", "lport", "rport", "timer_ms", "retransmits", "device"),
    *("rqueue", "wqueue", "uid", "inode", "pid", "timestamps", "identity"),
)
Socket = dict[str, int]
"""A socket as Sockets has it, addresses as 128-bit numbers."""


def sockets_of(table: Sockets) -> list[Socket]:
    found = []
    for number in range(len(table)):
        row = {name: int(getattr(table, name)[number]) for name in SOCKET}
        found.append(row | {side: table.addresses.integer(row[side]) for side in ("local", "remote")})
    return found


def read(data: bytes, before: Sequence[Socket], addresses: Sequence[int]) -> tuple[list[Socket], list[int]]:
    """(the sockets of now, their addresses)."""
    version, count, count_addresses, late_ms, *counts = HEAD.unpack_from(data)
    assert (version, count, count_addresses) == (1, len(before), len(addresses))
    lengths = [counts[part] for part, columns in enumerate(COLUMNS_OF) for _ in range(columns)]
    kinds, stream = data[HEAD.size :][: len(lengths)], data[HEAD.size + len(lengths) :]
    places, columns = zlib.decompress(stream), list[list[int]]()
    for kind, length in zip(kinds, lengths, strict=True):
        width = kind % 16
        words = [int.from_bytes(places[row : width * length : length], "little") for row in range(length)]
        places = places[width * length :]
        columns.append(_told(words, kind - width))
    (exceptions,), order, (gone,), address_order, new_addresses, steps, new = _grouped(columns, COLUMNS_OF)
    late = {row for row, each in enumerate(before) if each["timer"] == 3 and 0 <= each["timer_ms"] <= late_ms}
    kept = _in_order([row for row in range(count) if (row in late) == (row in exceptions)], *order)
    known = _in_order([index for index in range(count_addresses) if index not in gone], *address_order)
    found = {index: hi << 64 | lo for index, hi, lo in zip(*new_addresses, strict=True)}
    now = _between([addresses[index] for index in known], found)
    lost, stayed = dict(zip(*steps, strict=True)), []
    step = 0
    for at, row in enumerate(kept):
        step = lost.get(at, step)
        signed = step - 2**64 if step >= 2**63 else step
        left = before[row]["timer_ms"]
        stayed.append(before[row] | {"timer_ms": left if left < 0 else max(left - signed, 0)})
    came = {}
    for row, *values in zip(*new, strict=True):
        each = dict(zip(SOCKET, values, strict=True))
        each |= {"timer_ms": each["timer_ms"] - 1} | {side: now[each[side]] for side in ("local", "remote")}
        came[row] = each
    return _between(stayed, came), now


def _told(words: list[int], how: int) -> list[int]:
    """The numbers of a column whose bytes say these."""
    if how == 0x20:
        words = [word // 2 if word % 2 == 0 else -(word // 2) - 1 for word in words]
    total, found = 0, []
    for word in words:
        total = (total + word) % 2**64 if how else word
        found.append(total)
    return found


def _grouped(columns: list[list[int]], sizes: Sequence[int]) -> list[list[list[int]]]:
    rest = iter(columns)
    return [[next(rest) for _ in range(size)] for size in sizes]


def _in_order(kept: list[int], at: list[int], which: list[int]) -> list[int]:
    jumps, found, following = dict(zip(at, which, strict=True)), [], 0
    for place in range(len(kept)):
        following = jumps.get(place, following)
        found.append(kept[following])
        following += 1
    return found


def _between(kept: list[Any], new: dict[int, Any]) -> list[Any]:
    rest = iter(kept)
    return [new[row] if row in new else next(rest) for row in range(len(kept) + len(new))]


def write(now: Sequence[Socket]) -> bytes:
    """The whole table, as simple as can be: all numbers plain and in 4 bytes or 8, all addresses from first to last."""
    addresses = list(dict.fromkeys(address for row in now for address in (row["local"], row["remote"])))
    columns: list[list[int]] = [[] for _ in range(sum(COLUMNS_OF[:NEW_ADDRESSES]))]
    columns += [[*range(len(addresses))], [each >> 64 for each in addresses], [each % 2**64 for each in addresses]]
    columns += [[], [], [*range(len(now))]]
    for name in SOCKET:
        values = [row[name] for row in now]
        if name in ("local", "remote"):
            values = [addresses.index(each) for each in values]
        columns.append([each + (name == "timer_ms") for each in values])
    widths = [max((each.bit_length() + 7) // 8 for each in [0, *column]) for column in columns]
    places = b"".join(
        bytes(each >> 8 * place & 0xFF for each in column)
        for column, width in zip(columns, widths, strict=True)
        for place in range(width)
    )
    head = HEAD.pack(1, 0, 0, -1, 0, 0, 0, 0, len(addresses), 0, len(now))
    return head + bytes(widths) + zlib.compress(places)
