"""connect() without a free port is counted exactly, and nothing else is: real failures, and all that looks similar."""

import errno
import importlib
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.failing_connects import (
    ADDRESSES,
    COUNTERS_WANTED,
    PORT,
    SENTINEL,
    WANTED,
    Full,
    few_ports,
    plain,
    settle,
    subscription,
)
from tests.support.in_namespace import add_address, in_namespace, run_in_namespace
from tests.support.other_endings import OTHER_ENDINGS, no_route_ipv6
from tests.support.run_as_nobody import NOBODY, as_nobody
from twtop.demo.lab import Lab, Plan
from twtop.demo.load import listener, open_client
from twtop.demo.scenarios import BY_NAME
from twtop.runtime.system_call import system_call
from twtop.sources.decode import decode
from twtop.sources.open_source import open_local

PR_SET_DUMPABLE = 4  # linux/prctl.h

# What is counted


@in_namespace
def test_each_address_counts_what_its_connects_met() -> None:
    few_ports()
    full = [Full(address) for address in ADDRESSES]
    with subscription() as (_, counted):
        for times, each in enumerate(full, 1):
            each.fail(10 * times)
        counted.reach(150)
    assert [each.met for each in full] == [Counter(EADDRNOTAVAIL=10 * times) for times in range(1, 6)]
    assert counted.found == {each.end: each.met.total() for each in full}
    assert (counted.lost, counted.at_least) == (0, False)


@in_namespace
def test_each_tick_counts_its_own_and_says_when() -> None:
    """As twtop asks for them: tick by tick, with times on the clock of the Sample."""
    few_ports()
    full, ticks = Full("127.0.0.1"), []
    source = open_local()
    source.read(WANTED)
    for times in (7, 13, 1):
        begun, found, tenths = time.monotonic(), 0, []
        full.fail(times)
        while found < times:
            counted = decode(source.read(COUNTERS_WANTED)).failed_connects
            assert counted
            found += counted.total
            tenths += counted.tenth.tolist()
        assert all(int(begun * 10) <= tenth <= time.monotonic() * 10 for tenth in tenths)
        ticks.append(found)
    assert ticks == [7, 13, 1]


@in_namespace
def test_a_source_address_makes_no_difference() -> None:
    few_ports()
    full, sentinel = Full("127.0.0.1"), Full(SENTINEL)
    for _ in range(4):
        full.held.append(open_client((full.end, PORT), "127.0.0.7"))
    with subscription() as (_, counted):
        full.fail(5, source="127.0.0.7")
        assert settle(counted, sentinel) == {"127.0.0.1": 5}


@in_namespace
def test_one_socket_counts_once_when_it_is_closed() -> None:
    few_ports()
    full, sentinel = Full("127.0.0.1"), Full(SENTINEL)
    with subscription() as (_, counted):
        again, elsewhere = plain("127.0.0.1"), plain("127.0.0.1")
        for end in [again, again, again, elsewhere]:
            assert end.connect_ex((full.end, PORT)) == errno.EADDRNOTAVAIL
        assert settle(counted, sentinel) == {}
        with listener(("127.0.0.2", PORT)) as server:
            elsewhere.connect(server.getsockname())
            for end in (again, elsewhere):
                end.close()
        assert settle(counted, sentinel) == {full.end: 1}


# What is not


@pytest.mark.parametrize("ending", OTHER_ENDINGS)
@in_namespace
def test_nothing_else_counts(ending: Callable[[], None]) -> None:
    few_ports()
    sentinel = Full(SENTINEL)
    with subscription() as (_, counted):
        for _ in range(3):
            ending()
        assert settle(counted, sentinel) == {}


@in_namespace
def test_an_address_with_a_route_counts_beside_one_without() -> None:
    few_ports()
    add_address("fd00::1")
    full, sentinel = Full("fd00::1"), Full(SENTINEL)
    with subscription() as (_, counted):
        for _ in range(3):
            no_route_ipv6()
            full.fail()
        assert settle(counted, sentinel) == {"fd00::1": 3}


# The demo


def demo() -> tuple[int, int, int, int]:
    """(uid, connect() calls of the load, those that got a port, those that were counted as failed)."""
    system_call("prctl", PR_SET_DUMPABLE, 1)  # as after an exec: it may make a namespace
    running = Lab(Plan(BY_NAME["client-closes"], 400, 3.0, (32768, 32867)))
    source = running.open()
    try:
        found, sample, counted = 0, source.read(WANTED), None
        while "load ended" not in sample.load or counted is None or counted.total:
            sample = source.read(COUNTERS_WANTED)
            counted = decode(sample).failed_connects
            assert counted
            assert not counted.at_least
            found += counted.total
            time.sleep(0.01)
        ended = re.search(r"after ([\d,]+) calls", sample.load)
        assert ended
        return os.getuid(), int(ended[1].replace(",", "")), active_opens(), found
    finally:
        running.close()


@pytest.mark.parametrize("run", [run_in_namespace, as_nobody])
def test_the_demo_counts_what_its_load_meets(run: Callable[[Callable[[], tuple[int, ...]]], tuple[int, ...]]) -> None:
    for name in ("encodings.ascii", "fcntl", "resource"):  # nobody may not be able to read these files
        importlib.import_module(name)
    uid, calls, done, found = run(demo)
    assert uid == (NOBODY if run is as_nobody else os.getuid())
    assert found > 100
    assert calls - found == done


def active_opens() -> int:
    """How many connect() calls of this namespace got a port."""
    lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
    names, values = (line.split() for line in lines if line.startswith("Tcp:"))
    return int(dict(zip(names, values, strict=True))["ActiveOpens"])
