"""The table before, and the rows that are new → the table of now: what was decoded once is not decoded again."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.model import Addresses, Codes, Mask, Rows, Sockets, TcpState, Timer
from twtop.table.socket_table import merged, without_repeats

MANY = 1024
"""So many addresses may be kept that no socket has any more."""

OF_LIVE_SOCKETS = ("retransmits", "rqueue", "wqueue", "uid", "inode", "pid", "timestamps")
"""Columns that are 0 in every TIME_WAIT (inet_twsk_diag_fill)."""


def lasting(before: Sockets, rows: Rows, state: NDArray[np.uint8]) -> Mask:
    """Mask of the sockets that were and are in TIME_WAIT: of these nothing changes but the timer.

    `rows` says which row of the table before each was, −1 for none, and `state` is that of now.
    """
    waited: Mask = before.is_time_wait.take(rows)  # for −1 the last one, which is left out again
    wait: Mask = state == np.uint8(TcpState.TIME_WAIT)
    return waited & (rows >= 0) & wait


def renewed(
    before: Sockets,
    rows: Rows,
    kept: Mask,
    new: Sockets,
    state: NDArray[np.uint8],
    timer_ms: Codes,
    identity: NDArray[np.uint64],
) -> Sockets:
    """The table of sockets of which `kept` were in the table before, in these `rows`, and are in TIME_WAIT still.

    All others are `new`, in their order. `state`, `timer_ms` and `identity` are those of all; the table keeps them.
    """
    addresses, number = merged(before.addresses, new.addresses)
    others = np.flatnonzero(~kept)

    def of_both(name: str, new_column: NDArray[Any]) -> NDArray[Any]:
        column: NDArray[Any] = getattr(before, name).take(rows)
        column[others] = new_column
        return column

    def of_new(name: str, otherwise: int = 0) -> NDArray[Any]:
        """A column that has the same in every TIME_WAIT."""
        new_column = getattr(new, name)
        value = new_column.dtype.type(otherwise)
        same = np.broadcast_to(value, len(kept))
        if (new_column == value).all():
            return same  # takes no memory
        column = same.copy()
        column[others] = new_column
        return column

    timer_ms[others] = new.timer_ms
    found = Sockets(
        addresses,
        state=state,
        timer=of_new("timer", Timer.TIMEWAIT),
        local=of_both("local", number[new.local]),
        remote=of_both("remote", number[new.remote]),
        lport=of_both("lport", new.lport),
        rport=of_both("rport", new.rport),
        device=of_both("device", new.device) if before.device.any() else of_new("device"),
        timer_ms=timer_ms,
        identity=identity,
        origin=rows,
        **{name: of_new(name) for name in OF_LIVE_SOCKETS},
    )
    found = without_repeats(found, others)
    return found if addresses is before.addresses else _with_used_addresses(found)


def _with_used_addresses(sockets: Sockets) -> Sockets:
    """The same table without the addresses that no socket has, once most are such and they are many."""
    addresses = sockets.addresses
    if len(addresses) <= MANY:
        return sockets
    used = np.zeros(len(addresses), np.bool_)
    used[sockets.local] = used[sockets.remote] = True
    if 2 * np.count_nonzero(used) > len(addresses):
        return sockets
    number = (np.cumsum(used) - 1).astype(np.int32)
    local, remote = number[sockets.local], number[sockets.remote]
    return replace(sockets, addresses=Addresses(addresses.hi[used], addresses.lo[used]), local=local, remote=remote)
