"""What twtop, `ss` and /proc/net/tcp{,6} say about the same sockets, in one shape."""

import ipaddress
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from twtop.model import TcpState, Timer
from twtop.sources.decode import decode
from twtop.sources.probe import Sample

Ends = tuple[str, int, str, int]
"""Local address and port, remote address and port; "*" is the wildcard address, mapped IPv6 is IPv4."""

SS_STATES = {
    "ESTAB": TcpState.ESTABLISHED,
    "SYN-SENT": TcpState.SYN_SENT,
    "SYN-RECV": TcpState.SYN_RECV,
    "FIN-WAIT-1": TcpState.FIN_WAIT1,
    "FIN-WAIT-2": TcpState.FIN_WAIT2,
    "TIME-WAIT": TcpState.TIME_WAIT,
    "UNCONN": TcpState.CLOSE,
    "CLOSE-WAIT": TcpState.CLOSE_WAIT,
    "LAST-ACK": TcpState.LAST_ACK,
    "LISTEN": TcpState.LISTEN,
    "CLOSING": TcpState.CLOSING,
}
SS_TIMERS = {
    "on": Timer.RETRANSMIT,
    "keepalive": Timer.KEEPALIVE,
    "timewait": Timer.TIMEWAIT,
    "persist": Timer.PROBE,
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A socket as one of them sees it. Its timer has at least `left` seconds to go, and less than `left + unit`."""

    state: TcpState
    timer: Timer
    left: float
    unit: float
    queues: tuple[int, int] | None = None
    owner: tuple[int, int] | None = None


Table = dict[Ends, Seen]


def by_twtop(sample: Sample) -> Table:
    """The decoded sample, row by row."""
    found = decode(sample).sockets
    names = [name(found.addresses.integer(index).to_bytes(16)) for index in range(len(found.addresses))]
    table = {}
    for row in range(len(found)):
        local, remote = names[found.local[row]], names[found.remote[row]]
        table[local, int(found.lport[row]), remote, int(found.rport[row])] = Seen(
            TcpState(found.state[row]),
            Timer(found.timer[row]),
            left=int(found.timer_ms[row]) / 1000,
            unit=0.001,
            queues=(int(found.rqueue[row]), int(found.wqueue[row])),
            owner=(int(found.uid[row]), int(found.inode[row])),
        )
    return table


def proc_text() -> str:
    """The text of both tables of this thread's namespace. /proc/net would be that of the process's first thread."""
    tables = (Path("/proc/thread-self/net", name) for name in ("tcp", "tcp6"))
    return "".join(table.read_text() for table in tables if table.exists())


def by_proc(text: str) -> Table:
    """Lines of /proc/net/tcp and tcp6; time is in units of 1/100 s."""
    table = {}
    for line in text.splitlines():
        fields = line.replace(":", " ").split()
        if not fields[0].isdigit():
            continue
        local, lport, remote, rport, state, _, _, timer, left, _, uid, _, inode = fields[1:14]
        ends = (_proc_address(local), int(lport, 16), _proc_address(remote), int(rport, 16))
        table[ends] = Seen(
            TcpState(int(state, 16)),
            Timer(int(timer, 16)),
            left=int(left, 16) / 100,
            unit=0.01,
            owner=(int(uid), int(inode)),
        )
    return table


def _proc_address(text: str) -> str:
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    return name(struct.pack(f"={len(words)}I", *words))


def name(address_or_packed: str | bytes) -> str:
    """An address as in Ends."""
    address = ipaddress.ip_address(address_or_packed)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return "*" if address.is_unspecified else str(address)


def ss_text() -> str:
    """Everything that ss knows of TCP in this namespace."""
    return subprocess.run(["ss", "-tanoH"], capture_output=True, text=True, check=True).stdout


def by_ss(text: str) -> Table:
    """Lines of ss. It shows no socket that is merely bound."""
    table = {}
    for line in text.splitlines():
        state, rqueue, wqueue, local, remote, *details = line.split()
        timer, left, unit = Timer.OFF, 0.0, 0.0
        if found := re.search(r"timer:\((\w+),([^,]*),", " ".join(details)):
            timer, (left, unit) = SS_TIMERS[found[1]], ss_time(found[2])
        ends = (*_ss_end(local), *_ss_end(remote))
        table[ends] = Seen(SS_STATES[state], timer, left, unit, queues=(int(rqueue), int(wqueue)))
    return table


def _ss_end(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    address = address.strip("[]")
    return "*" if address == "*" else name(address), 0 if port == "*" else int(port)


def ss_time(text: str) -> tuple[float, float]:
    """(seconds, unit): ss cuts off milliseconds from 10 s on and seconds from 10 min on (print_ms_timer in ss.c).

    >>> ss_time("59sec"), ss_time("1min1sec"), ss_time("5.120ms"), ss_time("048ms"), ss_time("4sec")
    ((59.0, 1), (61.0, 1), (5.12, 0.001), (0.048, 0.001), (4.0, 0.001))
    """
    found = re.fullmatch(r"(?:(\d+)min)?(?:(\d+)(?:sec|\.(?=\d)))?(?:(\d+)ms)?", text)
    assert found, f"ss said {text!r}"
    minutes, seconds, thousandths = (int(part or 0) for part in found.groups())
    unit = 60 if minutes > 9 else 1 if minutes or seconds > 9 else 0.001
    return minutes * 60 + seconds + thousandths / 1000, unit
