"""The demo's load goes on while nobody reads its reports, and ends with its parent at whatever moment."""

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.in_namespace import heed_interrupts, in_namespace, wait_until
from twtop.demo import lab as lab_module
from twtop.demo import private_netns
from twtop.demo.lab import Lab, Plan
from twtop.demo.reports import Reports
from twtop.demo.scenarios import BY_NAME

REPORTS = 2000
"""More than any pipe or socket between the two holds."""


def plan(name: str, rate: float, seconds: float = 60, ports: tuple[int, int] | None = None) -> Plan:
    return Plan(BY_NAME[name], rate, seconds, ports or BY_NAME[name].ports)


def opened() -> int:
    """Connections that were opened in this namespace (ActiveOpens)."""
    names, values = (line.split() for line in Path("/proc/self/net/snmp").read_text().splitlines() if "Tcp:" in line)
    return int(values[names.index("ActiveOpens")])


@in_namespace
def test_a_load_whose_reports_nobody_reads_goes_on() -> None:
    """A report for each connection. The last word arrives."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lab_module, "REPORT_EVERY_S", 0)
        patched.setattr(lab_module, "MOST_CONNECTIONS", REPORTS)
        running = Lab(plan("client-closes", 20_000))
    try:
        wait_until(lambda: opened() == REPORTS, 60, f"{REPORTS} connections")
        ended = f"client-closes: load ended after {REPORTS:,} calls of connect()"
        wait_until(lambda: running.report() == ended, what="the last report")
    finally:
        running.close()


@in_namespace
def test_the_newest_report_gets_through() -> None:
    reports = Reports()
    assert reports.newest() == ""
    for number in range(REPORTS):
        reports.send(f"{number}: {'µ' * 100}")
    assert reports.newest() == f"{REPORTS - 1}: {'µ' * 100}"
    assert reports.newest() == ""


@in_namespace
def test_a_slow_load_reports_before_its_second_connection() -> None:
    running = Lab(plan("client-closes", 0.1))
    try:
        wait_until(running.report, what="a report")
        assert opened() == 1
    finally:
        running.close()


@in_namespace
def test_a_load_that_others_ended_is_no_running_one() -> None:
    running = Lab(plan("client-closes", 100))
    try:
        running.wait_for_load()
        os.kill(running.child, signal.SIGKILL)
        wait_until(lambda: running.report() == "client-closes: load ended by SIGKILL", what="its end in the report")
    finally:
        running.close()


@in_namespace
def test_a_range_with_less_ports_than_kept_connections_is_a_load_too() -> None:
    running = Lab(plan("keep-alive", 500, ports=(40000, 40001)))
    try:
        wait_until(lambda: "/s EADDRNOTAVAIL" in running.report(), what="connects that fail")
    finally:
        running.close()


def test_a_load_ends_whose_parent_ends_before_it_asks_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent is killed between its fork() and the prctl() of the load, which waits for that."""
    reader, writer = os.pipe()
    asks = private_netns.die_with_parent

    def ask_late(parent: int) -> None:
        wait_until(lambda: os.getppid() != parent, what="the end of the parent")
        asks(parent)

    monkeypatch.setattr(private_netns, "die_with_parent", ask_late)
    if (parent := os.fork()) == 0:
        _start_and_end(writer)
    os.close(writer)
    os.waitpid(parent, 0)
    with os.fdopen(reader, "rb") as pipe:
        load = int(pipe.readline() or pytest.skip("the kernel refuses a private namespace"))
        if not select.select([pipe], [], [], 10)[0]:
            os.kill(load, signal.SIGKILL)
            pytest.fail("the load goes on without its parent")
        assert pipe.read() == b""  # all who had the other end have ended


def _start_and_end(writer: int) -> None:
    try:
        load = Lab(plan("client-closes", 100)).child
        os.write(writer, b"%d\n" % load)
    finally:
        os._exit(os.EX_OK)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_of_a_start_that_is_ended_at_any_moment(number: signal.Signals) -> None:
    """Not a process with this mark in its environment: neither twtop nor its load, which alone hold the namespace."""
    mark = f"TWTOP_TEST_{os.getpid()}_{number}"
    moments = random.Random(number).choices(range(1500), k=50)
    for moment in moments:
        running = subprocess.Popen(
            [sys.executable, "-m", "twtop", "demo", "client-closes", "-b", "-d", "0.2", "-o", "json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {mark: ""},
            preexec_fn=heed_interrupts,
        )
        time.sleep(moment / 1000)
        running.send_signal(number)
        _, said = running.communicate(timeout=60)
        assert b"twtop" not in said or b"refuses a private namespace" in said  # Python's own start may be interrupted
        wait_until(lambda: not marked(mark), what=f"the end of all after {moment} ms")


def marked(mark: str) -> list[str]:
    """The processes with this name in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found
