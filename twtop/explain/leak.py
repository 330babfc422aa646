"""A leak of descriptors: who holds the CLOSE_WAIT that stay, and what to look for there."""

import numpy as np

from twtop import formatting as fmt
from twtop.arrays import fused
from twtop.explain.fix import Fix
from twtop.frame.frame import Frame
from twtop.model import Process, Rows, TcpState
from twtop.records import dataclass
from twtop.sanitize import printable
from twtop.verdicts.fds import leaks

NAME_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Leak:
    """The CLOSE_WAIT that one process holds, of `total`. `process` is None where it is unknown.

    `read_to_end` of them were read to the last byte, and not closed. `unread` have bytes that the application has not
    read. From all others it has read nothing since the peer closed.
    """

    process: Process | None
    rows: Rows
    total: int
    read_to_end: int
    unread: int


def leak_fix(frame: Frame) -> tuple[Fix, ...]:
    """Empty where nothing leaks."""
    if not leaks(frame.analysis):
        return ()
    found = find_leak(frame)
    process, held = found.process, fmt.count(len(found.rows))
    of_all = "" if len(found.rows) == found.total else f" of {fmt.count(found.total)}"
    who = f"{printable(process.name, NAME_WIDTH)} {process.pid}" if process else "an unknown process"
    return (
        Fix(
            f"Close what the peer has closed: {who} holds {held}{of_all} CLOSE_WAIT",
            f"{_evidence(found)}. Look for the way out of the code that reads {_where(frame, found.rows)} without "
            f"close(): an error, a time-out, a pool that keeps what is dead. Each then gives its descriptor back",
            (f"ss -tnp state close-wait | grep pid={process.pid}," if process else "sudo ss -tnp state close-wait",),
            None,
        ),
    )


def find_leak(frame: Frame) -> Leak:
    """The process with the most CLOSE_WAIT; where owners of most are unknown, all CLOSE_WAIT.

    `rqueue` counts the peer's FIN as one byte until recv() takes it, alone or with the last data (tcp_diag_get_info,
    tcp_recvmsg_locked).
    """
    sockets, owners = frame.snapshot.sockets, frame.owners
    rows = every = sockets.in_state(TcpState.CLOSE_WAIT)
    held = np.bincount(owners.process[rows] + 1, minlength=len(owners.processes) + 1)
    most = int(held.argmax()) - 1
    if most >= 0:
        rows = rows[owners.process[rows] == most]
    waiting = sockets.rqueue[rows]
    return Leak(
        process=owners.processes[most] if most >= 0 else None,
        rows=rows,
        total=len(every),
        read_to_end=int(np.count_nonzero(waiting == 0)),
        unread=int(np.count_nonzero(waiting > 1)),
    )


def _evidence(found: Leak) -> str:
    parts = (
        (found.read_to_end, "were read to the end and not closed"),
        (len(found.rows) - found.read_to_end - found.unread, "are not read any more"),
        (found.unread, "have data that nobody reads"),
    )
    return ", ".join(f"{fmt.count(count)} {what}" for count, what in parts if count)


def _where(frame: Frame, rows: Rows) -> str:
    """Whose data most of these connections carry, in words: clients of a port here, or a service there."""
    sockets = frame.snapshot.sockets
    ports, count = np.unique(sockets.lport[rows], return_counts=True)
    if count.max() * 2 > len(rows):
        return f"from clients of port {ports[count.argmax()]}"
    services, count = np.unique(fused((sockets.remote[rows], 32), (sockets.rport[rows], 16)), return_counts=True)
    service = int(services[count.argmax()])
    return f"from {fmt.endpoint(sockets.addresses.integer(service >> 16), service & 0xFFFF)}"
