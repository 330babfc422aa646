"""Netlink messages of sock_diag → columns, by numpy over all messages at once."""

import numpy as np
from numpy.typing import NDArray

from twtop.model import Codes, Rows, Sockets, TcpState, Timer, Timestamps
from twtop.sources.find_messages import MESSAGE, WORD, Messages, find_messages
from twtop.sources.probe import INET_DIAG_INFO, CollectError, Dump
from twtop.table.identity import identified
from twtop.table.origin import origin
from twtop.table.renewal import lasting, renewed
from twtop.table.socket_table import socket_table, without_repeats

AF_INET, AF_INET6 = 2, 10  # Linux's numbers, on whatever machine a Sample is decoded
HIGHEST_STATE = int(max(TcpState))
LONGEST_MS = 2**31 - 1

INFO_OPTIONS = 5
"""Where struct tcp_info (linux/tcp.h) has tcpi_options; its lowest bit is TCPI_OPT_TIMESTAMPS."""

LEAST_INFO = 104
"""The length of struct tcp_info in Linux 2.6; it has grown since."""

MOST_ATTRIBUTES = 24
HAS_NEGOTIATED = np.ones(HIGHEST_STATE + 1, np.bool_)
"""Whether both ends have said their options in this state."""
HAS_NEGOTIATED[[TcpState.SYN_SENT, TcpState.LISTEN, TcpState.CLOSE]] = False


def decode_dump(dump: Dump, before: Sockets | None = None) -> Sockets:
    """Netlink messages of any length → columns. A socket that was seen twice is kept once. Raises CollectError.

    What was in TIME_WAIT in the table `before`, and still is, is taken from there, all but its timer.
    """
    if len(dump) % WORD:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are no whole number of netlink words")
    messages = find_messages(dump)
    identity = messages.field("cookie")
    if before is None or not len(before) or not identity.any():
        return identified(without_repeats(_columns(messages, slice(None))), before)
    rows, state = origin(before.identity, identity), messages.field("state")
    kept = lasting(before, rows, state)
    new = _columns(messages, np.flatnonzero(~kept))
    return renewed(before, rows, kept, new, state, _left_ms(messages.field("expires")), identity)


def _timestamps(dump: NDArray[np.uint32], messages: NDArray[np.void], starts: Rows) -> NDArray[np.uint8]:
    """The Timestamps of each of these messages of a dump: of those with a struct tcp_info, which the kernel sends if it
    is asked.

    Attributes are walked for all messages at once. A damaged one ends the walk of its message, which is then unknown.
    """
    found = np.full(len(messages), np.uint8(Timestamps.UNKNOWN))
    rows = np.flatnonzero(messages["length"] >= MESSAGE.itemsize + WORD + LEAST_INFO)
    rows = rows[HAS_NEGOTIATED[messages["state"][rows]]]
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
    starts = found.starts[rows]
    messages = found.records(starts)
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
        timer_ms=np.where(timer == np.uint8(Timer.OFF), np.int32(-1), left),
        timestamps=_timestamps(found.words, messages, starts),
        identity=messages["cookie"].copy(),
        **{name: messages[name].copy() for name in ("retransmits", "device", "rqueue", "wqueue", "uid", "inode")},
    )
