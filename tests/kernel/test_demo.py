"""Each scenario of the demo shows what it claims, by the kernel's own files and errnos, and leaves nothing behind."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.in_namespace import heed_interrupts, in_namespace, wait_until
from twtop.demo.lab import Lab, Plan, report_line
from twtop.demo.load import ConnectStats
from twtop.demo.scenarios import BY_NAME, SCENARIOS

TWTOP = [sys.executable, "-m", "twtop"]


@contextmanager
def lab(name: str, rate: float, ports: tuple[int, int] | None = None, seconds: float = 60) -> Iterator[Lab]:
    scenario = BY_NAME[name]
    running = Lab(Plan(scenario, rate, seconds, ports or scenario.ports))
    try:
        running.wait_for_load()
        yield running
    finally:
        end_by_request(running.child)
        running.close()


def end_by_request(child: int) -> None:
    """End a process by SIGTERM, not by force, so that coverage gets to write down what it ran."""
    with suppress(ProcessLookupError, ChildProcessError):  # it has ended
        os.kill(child, signal.SIGTERM)
        os.kill(child, signal.SIGCONT)  # one that stands still would not hear of it
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)


def sockstat() -> int:
    found = re.search(r"^TCP: .*? tw (\d+)", Path("/proc/thread-self/net/sockstat").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def counter(name: str) -> int:
    lines = [line.split() for line in Path("/proc/thread-self/net/netstat").read_text().splitlines()[:2]]
    return int(dict(zip(*lines, strict=True))[name])


def pause(running: Lab) -> None:
    """Let the load stand still. The kernel walks its whole table for each 4 KiB of /proc/net/tcp while that changes."""
    os.kill(running.child, signal.SIGSTOP)


def states() -> list[int]:
    """The state column of /proc/net/tcp, one number per IPv4 socket."""
    rows = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
    return [int(row.split()[3], 16) for row in rows]


def failed(running: Lab, code: int) -> int:
    """How often connect() fails with this errno per second, as the load reports it."""
    found = re.search(rf"([\d,]+)/s {errno.errorcode[code]}", running.report())
    return int(found[1].replace(",", "")) if found else 0


@in_namespace
def test_client_closes_fills_its_budget_and_then_fails() -> None:
    with lab("client-closes", 1000, (32768, 33267)) as running:
        wait_until(lambda: failed(running, errno.EADDRNOTAVAIL) >= 10, what="EADDRNOTAVAIL")
        assert sockstat() == 500


@in_namespace
def test_server_closes_piles_up_and_nothing_fails() -> None:
    """The client has a thousand ports and makes more connections than that: they replace TIME_WAIT at the server."""
    with lab("server-closes", 5000, (32768, 33767)) as running:
        wait_until(lambda: counter("TW") > 5000, what="five times the client's ports")
        assert sockstat() <= 1000
        assert "none failed" in running.report()


@in_namespace
def test_many_peers_come_from_many_addresses_of_both_families() -> None:
    with lab("many-peers", 3000) as running:
        wait_until(lambda: sockstat() > 6000, what="6,000 TIME_WAIT")
        pause(running)
        rows = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
        peers = Counter(row.split()[2].partition(":")[0] for row in rows if int(row.split()[3], 16) == 6)
        assert len(peers) > 50
        assert peers.most_common(1)[0][1] > peers.total() / 20
        assert len(Path("/proc/thread-self/net/tcp6").read_text().splitlines()) > 50


@in_namespace
def test_overflow_stops_the_count_and_fails_nothing() -> None:
    with lab("overflow", 3000) as running:
        wait_until(lambda: counter("TCPTimeWaitOverflow") > 100, what="TCPTimeWaitOverflow")
        assert sockstat() <= 2001
        assert "none failed" in running.report()


@in_namespace
def test_bind_first_shares_one_budget() -> None:
    with lab("bind-first", 1000, (32768, 33267)) as running:
        wait_until(lambda: failed(running, errno.EADDRINUSE) >= 10, what="EADDRINUSE")
        assert sockstat() <= 500


@in_namespace
def test_reuse_never_runs_out_of_the_same_ports() -> None:
    with lab("reuse", 200, (32768, 33267)) as running:
        wait_until(lambda: counter("TWRecycled") > 100, what="TWRecycled")
        assert failed(running, errno.EADDRNOTAVAIL) == 0
        assert sockstat() <= 500


@in_namespace
def test_keep_alive_leaves_no_time_wait() -> None:
    with lab("keep-alive", 500) as running:
        wait_until(lambda: "requests/s" in running.report(), what="requests")
        assert (sockstat(), counter("TW")) == (0, 0)


@in_namespace
def test_leak_shows_as_close_wait_with_descriptors() -> None:
    with lab("leak", 500) as running:
        descriptors = Path(f"/proc/{running.child}/fd")
        wait_until(lambda: len(list(descriptors.iterdir())) > 300, what="300 descriptors")
        pause(running)
        assert states().count(8) > 200
        assert states().count(6) == 0


@in_namespace
def test_mixed_has_some_of_each() -> None:
    with lab("mixed", 3000) as running:
        wait_until(lambda: sockstat() > 500, what="500 TIME_WAIT")
        pause(running)
        assert {1, 6, 8, 10} <= set(states())  # ESTABLISHED, TIME_WAIT, CLOSE_WAIT, LISTEN


@in_namespace
def test_a_load_that_ends_says_so_and_keeps_its_sockets() -> None:
    with lab("client-closes", 500, seconds=1) as running:
        wait_until(lambda: "load ended after" in running.report(), what="the end")
        assert sockstat() > 100


def test_every_scenario_is_listed_with_a_line() -> None:
    listed = subprocess.run([*TWTOP, "demo", "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in listed] == [scenario.name for scenario in SCENARIOS]


def test_batch_output_has_the_report_of_the_load() -> None:
    command = [*TWTOP, "demo", "client-closes", "--rate", "500", "-1", "-o", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if "refuses a private namespace" in ran.stderr:
        pytest.skip(ran.stderr)
    document = json.loads(ran.stdout)
    assert document["load"].startswith("client-closes: connect() ")
    assert document["time_wait"]["count"] > 0


def test_a_full_disk_is_told_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [*TWTOP, "demo", "leak", "-1", "-o", "json"]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    if "refuses a private namespace" in ran.stderr:
        pytest.skip(ran.stderr)
    assert (ran.returncode, ran.stderr) == (1, "twtop: cannot write the output: No space left on device\n")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_however_it_ends(number: signal.Signals) -> None:
    command = [*TWTOP, "demo", "client-closes", "-b", "-d", "0.2", "-o", "json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts) as running:
        assert running.stdout
        assert running.stderr
        line = running.stdout.readline()
        if not line:
            pytest.skip(running.stderr.read())
        netns, own = json.loads(line)["netns"], str(Path("/proc/self/ns/net").readlink())
        assert netns != own
        running.send_signal(number)
    wait_until(lambda: netns not in namespaces(), what="the last process of the namespace to go")


def namespaces() -> set[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found.add(str((process / "ns/net").readlink()))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("words", [["--rate", "0"], ["--ports", "9-5"], ["--ports", "x"], ["--seconds", "0"], ["no"]])
def test_bad_usage_is_one_line(words: list[str]) -> None:
    ran = subprocess.run([*TWTOP, "demo", *words], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


def test_the_load_reports_rates() -> None:
    failures = Counter({errno.EADDRINUSE: 5})
    before, stats = ConnectStats(20, failures, 0.1, 50), ConnectStats(120, failures, 0.3, 150)
    assert (
        report_line(stats, before, 2.0)
        == "connect() 50/s done, none failed, mean 2,000 µs; 50 requests/s over kept connections"
    )
    assert report_line(stats, stats, 2.0) == "connect() none lately; 0 requests/s over kept connections"
