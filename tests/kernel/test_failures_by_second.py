"""Second by second, what is counted is what the demo's own connect() calls met, by the clock of the load."""

import importlib
import math
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.support.failing_connects import COUNTERS_WANTED, WANTED
from tests.support.in_namespace import run_in_namespace, wait_until
from tests.support.not_none import known
from tests.support.run_as_nobody import NOBODY, as_nobody
from twtop.demo.lab import Lab, Plan
from twtop.demo.load import ConnectStats, Server, Stream, client_closes, connect
from twtop.demo.scenarios import BY_NAME, CLIENT, SERVER, Streams
from twtop.dump.failures import FailureHistory, Failures
from twtop.model import Floats
from twtop.runtime.system_call import system_call
from twtop.sources.decode import decode

PR_SET_DUMPABLE = 4  # linux/prctl.h
CALL = struct.Struct("=dd")
PER_S, BUSY = 400, (1.0, 0.2, 0.2)
"""Steps per second, and which part of them connects in each second of the load."""

DELAY_S, READS = 1.5, 10
"""A freed socket is counted within this time, and within so many readings: a machine that stands still does neither.
The kernel tells of it in a worker of its own, which waits for a CPU as others do."""


def noted(told: int, go: int) -> Streams:
    """Connections that note when each connect() that fails began, and when its socket was closed."""

    def streams(stats: ConnectStats, share: float) -> list[Stream]:
        server, numbers = Server((SERVER, 443)), iter(range(1 << 30))
        os.read(go, 1)
        since = time.monotonic()

        def step() -> None:
            begun = time.monotonic()
            if next(numbers) % 10 >= 10 * BUSY[min(int(begun - since), len(BUSY) - 1)]:
                return
            try:
                client_closes(connect(server, stats, CLIENT))
            except OSError:
                os.write(told, CALL.pack(begun, time.monotonic()))
                raise

        return [Stream(PER_S * share, step)]

    return streams


@dataclass(frozen=True)
class Reading:
    """One reading of twtop's, which `began` at that time, and what it knows then."""

    began: float
    until: float
    failures: Failures


def read_all(lab: Lab, go: int) -> list[Reading]:
    """Read until all that the load met has been counted, and is a second old."""
    source, history, readings = lab.open(), FailureHistory(), list[Reading]()

    def read() -> Reading:
        began = time.monotonic()
        sample = source.read(COUNTERS_WANTED if readings else WANTED)
        counted = known(decode(sample).failed_connects)
        assert not counted.at_least
        readings.append(Reading(began, counted.until, known(history.advance(counted, sample.mono))))
        time.sleep(0.01)
        return readings[-1]

    first = math.ceil(read().until)  # a second is known when it was counted from its begin on
    wait_until(lambda: read().until >= first, what="the begin of a second")
    os.write(go, b"!")
    wait_until(lambda: read() and "load ended" in lab.report(), timeout=30, what="the end of the load")
    ended = time.monotonic() + DELAY_S
    wait_until(lambda: read().failures.ended > ended, what="the end of the last second")
    return readings


def second_by_second() -> tuple[int, int]:
    """(uid, how many failed)."""
    system_call("prctl", PR_SET_DUMPABLE, 1)  # as after an exec: it may make a namespace
    (calls, told), (waits, go) = os.pipe(), os.pipe()
    load = replace(BY_NAME["client-closes"], streams=noted(told, waits), rate=PER_S)
    lab = Lab(Plan(load, PER_S, float(len(BUSY)), (32768, 32867)))
    try:
        readings = read_all(lab, go)
    finally:
        lab.close()
        os.close(told)
    with os.fdopen(calls, "rb") as noted_calls:
        begun, closed = np.array([*CALL.iter_unpack(noted_calls.read())]).T
    compare(readings, begun, closed)
    return os.getuid(), len(begun)


def compare(readings: list[Reading], begun: Floats, closed: Floats) -> None:
    """What is counted up to a moment cannot have begun after it, and has all that was closed some time before it."""
    began = np.array([reading.began for reading in readings])
    until = np.array([reading.until for reading in readings])

    def least(reading: int) -> int:
        """How many this reading has to have counted."""
        before = np.flatnonzero(began[: max(reading - READS, 0)] < began[reading] - DELAY_S)
        return int((closed < began[before[-1]]).sum()) if len(before) else 0

    for number, reading in enumerate(readings):
        assert least(number) <= reading.failures.count <= (begun < reading.until).sum()
    last = readings[-1].failures
    assert last.count == last.last_60s == len(begun)
    assert last.by_address.sum() == len(begun)
    known_to_end = 0.0
    for second, count in enumerate(last.by_second, last.ended - len(last.by_second)):
        if second >= until[0]:
            assert not math.isnan(count), f"second {second} is unknown"
            known_to_end += count
            end = second + 1
            assert least(int(np.searchsorted(until, end)) - 1) <= known_to_end <= (begun < end).sum()
    assert known_to_end == len(begun)


@pytest.mark.parametrize("run", [run_in_namespace, as_nobody])
def test_each_second_counts_what_its_connects_met(
    run: Callable[[Callable[[], tuple[int, int]]], tuple[int, int]],
) -> None:
    for name in ("encodings.ascii", "fcntl", "resource"):  # nobody may not be able to read these files
        importlib.import_module(name)
    uid, failed = run(second_by_second)
    assert uid == (NOBODY if run is as_nobody else os.getuid())
    assert failed > PER_S / 2
