"""Failed connects are counted while that is asked for, in the namespace that is watched, by any user, however fast."""

import ctypes
import errno
import gc
import os
import socket
import struct
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.failing_connects import (
    ADDRESSES,
    COUNTERS_WANTED,
    OLD_DEFAULT,
    PORT,
    WANTED,
    Counted,
    Full,
    few_ports,
    netlinks,
    subscription,
)
from tests.support.in_namespace import in_namespace, run_in_namespace, sysctl, wait_until
from tests.support.other_netns import hand, process_elsewhere
from tests.support.run_as_nobody import as_nobody
from twtop.demo.load import listener, open_client
from twtop.demo.private_netns import IFF_UP, SIOCSIFFLAGS
from twtop.engine.engine import Engine
from twtop.engine.pipeline import Pipeline
from twtop.frame.view import View
from twtop.runtime.system_call import system_call
from twtop.sources import freed_sockets, netns
from twtop.sources.decode import decode
from twtop.sources.failed_connects import FASTEST_PER_S, CountsFailedConnects
from twtop.sources.netns import CLONE_NEWNET
from twtop.sources.open_source import open_local, open_source
from twtop.sources.probe import Request


def fail_before(full: Full, times: int) -> None:
    """Let so many connects fail. The kernel tells of them later, from a queue of work; return when it has."""
    witness, seen = open_local(), 0
    witness.read(WANTED)
    full.fail(times)
    while seen < times:
        counted = decode(witness.read(COUNTERS_WANTED)).failed_connects
        seen += counted.total if counted else 0
    witness.read(Request())


@in_namespace
def test_no_socket_is_open_while_nobody_asks() -> None:
    few_ports()
    full, source = Full("127.0.0.1"), open_local()
    threads = threading.active_count()
    for _ in range(2):
        assert source.read(Request()).failures is None
        assert (netlinks(), threading.active_count()) == (0, threads)
        fail_before(full, 3)
        begun = time.monotonic()
        first = source.read(WANTED).failures
        assert first
        assert (first.rows, first.lost, first.at_least) == (b"", 0, False)
        assert begun <= first.since <= first.until
        assert (netlinks() > 0, threading.active_count()) == (True, threads + 1)
        full.fail(2)
        found = 0
        while found < 2:
            counted = decode(source.read(COUNTERS_WANTED)).failed_connects
            assert counted
            assert counted.since == first.since
            found += counted.total
        last = source.read(Request()).failures
        assert last
        assert last.rows == b""
        assert (netlinks(), threading.active_count()) == (0, threads)


@in_namespace
def test_a_run_joins_when_a_budget_is_half_full_and_counts() -> None:
    """The whole way: source, sampler, snapshot."""
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    few_ports(10)
    server = listener(("127.0.0.1", PORT))
    pipeline, held = Pipeline(open_local), []
    for _ in range(4):
        held.append(open_client(server.getsockname()))
    for _ in range(2):
        assert pipeline.read(1.0).analysis.snapshot.failed_connects is None
    held += [open_client(server.getsockname()) for _ in range(6)]
    pipeline.read(1.0)
    joined = pipeline.read(1.0).analysis.snapshot.failed_connects
    assert joined
    for _ in range(5):
        with pytest.raises(OSError, match=os.strerror(errno.EADDRNOTAVAIL)):
            open_client(server.getsockname())
    counted = Counter[str]()

    def read() -> bool:
        snapshot = pipeline.read(1.0).analysis.snapshot
        assert snapshot.failed_connects
        counted["all"] += snapshot.failed_connects.total
        return counted["all"] >= 5

    wait_until(read, what="5 failures")
    assert counted["all"] == 5


@in_namespace
def test_an_engine_that_is_gone_leaves_no_socket() -> None:
    few_ports()
    full = Full("127.0.0.1")
    engine = Engine(open_local, View(), 0.1)
    engine.start()
    wait_until(netlinks, what="a subscription")
    engine.stop()
    del engine
    gc.collect()
    wait_until(lambda: not netlinks(), what="the end of the subscription")
    assert full.held


@pytest.mark.parametrize("kind", ["procfs", "psutil"])
@in_namespace
def test_other_sources_know_nothing_of_it(kind: str) -> None:
    assert open_source(kind)().read(WANTED).failures is None
    assert netlinks() == 0


@in_namespace
def test_where_it_is_forbidden_it_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(freed_sockets, "_open", refuse)
    sample = open_local().read(WANTED)
    assert (sample.failures, decode(sample).failed_connects) == (None, None)


# Whose namespace


@in_namespace
def test_another_namespace_is_counted_and_not_the_own() -> None:
    """The thread that reads has entered it; failures at home are of no account there."""
    few_ports()
    full = Full("127.0.0.1")
    with process_elsewhere() as child, hand() as reader:
        source = open_source(target=netns.find(str(child.pid)))()
        reader.do(partial(source.read, WANTED))
        assert netlinks() == 0
        full.fail(5)

        def elsewhere() -> Full:
            netns.enter(netns.find(str(child.pid)))
            lo_up()
            Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40001")
            found = Full("127.0.0.2")
            found.fail(3)
            return found

        with hand() as other:
            there = other.do(elsewhere)
        found = 0
        while found < 3:
            counted = decode(reader.do(partial(source.read, COUNTERS_WANTED))).failed_connects
            assert counted
            assert set(counted.lo.tolist()) <= {0xFFFF_7F00_0002}
            found += counted.total
        reader.do(partial(source.read, Request()))
    assert (found, there.met) == (3, {"EADDRNOTAVAIL": 3})


def lo_up() -> None:
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))


def counted_by_nobody() -> tuple[int, dict[str, int], dict[str, int]]:
    full = [Full(address) for address in ADDRESSES]
    with subscription() as (_, counted):
        for times, each in enumerate(full, 1):
            each.fail(times)
        counted.reach(15)
    return os.getuid(), dict(counted.found), {each.end: each.met["EADDRNOTAVAIL"] for each in full}


def test_an_ordinary_user_counts_the_same() -> None:
    """Nobody, without any capability, in a namespace of root's."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a namespace and then be somebody else in it")

    def in_a_namespace() -> tuple[int, dict[str, int], dict[str, int]]:
        system_call("unshare", CLONE_NEWNET)
        lo_up()
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40003")
        Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads; the child uses none of theirs
            return as_nobody(counted_by_nobody)

    with hand() as worker:
        uid, found, met = worker.do(in_a_namespace)
    assert (uid, found) == (65_534, met)
    assert sum(met.values()) == 15


# Many at once


@in_namespace
def test_a_buffer_that_is_full_makes_at_least() -> None:
    """What found no room has no address, but the kernel knows how many they were. Then it counts exactly again."""
    few_ports()
    full = Full("127.0.0.1")
    with subscription(buffer=4096) as (made, counted):
        with made._lock:  # the thread is busy elsewhere
            full.fail(4000)
            wait_until(lambda: made._dropped() + made.holds >= 4000, what="the last message")
        counted.reach(4000)
        assert 0 < counted.found[full.end] < 4000
        assert (counted.found[full.end] + counted.lost, counted.at_least) == (4000, True)
        later = Counted(made)
        full.fail(20)
        later.reach(20)
        assert (later.found, later.at_least) == ({full.end: 20}, False)


def fail_fast(ready: int, met: int, per_s: int, seconds: float) -> None:
    """A child: connect() that fails, at a steady rate; it writes how many failed. It never hurries to catch up."""
    os.read(ready, 1)
    begun, failed = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        for _ in range(min(int(passed * per_s) - failed, per_s // 50)):
            with socket.socket() as end:
                assert end.connect_ex(("127.0.0.1", PORT)) == errno.EADDRNOTAVAIL
            failed += 1
        time.sleep(0.0005)
    os.write(met, str(failed).encode())


def burn(over: threading.Event) -> None:
    while not over.is_set():
        sum(number * number for number in range(1000))


BUFFERED_S = 0.8
"""A buffer holds the failures of so long, as those show that hold_for_a_second makes wait."""


def waited_s() -> float:
    """How long the threads of this process have waited for a CPU."""
    every = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[1]) for each in every) / 1e9


def hold_for_a_second(over: threading.Event) -> None:
    """Let no other thread run for 0.8 s: as a long call of C that keeps the interpreter's lock."""
    over.wait(0.5)
    ctypes.PyDLL(None).usleep(800_000)


def count_fast(buffer: int, busy: Callable[[threading.Event], None]) -> tuple[int, int, int, float]:
    """(failures that connect() met in 2 s, counted, lost, seconds that this process had no CPU), with a thread that
    keeps the interpreter busy."""
    few_ports(1)
    full = Full("127.0.0.1")
    (ready, go), (told, met) = os.pipe(), os.pipe()
    if (child := os.fork()) == 0:
        try:
            fail_fast(ready, met, FASTEST_PER_S, 2.0)
        finally:
            os._exit(0)
    over = threading.Event()
    thread = threading.Thread(target=busy, args=(over,))
    with subscription(buffer=buffer) as (_, counted):
        thread.start()
        os.write(go, b"!")
        os.waitpid(child, 0)
        failed = int(os.read(told, 20))
        counted.reach(failed)
        without_cpu_s = waited_s()
        over.set()
        thread.join()
    assert full.held
    return failed, counted.found[full.end], counted.lost, without_cpu_s


@pytest.mark.parametrize("busy", [burn, hold_for_a_second])
@pytest.mark.parametrize("buffer", [1 << 25, OLD_DEFAULT])
def test_twenty_thousand_a_second_are_counted_exactly(buffer: int, busy: Callable[[threading.Event], None]) -> None:
    """With the buffers that an ordinary user gets by default, today and on older kernels. None is lost, unless others
    keep this process from the CPUs for longer than a buffer lasts; then it is known how many."""
    failed, counted, lost, without_cpu_s = run_in_namespace(partial(count_fast, buffer, busy))
    assert failed > FASTEST_PER_S / 2  # 40,000 on an idle machine
    assert counted + lost == failed
    assert not lost or without_cpu_s > BUFFERED_S


def test_a_source_that_is_dropped_leaves() -> None:
    source = CountsFailedConnects(open_local())
    source.read(WANTED)
    assert source.subscription
    thread = source.subscription._thread
    del source
    thread.join(10)
    assert not thread.is_alive()
