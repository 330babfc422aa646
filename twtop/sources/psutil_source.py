"""Sockets by psutil, for kernels other than Linux: addresses, states and who holds them, but no timers and queues."""

import re
import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from twtop.model import UNKNOWN_QUEUE, UNKNOWN_RETRANSMITS, Process, Sockets, TcpState, Timer
from twtop.sources.probe import ALL_SOCKETS, CollectError, Dump, Request, Sample, Unavailable, namespace_id, take_sample
from twtop.table.identity import identified
from twtop.table.socket_table import socket_table, without_repeats

PSUTIL = "psutil"
BLIND_ON_MACOS = "macOS shows psutil only sockets that a process holds, so no TIME_WAIT"

ROW = struct.Struct("<?B16s16sHHI")
COLUMNS = np.dtype(
    [
        *(("ipv6", "?"), ("state", "u1"), ("local", ">u4", 4), ("remote", ">u4", 4), ("ports", "<u2", 2)),
        ("pid", "<u4"),
    ]
)
"""A row of a dump, for struct and for numpy: whether IPv6, state, local and remote address, both ports, pid."""

NAME = re.compile(r"(\d{1,10})/comm")
"""Path of a process's name among the files of a Sample."""

STATES = {
    "ESTABLISHED": TcpState.ESTABLISHED,
    "SYN_SENT": TcpState.SYN_SENT,
    "SYN_RECV": TcpState.SYN_RECV,
    "FIN_WAIT1": TcpState.FIN_WAIT1,
    "FIN_WAIT2": TcpState.FIN_WAIT2,
    "TIME_WAIT": TcpState.TIME_WAIT,
    "CLOSE_WAIT": TcpState.CLOSE_WAIT,
    "LAST_ACK": TcpState.LAST_ACK,
    "LISTEN": TcpState.LISTEN,
    "CLOSING": TcpState.CLOSING,
}
"""By psutil's names. Any other, NONE or one that a single system has (BOUND, IDLE, DELETE_TCB), counts as CLOSE."""


def read_psutil(request: Request = ALL_SOCKETS) -> Sample:
    """All sockets of this process's network namespace. The files have the names of their holders too, as `PID/comm`.

    Raises Unavailable where psutil is missing or not allowed to read them.
    """
    sample = take_sample(PSUTIL, lambda: b"".join(_rows()), "/proc", ALL_SOCKETS if request.states else request)
    if sample.dump is None:
        return sample
    notice = BLIND_ON_MACOS if sys.platform == "darwin" else ""
    return replace(sample, files=sample.files | dict(_names(sample.dump)), notice=notice)


def _names(rows: Dump) -> Iterator[tuple[str, str]]:
    """(`PID/comm`, name) of each process in these rows that is still there and may be asked."""
    import psutil

    for pid in set(np.frombuffer(rows, COLUMNS)["pid"].tolist()) - {0}:
        try:
            yield f"{pid}/comm", psutil.Process(pid).name()
        except psutil.Error:
            continue


def _rows() -> Iterator[bytes]:
    """A ROW for each socket."""
    if _is_elsewhere():
        raise Unavailable("psutil knows no network namespace but twtop's own: use --source procfs")
    try:
        import psutil  # takes 0.04 s, which the other sources need not spend
    except ImportError as error:
        raise Unavailable(f"psutil is not installed: {error}") from error
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied as error:
        raise Unavailable("this system shows psutil the sockets of others only as root: use sudo") from error
    except (OSError, psutil.Error, RuntimeError, NotImplementedError) as error:
        raise CollectError(f"psutil cannot read sockets: {error}") from error
    for each in connections:
        local, lport = each.laddr or ("", 0)
        remote, rport = each.raddr or ("", 0)
        ipv6 = each.family == socket.AF_INET6
        state = STATES.get(each.status, TcpState.CLOSE)
        yield ROW.pack(ipv6, state, _packed(local, ipv6), _packed(remote, ipv6), lport, rport, each.pid or 0)


def _is_elsewhere() -> bool:
    """Whether this thread is in another namespace than the process's first thread, whose /proc/net psutil reads."""
    try:
        return namespace_id("/proc") not in ("", str(Path("/proc/self/ns/net").readlink()))
    except OSError:
        return False


def _packed(address: str, ipv6: bool) -> bytes:
    """16 bytes in network order, with an IPv4 address in the first four. An empty text is the wildcard address."""
    if not address:
        return bytes(16)
    return socket.inet_pton(socket.AF_INET6 if ipv6 else socket.AF_INET, address.partition("%")[0]).ljust(16, b"\0")


def decode_rows(rows: Dump, before: Sockets | None = None) -> Sockets:
    """Rows → columns. Timers, queues, uids and inodes are unknown; `pid` has the holders. Raises CollectError.

    `before` are the columns of the reading before.
    """
    if len(rows) % ROW.size:
        raise CollectError(f"psutil's rows are cut off: {len(rows)} bytes are no whole number of rows")
    table = np.frombuffer(rows, COLUMNS)
    count, state = len(table), table["state"].copy()
    nothing = np.zeros(count, np.uint32)
    found = without_repeats(
        socket_table(
            table["local"].astype(np.uint32),
            table["remote"].astype(np.uint32),
            table["ipv6"].copy(),
            state=state,
            timer=np.full(count, Timer.OFF, np.uint8),
            lport=table["ports"][:, 0].astype(np.uint16),
            rport=table["ports"][:, 1].astype(np.uint16),
            timer_ms=np.full(count, -1, np.int32),
            retransmits=np.full(count, UNKNOWN_RETRANSMITS, np.uint8),
            device=nothing,
            rqueue=nothing.copy(),
            wqueue=np.where(state == TcpState.LISTEN, np.uint32(UNKNOWN_QUEUE), np.uint32(0)),
            uid=nothing.copy(),
            inode=nothing.copy(),
            pid=table["pid"].astype(np.uint32),
        )
    )
    return identified(found, before)


def decode_holders(files: Mapping[str, str]) -> dict[int, Process]:
    """pid → process, from the names among the files of a Sample.

    >>> decode_holders({"7/comm": "nginx", "net/snmp": ""})
    {7: Process(pid=7, name='nginx')}
    """
    found = {int(match[1]): name for path, name in files.items() if (match := NAME.fullmatch(path))}
    return {pid: Process(pid, name) for pid, name in found.items()}
