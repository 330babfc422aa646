"""What it costs to know who owns 100,000 sockets, on a large box of our own making."""

import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support.sock_diag_dump import encode, many
from twtop.model import Process, Sockets, TcpState
from twtop.processes.attribution import OwnerTracker
from twtop.processes.fd_search import Search
from twtop.processes.inode_map import NOBODY, holders
from twtop.sources.decode_sock_diag import decode_dump

PROCESSES, DESCRIPTORS = 2_000, 100
SOCKETS, DESTINATIONS = 100_000, 200
RUNS, WATCHED_S = 9, 20


def make_box(proc: Path) -> None:
    """As many processes, each with as many sockets."""
    for pid in range(1, PROCESSES + 1):
        descriptors = proc / str(pid) / "fd"
        descriptors.mkdir(parents=True)
        (proc / str(pid) / "comm").write_text(f"p{pid}\n")
        for number in range(DESCRIPTORS):
            (descriptors / str(number)).symlink_to(f"socket:[{pid * 1000 + number}]")


def live() -> Sockets:
    each = SOCKETS // DESTINATIONS
    blocks = [
        many(f"10.0.{i}.1", "10.9.9.9:443", lports=np.arange(each) + 2000, inode=np.arange(each) + 1 + i * each)
        for i in range(DESTINATIONS)
    ]
    return decode_dump(encode(*blocks))


def closed(sockets: Sockets) -> Sockets:
    count = len(sockets)
    nothing = np.zeros(count, np.uint32)
    return dataclasses.replace(sockets, state=np.full(count, TcpState.TIME_WAIT, np.uint8), inode=nothing)


def milliseconds(work: Callable[[], object], again: Callable[[], object] = lambda: None) -> float:
    """The median CPU time of some runs, each after `again`."""
    spans = []
    for _ in range(RUNS):
        again()
        start = time.thread_time()
        work()
        spans.append(time.thread_time() - start)
    return statistics.median(spans) * 1000


def owners() -> None:
    """What a tick takes of the thread that folds."""
    sockets = live()
    waiting = closed(sockets)
    known = holders((inode, Process(1 + inode % 50, "wrk")) for inode in range(1, SOCKETS + 1))
    remembering, one_in_ten = (
        OwnerTracker(),
        holders((i, Process(1 + i % 50, "wrk")) for i in range(1, SOCKETS + 1, 10)),
    )
    mixed = dataclasses.replace(sockets, inode=np.where(np.arange(SOCKETS) % 10, 0, sockets.inode).astype(np.uint32))
    print(f"\nowners of {SOCKETS:,} sockets to {DESTINATIONS} destinations, medians of {RUNS} runs")
    rows = {
        "all held": milliseconds(lambda: OwnerTracker().assign(sockets, known)),
        "all in TIME_WAIT, nothing known": milliseconds(lambda: OwnerTracker().assign(waiting, NOBODY)),
        "all in TIME_WAIT, all remembered": milliseconds(
            lambda: remembering.assign(waiting, NOBODY), lambda: remembering.assign(sockets, known)
        ),
        "one in ten held, the others inferred": milliseconds(lambda: OwnerTracker().assign(mixed, one_in_ten)),
    }
    for name, span in rows.items():
        print(f"  {name:<52} {span:>9.1f} ms")


def search(proc: str) -> None:
    """What the search takes, first for every socket there is, then when each second brings some that nobody has."""
    inodes = np.array([pid * 1000 + n for pid in range(1, PROCESSES + 1) for n in range(DESCRIPTORS)], np.uint32)
    first = Search(proc)
    start = time.thread_time()
    first.want(inodes)
    first.finish()
    print(f"\na search among {PROCESSES:,} processes with {PROCESSES * DESCRIPTORS:,} descriptors")
    print(f"  {'one walk, without a pause':<52} {(time.thread_time() - start) * 1000:>9.1f} ms")
    print(f"  {'nothing new':<52} {milliseconds(lambda: first.want(inodes)):>9.1f} ms")
    endless = Search(proc)
    start, begun = time.thread_time(), time.monotonic()
    for second in range(WATCHED_S):
        endless.want(np.arange(10, dtype=np.uint32) + 3_000_000_000 + 10 * second)
        while (left := begun + second + 1 - time.monotonic()) > 0:
            rest = endless.rested_at - time.monotonic()
            if endless.over or rest > left:
                time.sleep(left)
            elif rest > 0:
                time.sleep(rest)
            else:
                endless.advance()
    share = (time.thread_time() - start) / (time.monotonic() - begun)
    print(f"  {f'new sockets that nobody has, each second, {WATCHED_S} s':<52} {share:>9.1%} of a core")


def main() -> None:
    owners()
    with tempfile.TemporaryDirectory() as proc:
        make_box(Path(proc))
        search(proc)
