"""Netlink messages about listeners → how many connections each has dropped. Listeners are few."""

import struct
from collections.abc import Iterator

from twtop.sources.probe import CollectError, Dump

HEADER = 16
"""Bytes of struct nlmsghdr."""

INODE = HEADER + 68
"""Where a message has idiag_inode, its last word before the attributes."""

INET_DIAG_SKMEMINFO, SK_MEMINFO_DROPS = 7, 8
"""linux/inet_diag.h, linux/sock_diag.h: the ninth word of this attribute is sk_drops, which tcp_listendrop() counts."""

LENGTH, ATTRIBUTE, WORD = struct.Struct("=I"), struct.Struct("=HH"), struct.Struct("=I")


def decode_listener_drops(dump: Dump | None) -> dict[int, int] | None:
    """inode → connections dropped so far, of each listener whose message tells that. None for no dump.

    Raises CollectError.
    """
    return None if dump is None else dict(_drops(memoryview(dump)))


def _drops(dump: memoryview) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(dump):
        length = LENGTH.unpack_from(dump, at)[0] if len(dump) - at >= INODE + WORD.size else 0
        if not INODE + WORD.size <= length <= len(dump) - at:
            raise CollectError(f"dump of listeners is damaged: no message at byte {at} of {len(dump)}")
        if (memory := _attribute(dump[at + INODE + WORD.size : at + length], INET_DIAG_SKMEMINFO)) is not None:
            (inode,) = WORD.unpack_from(dump, at + INODE)
            if len(memory) >= (SK_MEMINFO_DROPS + 1) * WORD.size:
                yield inode, WORD.unpack_from(memory, SK_MEMINFO_DROPS * WORD.size)[0]
        at += _aligned(length)


def _attribute(rest: memoryview, wanted: int) -> memoryview | None:
    """The payload of an attribute (struct rtattr) among several."""
    at = 0
    while at + ATTRIBUTE.size <= len(rest):
        length, kind = ATTRIBUTE.unpack_from(rest, at)
        if length < ATTRIBUTE.size:
            return None
        if kind == wanted:
            return rest[at + ATTRIBUTE.size : at + length]
        at += _aligned(length)
    return None


def _aligned(length: int) -> int:
    """Netlink aligns messages and attributes to words."""
    return (length + WORD.size - 1) // WORD.size * WORD.size
