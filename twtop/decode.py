"""Sample → Snapshot: raw bytes and text become columns and named numbers. Pure."""

import re

import numpy as np
from numpy.typing import NDArray

from twtop.factorize import factorize, pair
from twtop.model import MAPPED, PORTS, Addresses, Limits, Rows, Snapshot, Sockets, Timer
from twtop.probe import HEADER, TCPDIAG_GETSOCK, CollectError, Sample

NLM_F_MULTI = 0x2
KIND = TCPDIAG_GETSOCK | NLM_F_MULTI << 16
KIND_BITS = 0xFFCF_FFFF  # all but NLM_F_DUMP_INTR and NLM_F_DUMP_FILTERED
AF_INET, AF_INET6 = 2, 10  # Linux's numbers, whatever machine replays the sample
MESSAGE_BYTES = HEADER.size + 72  # struct nlmsghdr and struct inet_diag_msg, before any attribute
EXT_COUNTERS = frozenset(
    {
        "TW", "TWKilled", "TWRecycled", "TCPTimeWaitOverflow",
        "PAWSActive", "PAWSEstab", "PAWSTimewait", "TCPACKSkippedTimeWait", "TCPACKSkippedFinWait2",
        "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPSynRetrans", "TCPAbortOnMemory",
    }
)  # fmt: skip
TCP_COUNTERS = frozenset({"ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "OutRsts", "RetransSegs"})

Words = NDArray[np.uint32]


def decode(sample: Sample) -> Snapshot:
    """Raises CollectError, with one clear line, when the bytes are not a sock_diag dump of TCP sockets."""
    return Snapshot(
        time=sample.time,
        mono=sample.mono,
        cpu=sample.cpu,
        collect_s=sample.collect_s,
        host=sample.host,
        kernel=sample.kernel,
        netns=sample.netns,
        source=sample.source,
        sockets=decode_dump(sample.dump),
        limits=decode_limits(sample.files),
        counters=decode_counters(sample.files),
        gauges=decode_gauges(sample.files),
        load=sample.load,
    )


def decode_dump(dump: bytes) -> Sockets:
    """Netlink messages of any length → columns; a socket that was seen twice is kept once."""
    if len(dump) % 4:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are no whole number of netlink words")
    words: Words = np.frombuffer(dump, np.uint32)
    return _without_repeats(_columns(words, _message_starts(words)))


def _message_starts(words: Words) -> Rows:
    """Word index of each message, found by its header and not by walking.

    A header shows by type, the dump's random sequence number and port id; then the lengths must lead from each
    message to the next without a gap, which leaves no room for a mistake.
    """
    if not len(words):
        return np.empty(0, np.intp)
    if len(words) * 4 < MESSAGE_BYTES:
        raise CollectError(f"socket dump is cut off: {len(words) * 4} bytes are less than one message")
    starts: Rows = np.flatnonzero((words & np.uint32(KIND_BITS)) == KIND) - 1
    starts = starts[(starts >= 0) & (starts <= len(words) - MESSAGE_BYTES // 4)]
    starts = starts[(words[starts + 2] == words[2]) & (words[starts + 3] == words[3])]
    lengths = words[starts].astype(np.int64)
    ends = starts + np.where(lengths < MESSAGE_BYTES, 0, (lengths + 3) // 4)  # too short to be one: ends nowhere
    expected = np.append(starts[1:], len(words))
    if not len(starts) or starts[0] != 0 or (ends != expected).any():
        broken = 0 if not len(starts) or starts[0] else int(ends[np.argmax(ends != expected)]) * 4
        raise CollectError(f"socket dump is damaged: no TCP socket message at byte {broken} of {len(words) * 4}")
    return starts


def _columns(words: Words, starts: Rows) -> Sockets:
    """Fields of struct inet_diag_msg (linux/inet_diag.h), gathered word by word."""
    kind = words[starts + 4].view(np.uint8).reshape(-1, 4)
    ports = words[starts + 5].view(">u2").reshape(-1, 2).astype(np.uint16)
    family, state, timer = kind[:, 0], kind[:, 1].copy(), kind[:, 2].copy()
    if (family[(family != AF_INET) & (family != AF_INET6)]).size or (state == 0).any() or (state > 11).any():
        raise CollectError("socket dump is damaged: a message has an address family or TCP state that does not exist")
    ipv6 = family == AF_INET6
    sides = [_address_halves(words, starts + offset, ipv6) for offset in (6, 10)]
    hi, lo = (np.concatenate(halves) for halves in zip(*sides, strict=True))
    codes, addresses = _intern(hi, lo)
    left = np.minimum(words[starts + 17], np.uint32(2**31 - 1)).astype(np.int32)
    return Sockets(
        addresses=addresses,
        state=state,
        timer=timer,
        local=codes[: len(starts)],
        remote=codes[len(starts) :],
        lport=ports[:, 0].copy(),
        rport=ports[:, 1].copy(),
        timer_ms=np.where(timer == Timer.OFF, np.int32(-1), left),
        device=words[starts + 14],
        rqueue=words[starts + 18],
        wqueue=words[starts + 19],
        uid=words[starts + 20],
        inode=words[starts + 21],
    )


def _address_halves(
    words: Words, at: NDArray[np.intp], ipv6: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two 64-bit halves of the addresses that begin at these words; IPv4 becomes ::ffff:a.b.c.d."""
    first = words[at].byteswap().astype(np.uint64)
    hi = np.zeros(len(at), np.uint64)
    lo = first | np.uint64(MAPPED)
    if ipv6.any():
        rows = at[ipv6]
        second, third, fourth = (words[rows + k].byteswap().astype(np.uint64) for k in (1, 2, 3))
        hi[ipv6] = first[ipv6] << np.uint64(32) | second
        lo[ipv6] = third << np.uint64(32) | fourth
    return hi, lo


def _intern(hi: NDArray[np.uint64], lo: NDArray[np.uint64]) -> tuple[NDArray[np.int32], Addresses]:
    codes, rows = factorize(lo)
    if hi.any():
        upper, _ = factorize(hi)
        codes, rows = factorize(pair(upper, codes, 32))
    return codes, Addresses(hi[rows], lo[rows])


def _without_repeats(sockets: Sockets) -> Sockets:
    """A socket that changes while the dump walks may be met twice. Listeners may share a tuple (SO_REUSEPORT)."""
    ends, _ = factorize(pair(sockets.local, sockets.remote, 32))
    keys = pair(ends, pair(sockets.lport, sockets.rport, 16), 32)
    if sockets.device.any():
        device, _ = factorize(sockets.device.astype(np.uint64))
        codes, _ = factorize(keys)
        keys = pair(device, codes, 32)
    _, rows = factorize(keys)
    if len(rows) == len(sockets):
        return sockets
    keep = ~sockets.is_connection
    keep[rows] = True
    return sockets.take(keep)


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
