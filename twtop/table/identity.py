"""An identity for sockets whose source tells none: a hash of the ends, the same for as long as it may be one socket."""

from dataclasses import replace

import numpy as np

from twtop.arrays import Keys, address_names, mixed
from twtop.model import Mask, Rows, Sockets, TcpState
from twtop.table.origin import NONE, origin

STAGES = np.zeros(len(TcpState) + 1, np.int8)
STAGES[[TcpState.ESTABLISHED]] = 1
STAGES[[TcpState.FIN_WAIT1, TcpState.CLOSE_WAIT]] = 2
STAGES[[TcpState.FIN_WAIT2, TcpState.CLOSING, TcpState.LAST_ACK]] = 3
STAGES[[TcpState.TIME_WAIT]] = 4
"""How far a connection has come. It only goes on, never back (RFC 9293, 3.3.2)."""


def identified(sockets: Sockets, before: Sockets | None) -> Sockets:
    """The same table in which each socket has an identity, and the row that it had in the table `before`.

    A socket has that of the one with the same ends before, unless it must be another one: its state, its timer, its
    descriptor or its process shows that. Listeners that share a port may have the same.
    """
    if not len(sockets) or (sockets.identity != NONE).all():
        return sockets
    names = _names(sockets)
    if before is None or not len(before):
        return replace(sockets, identity=names)
    rows = origin(_names(before), names)
    found = np.flatnonzero(rows >= 0)
    other = _is_another(before, rows[found], sockets, found)
    identity = names
    identity[found] = before.identity[rows[found]]
    identity[found[other]] = mixed(identity[found[other]] + names[found[other]])
    rows[found[other]] = -1
    return replace(sockets, identity=identity, origin=rows)


def _names(sockets: Sockets) -> Keys:
    """A 64-bit hash, never NONE, of the ends and the device of each socket, and of a listener's inode."""
    ends = address_names(sockets.addresses)
    ports = sockets.lport.astype(np.uint64) << np.uint64(16) | sockets.rport
    key = mixed(ends.take(sockets.local) + ports)
    own = np.where(sockets.is_connection, np.uint32(0), sockets.inode).astype(np.uint64)
    key = mixed(key + (sockets.device.astype(np.uint64) << np.uint64(32)) + own)
    return mixed(key + ends.take(sockets.remote)) | np.uint64(1)


def _is_another(before: Sockets, rows: Rows, now: Sockets, found: Rows) -> Mask:
    """Mask of the sockets that cannot be those in the same rows before."""
    back = STAGES[now.state[found]] < STAGES[before.state[rows]]
    differ = back | _taken_anew(before, rows, now, found)
    for name in ("inode", "pid"):
        one, other = getattr(before, name)[rows], getattr(now, name)[found]
        differ |= (one != other) & (one != 0) & (other != 0)
    return differ


def _taken_anew(before: Sockets, rows: Rows, now: Sockets, found: Rows) -> Mask:
    """Mask of the timewait objects whose timers lost less than half of what most lost.

    They wait for longer than there was time: a connection has taken over the TIME_WAIT, and left one itself. A closed
    FIN_WAIT2 that becomes a TIME_WAIT begins to wait once more (tcp_timewait_state_process).
    """
    waits = before.is_timewait_object[rows] & now.is_timewait_object[found]
    waits &= before.state[rows] == now.state[found]
    left_ms = now.timer_ms[found]
    runs, lost = waits & (left_ms > 0), before.timer_ms[rows] - left_ms
    most_lost = np.median(lost[runs]) if runs.any() else 0
    anew: Mask = runs & (2 * lost < most_lost)
    return anew
