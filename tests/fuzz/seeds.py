"""The real bytes that the corpus begins with: `python -m tests.fuzz.seeds` writes them anew.

Dumps, tables and counters are those of a private network namespace that has sockets in every state, of IPv4 and IPv6.
Filters are those of the help; trees and names, which a machine seldom has hostile ones of, are made up.
"""

import re
from collections.abc import Iterator

from tests.fuzz.replay import CORPUS
from tests.fuzz.targets.counters import PATHS, packed
from tests.support.in_namespace import run_in_namespace
from tests.support.sockets_in_every_state import Bench, Family
from twtop.model import TcpState
from twtop.sources.probe import HEADER, LISTENERS, WITH_OPTIONS, Dump, Request, dump_sockets, read_sample
from twtop.sources.procfs_source import read_tables

FILTERS = (
    "8080", "10.0.0.5", "10.0.0.0/8:443", "[fe80::/10]:1000-2000", "::1", "tw", "nginx", "port 443", "sport <= 1024",
    "dport >= 8000", "peer 10.0.0.0/8 local 10.0.0.1", "state time-wait", "process != 'a b'", "dir out",
    "remaining < 10s or age >= 1.5m", "not (established or 80) and !tw", "((tw))",
)  # fmt: skip
NAMES = ("wrk -c 100", "=1+1", "\x1b[2J\n", "日本語\u202e", '"a",b', "[bold]")
SIZE, PART, LINES = 88, 1000, 6
OPTIONS = Request(states=1 << TcpState.ESTABLISHED | 1 << TcpState.FIN_WAIT1, extensions=WITH_OPTIONS)


def captured() -> dict[str, bytes]:
    """Name of a seed → bytes."""
    benches = [Bench(family) for family in Family]
    for bench in benches:
        list(bench.all_states())
    files = read_sample().files
    files["slabinfo"] = "".join(line for line in files.get("slabinfo", "").splitlines(True) if "tw_sock" in line)
    return {
        **{f"sock_diag/real-{i:02d}": part for i, part in enumerate(parts(dump_sockets()))},
        **{f"sock_diag/real-options-{i:02d}": part for i, part in enumerate(parts(dump_sockets(OPTIONS)))},
        **{f"procfs/real-{i:02d}": part for i, part in enumerate(lines(read_tables("/proc")))},
        **{f"listeners/real-{i:02d}": part for i, part in enumerate(parts(dump_sockets(LISTENERS)))},
        **{f"counters/real-{path.replace('/', '-')}": packed({path: files[path]}) for path in PATHS if path in files},
    }


def parts(dump: Dump) -> Iterator[bytes]:
    """The messages, as dumps of PART bytes at most. Fuzzing is fast where inputs are small."""
    begin = end = 0
    while end < len(dump):
        length = HEADER.unpack_from(dump, end)[0] + 3 & ~3
        if end + length > begin + PART:
            yield bytes(dump[begin:end])
            begin = end
        end += length
    yield bytes(dump[begin:end])


def lines(tables: bytes) -> Iterator[bytes]:
    """The lines, a few at a time, each below the heading line of its table."""
    heads = [match.start() for match in re.finditer(rb"^  sl ", tables, re.MULTILINE)]
    for begin, end in zip(heads, [*heads[1:], len(tables)], strict=True):
        head, *rest = tables[begin:end].splitlines(keepends=True)
        for some in range(0, len(rest), LINES):
            yield head + b"".join(rest[some : some + LINES])


def made_up(dump: bytes) -> dict[str, bytes]:
    """The same for what is not of the kernel alone."""
    names = [name.encode() for name in NAMES]
    tree = b"".join(
        bytes([2]) + bytes([64, 0, 0, pid, 1, 0, 0, 1]) + name + b"\xfe" for pid, name in enumerate(names, start=1)
    )
    report = b"".join(name + b"\xfe" for name in names) + b"\x10\0"
    return {
        **{f"filters/real-{number:02d}": text.encode() for number, text in enumerate(FILTERS)},
        "processes/real-tree": bytes([len(names)]) + tree + b"\x01\0\0\x63",
        **{
            f"reports/real-names-{form}": bytes([2, 1, form]) + report + 2 * (bytes([6]) + dump[: 6 * SIZE])
            for form in range(6)
        },
    }


def main() -> None:
    seeds = run_in_namespace(captured)
    for name, data in (seeds | made_up(seeds["sock_diag/real-00"])).items():
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"{name}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
