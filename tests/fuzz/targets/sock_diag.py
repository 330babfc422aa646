"""Netlink messages of sock_diag → columns, against a walk from message to message."""

import random
import struct
from collections import Counter
from collections.abc import Iterator

from tests.fuzz.target import Target, demand
from tests.support.decoded_rows import Row, rows
from twtop.model import TcpState, Timer, Timestamps
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.probe import CollectError

HEADER = struct.Struct("=IHHII")
BODY = struct.Struct("=BBBB HH".replace(" ", ""))
LENGTH = 88
"""Bytes of struct nlmsghdr and struct inet_diag_msg."""

INFO, LEAST_INFO = 2, 104
Told = tuple[Row, int]
"""A socket, and its Timestamps."""


class Damaged(Exception):
    """The plain way refuses these bytes."""


def walked(dump: bytes) -> Iterator[Told]:
    """What each message says."""
    at, first = 0, None
    while at < len(dump):
        if len(dump) - at < LENGTH:
            raise Damaged
        length, kind, flags, sequence, port_id = HEADER.unpack_from(dump, at)
        first = first or (sequence, port_id)
        if not LENGTH <= length <= len(dump) - at or kind != 18 or flags & ~0x30 != 2 or (sequence, port_id) != first:
            raise Damaged
        yield _message(dump[at : at + length])
        at += (length + 3) // 4 * 4
    if at != len(dump):
        raise Damaged


def _message(message: bytes) -> Told:
    family, state, timer, _ = message[16:20]
    if family not in (2, 10) or not 1 <= state <= max(TcpState):
        raise Damaged
    lport, rport = struct.unpack_from(">HH", message, 20)
    local, remote = (_address(message[start : start + 16], family) for start in (24, 40))
    (device,) = struct.unpack_from("=I", message, 56)
    expires, rqueue, wqueue, uid, inode = struct.unpack_from("=5I", message, 68)
    left = -1 if timer == Timer.OFF else min(expires, 2**31 - 1)
    row = Row(local, lport, remote, rport, state, timer, left, device, rqueue, wqueue, uid, inode)
    return row, _timestamps(message, state)


def _address(packed: bytes, family: int) -> int:
    return int.from_bytes(packed[:4]) | 0xFFFF << 32 if family == 2 else int.from_bytes(packed)


def _timestamps(message: bytes, state: int) -> int:
    if state in (TcpState.SYN_SENT, TcpState.LISTEN, TcpState.CLOSE):
        return Timestamps.UNKNOWN
    at = LENGTH
    for _ in range(24):
        if len(message) - at < 4:
            break
        size, kind = struct.unpack_from("=HH", message, at)
        if kind == INFO and size >= 4 + LEAST_INFO and at + size <= len(message):
            return Timestamps.USED if message[at + 4 + 5] & 1 else Timestamps.NOT_USED
        if size < 4:
            break
        at += (size + 3) // 4 * 4
    return Timestamps.UNKNOWN


def is_connection(row: Row) -> bool:
    return row.state not in (TcpState.LISTEN, TcpState.CLOSE)


def tuple_of(row: Row) -> tuple[int, ...]:
    return row.device, row.local, row.lport, row.remote, row.rport


def same_sockets(found: list[Told], plain: list[Told]) -> None:
    """Both have the same sockets, but that a 4-tuple which occurs more than once may stand once alone."""
    surplus = Counter(found) - Counter(plain)
    demand(not surplus, f"no message says this: {surplus}")
    lost = Counter(plain) - Counter(found)
    known = {tuple_of(row) for row, _ in found}
    demand(all(tuple_of(row) in known and is_connection(row) for row, _ in lost), f"these are lost: {lost}")


def check(data: bytes) -> None:
    try:
        plain: list[Told] | None = [*walked(data)]
    except Damaged:
        plain = None
    try:
        sockets = decode_dump(data)
    except CollectError as error:
        demand(str(error).isprintable(), "an error is one line")
        demand(plain is None or _has_a_false_header(data, len(plain)), "these messages are whole, and were refused")
        return
    demand(plain is not None, "these messages are damaged, and were taken")
    same_sockets([*zip(rows(sockets), map(int, sockets.timestamps), strict=True)], plain or [])


def _has_a_false_header(data: bytes, messages: int) -> bool:
    """Whether the sequence number, which is random, also stands where no message has it."""
    words = [data[at : at + 4] for at in range(0, len(data), 4)]
    return words.count(words[2]) > messages


def change(data: bytes, chance: random.Random) -> bytes:
    """A dump whose messages are whole, with one changed, doubled, dropped, or given an attribute."""
    messages = [*_cut(data)]
    if not messages:
        return data
    at = chance.randrange(len(messages))
    message = bytearray(messages[at])
    match chance.randrange(6):
        case 0:
            messages.insert(chance.randrange(len(messages) + 1), bytes(message))
        case 1 if len(messages) > 1:
            del messages[at]
        case 2:
            message[18 - chance.randrange(3)] = chance.choice((0, 1, 2, 3, 6, 7, 10, 11, 12, 255))
            messages[at] = bytes(message)
        case 3:
            size = chance.choice((0, 3, 4, 5, 8, 108, 252))
            payload = chance.randbytes(chance.choice((size, max(0, size - 4), 4)))
            message += struct.pack("=HH", size, chance.choice((2, 7, 8, 15))) + payload
            message += bytes(-len(message) % 4)
            struct.pack_into("=I", message, 0, len(message))
            messages[at] = bytes(message)
        case _:
            place = 16 + chance.randrange(len(message) - 16)
            message[place] = chance.choice((0, 255, chance.randrange(256)))
            messages[at] = bytes(message)
    return b"".join(messages)


def _cut(data: bytes) -> Iterator[bytes]:
    at = 0
    while len(data) - at >= LENGTH:
        length = max(LENGTH, HEADER.unpack_from(data, at)[0] + 3 & ~3)
        yield data[at : at + length]
        at += length


TARGET = Target(check, change=change, most=2048)
