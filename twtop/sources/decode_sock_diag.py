"""Netlink messages of sock_diag → columns, by numpy over all messages at once."""

import numpy as np
from numpy.typing import NDArray

from twtop.model import Sockets, TcpState, Timer, Timestamps
from twtop.sources.probe import INET_DIAG_INFO, TCPDIAG_GETSOCK, CollectError, Dump
from twtop.sources.socket_table import socket_table

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

WORD = 4
"""Bytes: netlink aligns messages and attributes to this (NLMSG_ALIGNTO)."""

SEQUENCE_WORD, PID_WORD = 2, 3
"""Where a message has its sequence number and its port id."""


INFO_OPTIONS = 5
"""Where struct tcp_info (linux/tcp.h) has tcpi_options; its lowest bit is TCPI_OPT_TIMESTAMPS."""

LEAST_INFO = 104
"""The length of struct tcp_info in Linux 2.6; it has grown since."""

MOST_ATTRIBUTES = 24
NEGOTIATED = [state for state in TcpState if state not in (TcpState.SYN_SENT, TcpState.LISTEN, TcpState.CLOSE)]
"""The states in which both ends have said their options."""


def decode_dump(dump: Dump) -> Sockets:
    """Netlink messages of any length → columns. A socket that was seen twice is kept once. Raises CollectError."""
    if len(dump) % WORD:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are no whole number of netlink words")
    messages, starts = _messages(dump)
    return _columns(messages, _timestamps(dump, messages, starts))


def _messages(dump: Dump) -> tuple[NDArray[np.void], NDArray[np.intp]]:
    """(messages of a dump as records of MESSAGE, where each begins in words).

    They are found by their headers, not by a walk. The dump's random sequence number, the type and the port id mark a
    header. A message that only looks like one cannot pass: the lengths must lead from each message to the next without
    a gap.
    """
    words = np.frombuffer(dump, np.uint32)
    if not len(words):
        return np.empty(0, MESSAGE), np.empty(0, np.intp)
    if len(dump) < MESSAGE.itemsize:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are less than one message")
    room = len(words) - MESSAGE.itemsize // WORD + 1
    starts = np.flatnonzero(words == words[SEQUENCE_WORD]) - SEQUENCE_WORD
    starts = starts[(starts >= 0) & (starts < room)]
    # As plain bytes, which numpy copies whole; it copies records field by field.
    windows = np.ndarray(room, f"V{MESSAGE.itemsize}", dump, strides=(WORD,))
    messages = windows[starts].view(MESSAGE)
    genuine = (messages["type"] == TCPDIAG_GETSOCK) & (messages["pid"] == words[PID_WORD])
    genuine &= messages["flags"] & KNOWN_FLAGS == NLM_F_MULTI
    if not genuine.all():
        starts, messages = starts[genuine], messages[genuine]
    lengths = messages["length"].astype(np.int64)
    too_short = lengths < MESSAGE.itemsize  # such a message ends nowhere
    ends = starts + np.where(too_short, 0, (lengths + WORD - 1) // WORD)
    expected = np.append(starts[1:], len(words))
    if not len(starts) or starts[0] != 0 or (ends != expected).any():
        broken = 0 if not len(starts) or starts[0] else int(ends[np.argmax(ends != expected)]) * WORD
        raise CollectError(f"socket dump is damaged: no TCP socket message at byte {broken} of {len(dump)}")
    return messages, starts


def _timestamps(dump: Dump, messages: NDArray[np.void], starts: NDArray[np.intp]) -> NDArray[np.uint8]:
    """The Timestamps of each message: of those with a struct tcp_info, which the kernel sends if it is asked.

    Attributes are walked for all messages at once. A damaged one ends the walk of its message, which is then unknown.
    """
    found = np.full(len(messages), np.uint8(Timestamps.UNKNOWN))
    rows = np.flatnonzero(messages["length"] >= MESSAGE.itemsize + WORD + LEAST_INFO)
    rows = rows[np.isin(messages["state"][rows], NEGOTIATED)]
    content, halves = np.frombuffer(dump, np.uint8), np.frombuffer(dump, np.uint16)
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


def _columns(messages: NDArray[np.void], timestamps: NDArray[np.uint8]) -> Sockets:
    """The columns of these records of MESSAGE. Raises CollectError for a family or state that does not exist."""
    family, state, timer = (messages[name].copy() for name in ("family", "state", "timer"))
    ipv6 = family == AF_INET6
    if not (ipv6 | (family == AF_INET)).all() or (state == 0).any() or (state > HIGHEST_STATE).any():
        raise CollectError("socket dump is damaged: a message has an address family or TCP state that does not exist")
    left = np.minimum(messages["expires"], np.uint32(2**31 - 1)).astype(np.int32)
    return socket_table(
        messages["local"],
        messages["remote"],
        ipv6,
        state=state,
        timer=timer,
        lport=messages["lport"].astype(np.uint16),
        rport=messages["rport"].astype(np.uint16),
        timer_ms=np.where(timer == Timer.OFF, np.int32(-1), left),
        timestamps=timestamps,
        **{name: messages[name].copy() for name in ("retransmits", "device", "rqueue", "wqueue", "uid", "inode")},
    )
