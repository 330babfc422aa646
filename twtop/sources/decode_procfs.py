"""Text of /proc/net/tcp and tcp6 → columns, by numpy over all lines at once.

A line is `sl: local:port remote:port st tx_queue:rx_queue tr:when retrnsmt uid timeout inode …` (get_tcp4_sock in
net/ipv4/tcp_ipv4.c, get_tcp6_sock in net/ipv6/tcp_ipv6.c). The columns between the colon after `sl` and `uid` are
hexadecimal, and of the same width in all lines of a family. `uid` and the columns behind it are decimal, and of any
width.

The tables have neither sockets that are merely bound nor the backlog of a listener.
"""

import numpy as np
from numpy.typing import NDArray

from twtop.model import UNKNOWN_QUEUE, UNKNOWN_RETRANSMITS, Mask, Rows, Sockets, TcpState, Timer
from twtop.sources.probe import CollectError, Dump
from twtop.table.identity import identified
from twtop.table.socket_table import socket_table, without_repeats

CLOCK_TICK_MS = 10
"""`when` counts in units of USER_HZ: 1/100 s (jiffies_delta_to_clock_t)."""

HEAD = b"  sl "
"""How the heading line of each table begins."""

BLANK, COLON, NEWLINE, ZERO = b" :\n0"
IPV4_DIGITS, IPV6_DIGITS = 8, 32
UID = 56
"""Where `uid` begins, counted from the colon after `sl` and without the digits of both addresses."""

DECIMALS = 44
"""Characters from `uid` on that hold `uid timeout inode` (at most 10, 10 and 20 digits) and where the next begins."""

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]


def decode_tables(tables: Dump, before: Sockets | None = None) -> Sockets:
    """Both tables, one behind the other, each with its heading line → columns. Raises CollectError for other text.

    `before` are the columns of the reading before.
    """
    text = np.frombuffer(bytes(tables) + bytes(DECIMALS), np.uint8)
    colon, end = _lines(tables, text)
    ipv6 = text[np.minimum(colon + 2 + IPV4_DIGITS, len(tables))] != COLON
    width = np.where(ipv6, IPV6_DIGITS, IPV4_DIGITS)
    if (colon + UID + 2 * width >= end).any():
        raise CollectError("/proc/net/tcp is cut off: a line ends before its columns do")

    def field(offset: int, addresses: int, digits: int) -> Words:
        """The hexadecimal number so far behind the colon, plus the width of 0, 1 or 2 addresses."""
        return _hexadecimal(text, colon + offset + addresses * width, digits)

    state, timer = field(14, 2, 2).astype(np.uint8), field(35, 2, 2).astype(np.uint8)
    if ((state == 0) | (state > max(TcpState))).any():
        raise CollectError("/proc/net/tcp is damaged: a socket has a TCP state that does not exist")
    left = np.minimum(field(38, 2, 8), np.uint32((2**31 - 1) // CLOCK_TICK_MS)).astype(np.int32) * CLOCK_TICK_MS
    uid, inode = np.zeros((2, len(colon)), np.uint32)
    owned = np.flatnonzero(timer != Timer.TIMEWAIT)
    uid[owned], inode[owned] = _owners(text, (colon + UID + 2 * width)[owned], end[owned])
    found = without_repeats(
        socket_table(
            _address(text, colon + 2, ipv6),
            _address(text, colon + 8 + width, ipv6),
            ipv6,
            state=state,
            timer=timer,
            lport=field(3, 1, 4).astype(np.uint16),
            rport=field(9, 2, 4).astype(np.uint16),
            timer_ms=np.where(timer == Timer.OFF, np.int32(-1), left).astype(np.int32),
            retransmits=np.minimum(field(47, 2, 8), UNKNOWN_RETRANSMITS).astype(np.uint8),
            device=np.zeros(len(colon), np.uint32),
            rqueue=field(26, 2, 8),
            wqueue=np.where(state == TcpState.LISTEN, np.uint32(UNKNOWN_QUEUE), field(17, 2, 8)),
            uid=uid,
            inode=inode,
        )
    )
    return identified(found, before)


def _lines(tables: Dump, text: Bytes) -> tuple[Rows, Rows]:
    """(index of the first colon, index of the end) of each line but the heading lines."""
    end: Rows = np.flatnonzero(text == NEWLINE)
    if len(tables) != (int(end[-1]) + 1 if len(end) else 0):
        raise CollectError("/proc/net/tcp is cut off: its last line has no end")
    start = np.append(0, end[:-1] + 1)[: len(end)]
    socket = text[start + HEAD.index(b"s")] != HEAD.strip()[0]
    start, end = start[socket], end[socket]
    colons = np.append(np.flatnonzero(text == COLON), len(text) - 1)
    return colons[np.searchsorted(colons, start)], end


def _hexadecimal(text: Bytes, at: Rows, digits: int) -> Words:
    """The number in so many digits at each of these indexes of the text."""
    figures = text[at[:, None] + np.arange(digits)].tobytes()
    try:
        numbers = bytes.fromhex(figures.decode("ascii"))
    except ValueError:
        numbers = b""
    if len(numbers) * 2 != len(figures):  # fromhex() skips blanks
        raise CollectError("/proc/net/tcp is damaged: what should be a hexadecimal number is none")
    return np.frombuffer(numbers, f">u{digits // 2}").astype(np.uint32)


def _address(text: Bytes, at: Rows, ipv6: Mask) -> Words:
    """The addresses at these indexes, as four words each, most significant first. IPv4 has its address in the first.

    The kernel prints each 32-bit word of an address in network order as a number of its own byte order.
    """
    words = np.zeros((len(at), 4), np.uint32)
    words[:, 0] = _hexadecimal(text, at, 8)
    for word in range(1, 4):
        words[ipv6, word] = _hexadecimal(text, at[ipv6] + 8 * word, 8)
    return words.view(">u4").astype(np.uint32)


def _owners(text: Bytes, at: Rows, end: Rows) -> tuple[Words, Words]:
    """(uid, inode): the first and the third of the decimal numbers that begin at these indexes."""
    places = at[:, None] + np.arange(DECIMALS)
    figures = text[np.minimum(places, end[:, None])]
    is_figure = (figures >= ZERO) & (figures < ZERO + 10)
    begins = is_figure & ~np.pad(is_figure, ((0, 0), (1, 0)))[:, :-1]
    number = np.cumsum(begins, axis=1)
    ends = number[:, -1] > 3 if len(number) else np.zeros(0, np.bool_)
    if not (ends.all() and (is_figure | (figures == BLANK))[number <= 3].all()):
        raise CollectError("/proc/net/tcp is damaged: uid, timeout and inode are not three numbers")
    values = np.zeros((2, len(at)), np.uint64)
    for column in range(DECIMALS):
        for value, wanted in zip(values, (1, 3), strict=True):
            rows = np.flatnonzero(is_figure[:, column] & (number[:, column] == wanted))
            value[rows] = value[rows] * np.uint64(10) + (figures[rows, column] - ZERO)
    return values[0].astype(np.uint32), values[1].astype(np.uint32)
