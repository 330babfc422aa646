"""make bench: what one reading costs, beside the usual tools, on real TIME_WAIT in a private namespace."""

import argparse
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable

import psutil

from tests.benchmarks import owners
from tests.holding import owned
from tests.namespace import run_in_namespace, sysctl
from twtop.analysis import analyse
from twtop.decode import decode
from twtop.frame import Frame, View
from twtop.history import History, fold
from twtop.load import Met, Server, client_closes, connect
from twtop.model import Snapshot
from twtop.probe import ALL_SOCKETS, read_sample
from twtop.sources import open_local

PORTS, ADDRESSES = 25, 200
"""5,000 destinations: this many listening ports on this many addresses."""

RUNS = 7
PIPELINE = "netstat -nat | grep :443 | grep TIME_WAIT | wc -l"


def hold(count: int) -> None:
    """Make `count` TIME_WAIT on the client's side, spread evenly over the destinations."""
    sysctl("net.ipv4.ip_local_port_range", "1024 65535")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    sysctl("net.ipv4.tcp_max_tw_buckets", 2 * count)
    servers = [Server(("0.0.0.0", 443 + i)) for i in range(PORTS)]
    met = Met()
    for i in range(count):
        place = i % (PORTS * ADDRESSES)
        client_closes(connect(servers[place % PORTS], met, to=f"127.0.1.{1 + place // PORTS}"))


def milliseconds(work: Callable[[], object]) -> float:
    """The median of some runs after a first one that is not counted."""
    work()
    spans = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        spans.append(time.perf_counter() - start)
    return statistics.median(spans) * 1000


def command(line: str) -> Callable[[], object]:
    """A shell command whose output is discarded."""
    return lambda: subprocess.run(line, shell=True, check=True, stdout=subprocess.DEVNULL)


def measure(count: int) -> dict[str, float]:
    """Median milliseconds of each way to read `count` TIME_WAIT, inside a namespace that holds them."""
    hold(count)
    sample = read_sample()
    snapshot = decode(sample)
    history, read = History(), open_local()
    history.advance(snapshot)

    def figures(snapshot: Snapshot) -> Frame:
        return fold(history, analyse(snapshot), View(), owned(snapshot.sockets))

    def whole() -> None:
        figures(decode(read(ALL_SOCKETS)))

    rows = {
        "twtop: dump, decode, fold": milliseconds(whole),
        "  dump": milliseconds(lambda: read(ALL_SOCKETS)),
        "  decode": milliseconds(lambda: decode(sample)),
        "  group, budget, forecast": milliseconds(lambda: figures(snapshot)),
    }
    if shutil.which("ss"):
        rows["ss -tanoH"] = milliseconds(command("ss -tanoH"))
    rows["cat /proc/net/tcp"] = milliseconds(command("cat /proc/net/tcp"))
    if shutil.which("netstat"):
        rows[PIPELINE] = milliseconds(command(PIPELINE))
    rows["psutil.net_connections"] = milliseconds(lambda: psutil.net_connections("tcp"))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[1_000, 100_000], help="numbers of TIME_WAIT to hold")
    for count in parser.parse_args().counts:
        rows = run_in_namespace(lambda count=count: measure(count), timeout=600)  # type: ignore[misc]
        base = rows["twtop: dump, decode, fold"]
        print(f"\n{count:,} TIME_WAIT to {min(count, PORTS * ADDRESSES):,} destinations, medians of {RUNS} runs")
        for name, span in rows.items():
            print(f"  {name:<52} {span:>9.1f} ms {span / base:>7.2f} ×")
    owners.main()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\npeak memory of a child {peak:.0f} MiB")


if __name__ == "__main__":
    main()
