"""Texts of /proc → counters, gauges, limits and names. What is missing or makes no sense is unknown, never 0."""

import re
from collections.abc import Sequence, Set

from twtop.model import PORTS, Limits

NUMBER = re.compile(r"-?\d{1,19}")

EXT_COUNTERS = frozenset(
    {
        "TW", "TWKilled", "TWRecycled", "TCPTimeWaitOverflow",
        "PAWSActive", "PAWSEstab", "PAWSTimewait", "TCPACKSkippedTimeWait", "TCPACKSkippedFinWait2",
        "ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPReqQFullDoCookies", "TCPSynRetrans",
        "TCPAbortOnMemory", "EmbryonicRsts",
    }
)  # fmt: skip
"""Those that are read of the line `TcpExt:` of net/netstat, by the names of net/ipv4/proc.c."""

TCP_COUNTERS = frozenset({"ActiveOpens", "PassiveOpens", "AttemptFails", "EstabResets", "OutRsts", "RetransSegs"})
"""Those that are read of the line `Tcp:` of net/snmp (RFC 4022)."""

CONNTRACK_COUNTERS = ("drop", "early_drop", "insert_failed", "invalid")
"""Columns of net/stat/nf_conntrack (ct_cpu_seq_show). They are kept as `conntrack_drop` and so on."""


def decode_counters(files: dict[str, str]) -> dict[str, int]:
    """The counters of EXT_COUNTERS, TCP_COUNTERS and CONNTRACK_COUNTERS that this kernel has.

    `files` maps path below /proc → text.
    """
    ext = _named_columns(files.get("net/netstat", ""), "TcpExt:", EXT_COUNTERS)
    tcp = _named_columns(files.get("net/snmp", ""), "Tcp:", TCP_COUNTERS)
    return ext | tcp | _conntrack(files.get("net/stat/nf_conntrack", ""))


SINGLE_GAUGES = {
    "orphan_max": "ipv4/tcp_max_orphans",
    "conntrack": "netfilter/nf_conntrack_count",
    "conntrack_max": "netfilter/nf_conntrack_max",
}
"""Gauges that are a file below sys/net each.

Less than 0 counts as 0, as in the kernel: no orphan is allowed (tcp_too_many_orphans), and conntrack has no limit
(nf_conntrack_max is unsigned, but is printed with a sign).
"""


TIMEWAIT_SLAB = re.compile(r"tw_sock_TCP(?:v6)?\s+(\d{1,19})\s+\d+\s+(\d{1,19})\b")
"""A line of slabinfo: the objects in use, all objects, and the bytes of each."""


def decode_gauges(files: dict[str, str]) -> dict[str, int]:
    """What goes up and down, by name.

    - `tw`, `inuse`, `orphan`, `alloc` are sockets and `mem` is pages of memory, as in sockstat; `inuse` has IPv6 too.
    - `files` and `files_max` are open files of the machine and their limit.
    - `orphan_max` is the machine's limit of orphans. Only its first network namespace has that (ipv4_table).
    - `conntrack` and `conntrack_max` are entries of nf_conntrack and their limit.
    - `memory_bytes` is all memory of the machine, `tw_slabs` how many TIME_WAIT the whole machine has room for at
      present and `tw_slab_bytes` what these take. Only root can read the last two.
    """
    gauges: dict[str, int] = {}
    tcp = re.search(r"^TCP:(.*)$", files.get("net/sockstat", ""), re.MULTILINE)
    gauges |= {name: int(value) for name, value in re.findall(r"(\w+) (\d{1,19})\b", tcp[1] if tcp else "")}
    tcp6 = re.search(r"^TCP6: inuse (\d{1,19})\b", files.get("net/sockstat6", ""), re.MULTILINE)
    if tcp6 and "inuse" in gauges:
        gauges["inuse"] += int(tcp6[1])
    handles = _numbers(files.get("sys/fs/file-nr"))
    if len(handles) == 3 and min(handles) >= 0:
        gauges |= {"files": max(0, handles[0] - handles[1]), "files_max": handles[2]}
    for name, path in SINGLE_GAUGES.items():
        if values := _numbers(files.get(f"sys/net/{path}")):
            gauges[name] = max(0, values[0])
    if installed := re.search(r"^MemTotal:\s+(\d{1,15}) kB$", files.get("meminfo", ""), re.MULTILINE):
        gauges["memory_bytes"] = int(installed[1]) * 1024
    if slabs := [*filter(None, map(TIMEWAIT_SLAB.match, files.get("slabinfo", "").split("\n")))]:
        gauges["tw_slabs"] = sum(int(slab[1]) for slab in slabs)
        gauges["tw_slab_bytes"] = sum(int(slab[1]) * int(slab[2]) for slab in slabs)
    return gauges


def decode_limits(files: dict[str, str]) -> Limits:
    """The sysctls as numbers. One whose text is no number is None."""

    def number(name: str) -> int | None:
        values = _numbers(files.get(f"sys/net/ipv4/{name}"))
        return values[0] if len(values) == 1 else None

    bounds = _numbers(files.get("sys/net/ipv4/ip_local_port_range"))
    return Limits(
        port_range=(bounds[0], bounds[1]) if len(bounds) == 2 and 0 < bounds[0] <= bounds[1] < PORTS else None,
        reserved=_port_list(files.get("sys/net/ipv4/ip_local_reserved_ports")),
        tw_reuse=number("tcp_tw_reuse"),
        tw_reuse_delay_ms=number("tcp_tw_reuse_delay"),
        timestamps=number("tcp_timestamps"),
        max_tw_buckets=number("tcp_max_tw_buckets"),
        ehash_entries=number("tcp_ehash_entries"),
        rfc1337=number("tcp_rfc1337"),
        fin_timeout_s=number("tcp_fin_timeout"),
    )


def decode_device_names(files: dict[str, str]) -> dict[int, str]:
    """The interfaces by number, of net/igmp (igmp_mc_seq_show) and net/if_inet6 (if6_seq_show)."""
    ipv4 = re.findall(r"^(\d{1,9})\t(\S+) *:", files.get("net/igmp", ""), re.MULTILINE)
    ipv6 = re.findall(r"^[0-9a-f]{32} ([0-9a-f]{2,8})(?: [0-9a-f]{2}){3} +(\S+)$", files.get("net/if_inet6", ""), re.M)
    return {int(number): name for number, name in ipv4} | {int(number, 16): name for number, name in ipv6}


def _numbers(text: str | None) -> list[int]:
    """The numbers that a text consists of; none if anything else is in it."""
    parts = (text or "").split()
    return [int(part) for part in parts] if all(map(NUMBER.fullmatch, parts)) else []


def _port_list(text: str | None) -> tuple[tuple[int, int], ...] | None:
    """'80,443-445' → ((80, 80), (443, 445)), as proc_do_large_bitmap() prints it. None for any other text."""
    if text is None:
        return None
    parts = text.strip().split(",") if text.strip() else []
    found = [re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part) for part in parts]
    ranges = tuple((int(part[1]), int(part[2] or part[1])) for part in found if part)
    return ranges if all(found) and all(low <= high < PORTS for low, high in ranges) else None


def _conntrack(text: str) -> dict[str, int]:
    """The sums over all CPUs. Each line but the first is of one CPU, in hexadecimal and 32 bits wide.

    >>> _conntrack("entries drop early_drop\\n00000005 0000000a 00000001\\n00000005 00000001 00000000\\n")
    {'conntrack_drop': 11, 'conntrack_early_drop': 1}
    """
    names, *rows = [line.split() for line in text.splitlines()] or [[]]
    columns = dict(zip(names, zip(*rows, strict=False), strict=False))
    found = {name: _sum_of_hex(columns[name]) for name in CONNTRACK_COUNTERS if name in columns}
    return {f"conntrack_{name}": total for name, total in found.items() if total is not None}


def _sum_of_hex(figures: Sequence[str]) -> int | None:
    """The sum of hexadecimal numbers of 32 bits; None if one of them is none."""
    try:
        numbers = [int(figure, 16) for figure in figures]
    except ValueError:
        return None
    return sum(numbers) if min(numbers) >= 0 and max(numbers) < 1 << 32 else None


def _named_columns(text: str, prefix: str, wanted: Set[str]) -> dict[str, int]:
    """The wanted values by name, from the line of names and the line of values that begin with this prefix."""
    lines = [line.split()[1:] for line in text.splitlines() if line.startswith(prefix)]
    if len(lines) < 2:
        return {}
    named = ((name, value) for name, value in zip(*lines[:2], strict=False) if name in wanted)
    return {name: int(value) for name, value in named if NUMBER.fullmatch(value)}
