"""Sample → Snapshot: raw bytes and text become columns and named numbers. Pure."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twtop.decode_procfs import CLOCK_TICK_MS, decode_tables
from twtop.model import PORTS, Limits, Snapshot, Sockets, Timer
from twtop.probe import ALL_SOCKETS, TCPDIAG_GETSOCK, CollectError, Dump, Sample
from twtop.psutil_source import decode_holders, decode_rows
from twtop.socket_table import socket_table

NLM_F_MULTI = 0x2
KNOWN_FLAGS = 0xFFCF  # all but NLM_F_DUMP_INTR and NLM_F_DUMP_FILTERED
AF_INET, AF_INET6 = 2, 10  # Linux's numbers, whatever machine replays the sample
MESSAGE = np.dtype(
    [
        *(("length", "=u4"), ("type", "=u2"), ("flags", "=u2"), ("sequence", "=u4"), ("pid", "=u4")),
        *(("family", "u1"), ("state", "u1"), ("timer", "u1"), ("retransmits", "u1")),
        *(("lport", ">u2"), ("rport", ">u2"), ("local", ">u4", 4), ("remote", ">u4", 4), ("device", "=u4")),
        *(("cookie", "=u8"), ("expires", "=u4"), ("rqueue", "=u4"), ("wqueue", "=u4")),
        *(("uid", "=u4"), ("inode", "=u4")),
    ]
)
"""struct nlmsghdr and struct inet_diag_msg (linux/inet_diag.h), before any attribute."""

WORD = 4
SEQUENCE_WORD, PID_WORD = 2, 3
EXT_COUNTERS = frozenset(
    {
        "TW", "TWKilled", "TWRecycled", "TCPTimeWaitOverflow",
        "PAWSActive", "PAWSEstab", "PAWSTimewait", "TCPACKSkippedTimeWait", "TCPACKSkippedFinWait2",
        "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPSynRetrans", "TCPAbortOnMemory",
    }
)  # fmt: skip
TCP_COUNTERS = frozenset({"ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "OutRsts", "RetransSegs"})


def decode(sample: Sample, before: Snapshot | None = None) -> Snapshot:
    """A sample without sockets takes those of the snapshot before it.

    Raises CollectError, with one clear line, when the bytes are not what their source says of TCP sockets.
    """
    stale = before if sample.dump is None else None
    return Snapshot(
        time=sample.time,
        mono=sample.mono,
        dumped=stale.dumped if stale else sample.mono,
        cpu=sample.cpu,
        collect_s=stale.collect_s if stale else sample.collect_s,
        host=sample.host,
        kernel=sample.kernel,
        netns=sample.netns,
        source=sample.source,
        sockets=stale.sockets if stale else DECODERS[sample.source](sample.dump or b""),
        limits=decode_limits(sample.files),
        counters=decode_counters(sample.files),
        gauges=decode_gauges(sample.files),
        timer_unit_ms=TIMER_UNITS_MS.get(sample.source, 1),
        load=sample.load,
        place=sample.place,
        notice=sample.notice,
        holders=stale.holders if stale else decode_holders(sample.files) if sample.source == "psutil" else None,
        part=stale.part if stale else bool(sample.ask.states) and sample.ask != ALL_SOCKETS,
    )


def decode_dump(dump: Dump) -> Sockets:
    """Netlink messages of any length → columns; a socket that was seen twice is kept once."""
    if len(dump) % WORD:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are no whole number of netlink words")
    return _columns(_messages(dump))


def _messages(dump: Dump) -> NDArray[np.void]:
    """The messages of a dump as records, found by their headers and not by walking.

    A header shows by the dump's random sequence number, type and port id; then the lengths must lead from each
    message to the next without a gap, which leaves no room for a mistake.
    """
    words = np.frombuffer(dump, np.uint32)
    if not len(words):
        return np.empty(0, MESSAGE)
    if len(dump) < MESSAGE.itemsize:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are less than one message")
    room = len(words) - MESSAGE.itemsize // WORD + 1
    starts = np.flatnonzero(words == words[SEQUENCE_WORD]) - SEQUENCE_WORD
    starts = starts[(starts >= 0) & (starts < room)]
    # As plain bytes: numpy copies these whole, but records field by field.
    places = np.ndarray(room, f"V{MESSAGE.itemsize}", dump, strides=(WORD,))
    messages = places[starts].view(MESSAGE)
    genuine = (messages["type"] == TCPDIAG_GETSOCK) & (messages["pid"] == words[PID_WORD])
    genuine &= messages["flags"] & KNOWN_FLAGS == NLM_F_MULTI
    if not genuine.all():
        starts, messages = starts[genuine], messages[genuine]
    lengths = messages["length"].astype(np.int64)
    ends = starts + np.where(lengths < MESSAGE.itemsize, 0, (lengths + 3) // WORD)  # too short to be one: ends nowhere
    expected = np.append(starts[1:], len(words))
    if not len(starts) or starts[0] != 0 or (ends != expected).any():
        broken = 0 if not len(starts) or starts[0] else int(ends[np.argmax(ends != expected)]) * WORD
        raise CollectError(f"socket dump is damaged: no TCP socket message at byte {broken} of {len(dump)}")
    return messages


def _columns(messages: NDArray[np.void]) -> Sockets:
    family, state, timer = (messages[name].copy() for name in ("family", "state", "timer"))
    ipv6 = family == AF_INET6
    if not (ipv6 | (family == AF_INET)).all() or (state == 0).any() or (state > 11).any():
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
        **{name: messages[name].copy() for name in ("device", "rqueue", "wqueue", "uid", "inode")},
    )


DECODERS: dict[str, Callable[[Dump], Sockets]] = {
    "sock_diag": decode_dump,
    "procfs": decode_tables,
    "psutil": decode_rows,
}
TIMER_UNITS_MS = {"procfs": CLOCK_TICK_MS}


def decode_counters(files: dict[str, str]) -> dict[str, int]:
    """Counters of /proc/net/netstat and snmp that this kernel has."""
    ext = _named_columns(files.get("net/netstat", ""), "TcpExt:")
    tcp = _named_columns(files.get("net/snmp", ""), "Tcp:")
    found = {name: value for name, value in ext.items() if name in EXT_COUNTERS}
    return found | {name: value for name, value in tcp.items() if name in TCP_COUNTERS}


def decode_gauges(files: dict[str, str]) -> dict[str, int]:
    """Levels: sockstat's `tw`, `inuse`, `orphan`, `alloc`, `mem`; `files`, `files_max`; `conntrack`, `conntrack_max`;
    `memory_bytes`, all of the machine's; `tw_slab_bytes`, which only root can see."""
    gauges: dict[str, int] = {}
    tcp = re.search(r"^TCP:(.*)$", files.get("net/sockstat", ""), re.MULTILINE)
    gauges |= {name: int(value) for name, value in re.findall(r"(\w+) (\d{1,19})\b", tcp[1] if tcp else "")}
    tcp6 = re.search(r"^TCP6: inuse (\d{1,19})\b", files.get("net/sockstat6", ""), re.MULTILINE)
    if tcp6 and "inuse" in gauges:
        gauges["inuse"] += int(tcp6[1])
    handles = _numbers(files.get("sys/fs/file-nr"))
    if len(handles) == 3:
        gauges |= {"files": handles[0] - handles[1], "files_max": handles[2]}
    for name, key in (("conntrack", "nf_conntrack_count"), ("conntrack_max", "nf_conntrack_max")):
        if values := _numbers(files.get(f"sys/net/netfilter/{key}")):
            gauges[name] = values[0]
    if installed := re.search(r"^MemTotal:\s+(\d{1,15}) kB$", files.get("meminfo", ""), re.MULTILINE):
        gauges["memory_bytes"] = int(installed[1]) * 1024
    rows = r"^tw_sock_TCP(?:v6)?\s+(\d{1,19})\s+\d+\s+(\d{1,19})\b"
    if slabs := re.findall(rows, files.get("slabinfo", ""), re.MULTILINE):
        gauges["tw_slab_bytes"] = sum(int(active) * int(size) for active, size in slabs)
    return gauges


def decode_limits(files: dict[str, str]) -> Limits:
    """Sysctls as numbers; whatever does not read as one is unknown."""

    def number(name: str) -> int | None:
        values = _numbers(files.get(f"sys/net/ipv4/{name}"))
        return values[0] if len(values) == 1 else None

    bounds = _numbers(files.get("sys/net/ipv4/ip_local_port_range"))
    entries = number("tcp_ehash_entries")
    return Limits(
        port_range=(bounds[0], bounds[1]) if len(bounds) == 2 and 0 < bounds[0] <= bounds[1] < 65536 else None,
        reserved=_port_list(files.get("sys/net/ipv4/ip_local_reserved_ports")),
        tw_reuse=number("tcp_tw_reuse"),
        tw_reuse_delay_ms=number("tcp_tw_reuse_delay"),
        timestamps=number("tcp_timestamps"),
        max_tw_buckets=number("tcp_max_tw_buckets"),
        ehash_entries=None if entries is None else abs(entries),
        rfc1337=number("tcp_rfc1337"),
    )


def _numbers(text: str | None) -> list[int]:
    parts = (text or "").split()
    return [int(part) for part in parts] if all(re.fullmatch(r"-?\d{1,19}", part) for part in parts) else []


def _port_list(text: str | None) -> tuple[tuple[int, int], ...] | None:
    """'80,443-445' → ((80, 80), (443, 445)); the order and form of proc_do_large_bitmap, and None for any other."""
    if text is None:
        return None
    parts = text.strip().split(",") if text.strip() else []
    found = [re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part) for part in parts]
    ranges = tuple((int(part[1]), int(part[2] or part[1])) for part in found if part)
    return ranges if all(found) and all(low <= high < PORTS for low, high in ranges) else None


def _named_columns(text: str, prefix: str) -> dict[str, int]:
    """A line of names and a line of values that begin with the same word, as in /proc/net/netstat."""
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith(prefix)]
    if len(lines) < 2:
        return {}
    return {name: int(value) for name, value in zip(*lines[:2], strict=False) if re.fullmatch(r"-?\d{1,19}", value)}
