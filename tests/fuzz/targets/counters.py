"""Texts of /proc → counters, gauges, limits and names of devices, against the words of the same texts."""

import re

from tests.fuzz.target import Drawn, Target, demand
from twtop.sources.decode_counters import decode_counters, decode_device_names, decode_gauges, decode_limits
from twtop.sources.probe import COUNTER_FILES, DEVICE_FILES, SYSCTLS

TABLES = ("net/netstat", "TcpExt:"), ("net/snmp", "Tcp:")
NUMBER, NUMBER_16 = re.compile("-?[0-9]+"), re.compile("[-+]?(0x)?[0-9a-f_]+", re.IGNORECASE)
PATHS = (*COUNTER_FILES, *DEVICE_FILES, *(f"sys/{name}" for name in SYSCTLS), "meminfo", "slabinfo")


def files_of(drawn: Drawn) -> dict[str, str]:
    """Path below /proc → text: a byte for the path and a piece for the text, again and again."""
    found: dict[str, str] = {}
    while not drawn.is_over:
        path = PATHS[drawn.below(len(PATHS))]
        found[path] = drawn.piece().decode("ascii", errors="replace")
    return found


def packed(files: dict[str, str]) -> bytes:
    """The bytes of which `files_of` makes these files."""
    return b"".join(bytes([PATHS.index(path)]) + text.encode("ascii") + b"\xfe" for path, text in files.items())


def check(data: bytes) -> None:
    files = files_of(Drawn(data))
    counters, gauges, limits = decode_counters(files), decode_gauges(files), decode_limits(files)
    for name, value in counters.items():
        ext, tcp = (_under(files.get(path, ""), prefix, name) for path, prefix in TABLES)
        sums = _sums(files.get("net/stat/nf_conntrack", ""), name.removeprefix("conntrack_"))
        demand(value in (sums if name.startswith("conntrack_") else ext | tcp), f"no text has {name} {value}")
    for name, value in gauges.items():
        demand(value >= 0 or name == "files", f"{name} is {value}")
    if limits.port_range:
        low, high = limits.port_range
        demand(files["sys/net/ipv4/ip_local_port_range"].split() and 0 < low <= high < 65536, "no port range")
    for low, high in limits.reserved or ():
        demand(0 <= low <= high < 65536, f"reserved {low}-{high}")
    for number, name in decode_device_names(files).items():
        told = files.get("net/igmp", "") + files.get("net/if_inet6", "")
        demand(number >= 0 and name in told and not re.search(r"\s", name), f"no device {number} is named {name!r}")


def _under(text: str, prefix: str, name: str) -> set[int]:
    """The numbers below this name in the first two lines with this prefix. No kernel has a name twice."""
    names, values = ([line.split()[1:] for line in text.splitlines() if line.startswith(prefix)] + [[], []])[:2]
    return {int(value) for each, value in zip(names, values, strict=False) if each == name and NUMBER.fullmatch(value)}


def _sums(text: str, name: str) -> set[int]:
    """The sum of the hexadecimal numbers in each column with this name."""
    names, *lines = [line.split() for line in text.splitlines()] or [[]]
    most = min(map(len, lines), default=0)
    columns = ([line[at] for line in lines] for at, each in enumerate(names[:most]) if each == name)
    return {sum(int(each, 16) for each in column) for column in columns if all(map(NUMBER_16.fullmatch, column))}


TARGET = Target(
    check,
    words=("TcpExt:", "Tcp:", "TW", "TCP: inuse", "tw", "orphan", "\n", "-1", "4294967296", "32768\t60999", "eth0"),
    most=4096,
)
