"""Netlink messages of sock_diag → columns, by numpy over all messages at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twtop.model import Codes, Rows, Sockets, TcpState, Timer, Timestamps
from twtop.sources.probe import INET_DIAG_INFO, TCPDIAG_GETSOCK, CollectError, Dump
from twtop.table.identity import identified
from twtop.table.origin import origin
from twtop.table.renewal import lasting, renewed
from twtop.table.socket_table import socket_table, without_repeats

NLM_F_MULTI = 0x2
KNOWN_FLAGS = 0xFFCF  # all but NLM_F_DUMP_INTR and NLM_F_DUMP_FILTERED
AF_INET, AF_INET6 = 2, 10  # Linux's numbers, on whatever machine a Sample is decoded
HIGHEST_STATE = int(max(TcpState))

MESSAGE = np.dtype(
    [
        *(("length", "=u4"), ("type", "=u2"), ("flags", "=u2"), ("sequence", "=u4"), ("pid", "=u4")),
        *(("family", "u1"), ("state", "u1"), ("timer", "u1"), ("retransmits", "u1")),
        *(("lport", ">u2"), ("rport", ">u2"), ("local", ">u4", 4), ("remote", ">u4", 4), ("device", "=u4")),
        *(("cookie", "=u8"), ("expires", "=u4"), ("rqueue", "=u4"), ("wqueue", "=u4")),
        *(("uid", "=u4"), ("inode", "=u4")),
    ]
)
"""struct nlmsghdr and struct inet_diag_msg (linux/netlink.h, linux/inet_diag.h), before any attribute."""

WORD, WORD_BITS = 4, 2
"""Bytes: netlink aligns messages and attributes to this (NLMSG_ALIGNTO)."""

LENGTH_WORD, TYPE_WORD, SEQUENCE_WORD, PID_WORD = range(4)
STATE_WORD, STATE_BYTE = 4, 1
"""Where a message has its length, its type and flags, its sequence number and its port id; its state."""

COOKIE_WORD, EXPIRES_WORD = 15, 17
"""The words of MESSAGE that matter of a TIME_WAIT that was seen before; a cookie has two."""

HEAD, KNOWN_HEAD = (
    np.array(halves, np.uint16).view(np.uint32)[0] for halves in ([TCPDIAG_GETSOCK, NLM_F_MULTI], [0xFFFF, KNOWN_FLAGS])
)
"""Type and flags of every message, and which of their bits count."""
LONGEST_MS = 2**31 - 1

INFO_OPTIONS = 5
"""Where struct tcp_info (linux/tcp.h) has tcpi_options; its lowest bit is TCPI_OPT_TIMESTAMPS."""

LEAST_INFO = 104
"""The length of struct tcp_info in Linux 2.6; it has grown since."""

MOST_ATTRIBUTES = 24
NEGOTIATED = [state for state in TcpState if state not in (TcpState.SYN_SENT, TcpState.LISTEN, TcpState.CLOSE)]
"""The states in which both ends have said their options."""


def decode_dump(dump: Dump, before: Sockets | None = None) -> Sockets:
    """Netlink messages of any length → columns. A socket that was seen twice is kept once. Raises CollectError.

    What was in TIME_WAIT in the table `before`, and still is, is taken from there, all but its timer.
    """
    if len(dump) % WORD:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are no whole number of netlink words")
    messages = find_messages(dump)
    identity = messages.identity
    if before is None or not len(before) or not identity.any():
        return identified(without_repeats(_columns(messages, slice(None))), before)
    rows = origin(before.identity, identity)
    kept = lasting(before, rows, messages.word(STATE_WORD).view(np.uint8)[STATE_BYTE::WORD])
    new = _columns(messages, np.flatnonzero(~kept))
    left = _left_ms(messages.word(EXPIRES_WORD))
    return renewed(before, rows, kept, new, left, identity)


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """The messages of a dump: where each begins in `words`."""

    words: NDArray[np.uint32]
    starts: Rows

    def __len__(self) -> int:
        return len(self.starts)

    def word(self, number: int) -> NDArray[np.uint32]:
        """The same word of each message."""
        return self.words.take(self.starts + number)

    @property
    def identity(self) -> NDArray[np.uint64]:
        """The cookie of each message."""
        return self.word(COOKIE_WORD) | self.word(COOKIE_WORD + 1).astype(np.uint64) << np.uint64(32)

    def records(self, rows: Rows | slice) -> NDArray[np.void]:
        """These messages as records of MESSAGE.

        They are copied as plain bytes, which numpy copies whole; it copies records field by field.
        """
        if not len(self.starts):
            return np.empty(0, MESSAGE)
        room = len(self.words) - MESSAGE.itemsize // WORD + 1
        windows = np.ndarray(room, f"V{MESSAGE.itemsize}", self.words, strides=(WORD,))
        return windows[self.starts[rows]].view(MESSAGE)


def find_messages(dump: Dump) -> Messages:
    """The messages of a dump. Raises CollectError.

    They are found by their headers, not by a walk. The dump's random sequence number, the type and the port id mark a
    header. A message that only looks like one cannot pass: the lengths must lead from each message to the next without
    a gap.
    """
    words = np.frombuffer(dump, np.uint32)
    if not len(words):
        return Messages(words, np.empty(0, np.intp))
    if len(dump) < MESSAGE.itemsize:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are less than one message")
    found = Messages(words, _starts_at_pairs(words))
    broken = _broken(found)
    if broken is not None:
        found = Messages(words, _starts(words))
        broken = _broken(found)
    if broken is not None:
        raise CollectError(f"socket dump is damaged: no TCP socket message at byte {broken} of {len(dump)}")
    return found


def _starts(words: NDArray[np.uint32]) -> Rows:
    """Where there is a message's header."""
    starts = np.flatnonzero(words == words[SEQUENCE_WORD]) - SEQUENCE_WORD
    starts = starts[(starts >= 0) & (starts <= len(words) - MESSAGE.itemsize // WORD)]
    genuine = (words[starts + TYPE_WORD] & KNOWN_HEAD == HEAD) & (words[starts + PID_WORD] == words[PID_WORD])
    found: Rows = starts[genuine]
    return found


def _starts_at_pairs(words: NDArray[np.uint32]) -> Rows:
    """The same if all messages are a multiple of 8 bytes long, as they mostly are: that takes half the time."""
    pairs = words[: len(words) // 2 * 2].view(np.uint64)
    at = np.flatnonzero(pairs == pairs[SEQUENCE_WORD // 2]) - 1
    at = at[(at >= 0) & (2 * at <= len(words) - MESSAGE.itemsize // WORD)]
    genuine = pairs.view(np.uint32)[1::2].take(at) & KNOWN_HEAD == HEAD
    return 2 * (at if genuine.all() else at[genuine])


def _broken(found: Messages) -> int | None:
    """The first byte at which there should be a message, and is none of these; None where all follow each other."""
    starts, lengths = found.starts, found.word(LENGTH_WORD).astype(np.intp)
    ends = starts + ((lengths + WORD - 1) >> WORD_BITS)
    too_short = lengths < MESSAGE.itemsize
    ends[too_short] = starts[too_short]  # such a message ends nowhere
    if not len(starts) or starts[0]:
        return 0
    if (ends[:-1] == starts[1:]).all() and ends[-1] == len(found.words):
        return None
    return int(ends[np.argmax(ends != np.append(starts[1:], len(found.words)))]) * WORD


def _timestamps(dump: NDArray[np.uint32], messages: NDArray[np.void], starts: Rows) -> NDArray[np.uint8]:
    """The Timestamps of each of these messages of a dump: of those with a struct tcp_info, which the kernel sends if it
    is asked.

    Attributes are walked for all messages at once. A damaged one ends the walk of its message, which is then unknown.
    """
    found = np.full(len(messages), np.uint8(Timestamps.UNKNOWN))
    rows = np.flatnonzero(messages["length"] >= MESSAGE.itemsize + WORD + LEAST_INFO)
    rows = rows[np.isin(messages["state"][rows], NEGOTIATED)]
    content, halves = dump.view(np.uint8), dump.view(np.uint16)
    at = starts[rows] * WORD + MESSAGE.itemsize
    end = starts[rows] * WORD + messages["length"][rows].astype(np.intp)
    for _ in range(MOST_ATTRIBUTES):
        inside = at + WORD <= end
        rows, at, end = rows[inside], at[inside], end[inside]
        if not len(rows):
            break
        length, kind = halves[at // 2].astype(np.intp), halves[at // 2 + 1]  # struct nlattr
        has_info = (kind == INET_DIAG_INFO) & (length >= WORD + LEAST_INFO) & (at + length <= end)
        used = content[at[has_info] + WORD + INFO_OPTIONS] & 1 == 1
        found[rows[has_info]] = np.where(used, np.uint8(Timestamps.USED), np.uint8(Timestamps.NOT_USED))
        goes_on = ~has_info & (length >= WORD)
        rows, end = rows[goes_on], end[goes_on]
        at = at[goes_on] + (length[goes_on] + WORD - 1) // WORD * WORD
    return found


def _left_ms(expires: NDArray[np.uint32]) -> Codes:
    """The time left on these timers, as much as the column holds at the most."""
    left = expires.view(np.int32)
    return np.minimum(expires, np.uint32(LONGEST_MS)).astype(np.int32) if (left < 0).any() else left


def _columns(found: Messages, rows: Rows | slice) -> Sockets:
    """The columns of these messages. Raises CollectError for a family or state that does not exist."""
    messages = found.records(rows)
    family, state, timer = (messages[name].copy() for name in ("family", "state", "timer"))
    ipv6 = family == AF_INET6
    if not (ipv6 | (family == AF_INET)).all() or (state == 0).any() or (state > HIGHEST_STATE).any():
        raise CollectError("socket dump is damaged: a message has an address family or TCP state that does not exist")
    left = _left_ms(messages["expires"].copy())
    return socket_table(
        messages["local"],
        messages["remote"],
        ipv6,
        state=state,
        timer=timer,
        lport=messages["lport"].astype(np.uint16),
        rport=messages["rport"].astype(np.uint16),
        timer_ms=np.where(timer == Timer.OFF, np.int32(-1), left),
        timestamps=_timestamps(found.words, messages, found.starts[rows]),
        identity=messages["cookie"].copy(),
        **{name: messages[name].copy() for name in ("retransmits", "device", "rqueue", "wqueue", "uid", "inode")},
    )
