"""twtop as a user runs it: another process, its output, its exit status, and how it ends."""

import csv
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.support.in_namespace import heed_interrupts, in_namespace, sysctl, wait_until
from tests.support.sockets_in_every_state import readable
from tests.support.ss_and_procfs import by_proc, proc_text
from twtop.model import TcpState

TWTOP = [sys.executable, "-m", "twtop"]
PATIENCE_S = 60

Run = subprocess.CompletedProcess[str]


def twtop(*arguments: str, program: list[str] = TWTOP, environ: Mapping[str, str] | None = None) -> Run:
    return subprocess.run(
        [*program, *arguments],
        cwd=ROOT,
        env=os.environ | (environ or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def output(*arguments: str) -> str:
    """Of a run that went well."""
    run = twtop(*arguments)
    assert (run.returncode, run.stderr) == (os.EX_OK, "")
    return run.stdout


def objects(*arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output(*arguments, "-o", "json").splitlines()]


def complaint(run: Run, status: int) -> str:
    """The one line of a run that came to nothing."""
    assert (run.returncode, run.stdout) == (status, "")
    assert re.fullmatch(r"twtop: [^\n]+\n", run.stderr)
    return run.stderr


# What it says


def make_time_wait(count: int) -> int:
    """So many connections over loopback that their clients closed; the port of their server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(count):
            with socket.create_connection(server.getsockname()):
                accepted, _ = server.accept()
            accepted.close()
        wait_until(lambda: in_sockstat() == count, what=f"{count} TIME_WAIT")
        return int(server.getsockname()[1])


def in_sockstat() -> int:
    found = re.search(r"^TCP: .* tw (\d+) ", Path("/proc/thread-self/net/sockstat").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


@in_namespace
def test_every_form_says_what_the_kernel_counts() -> None:
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    port = make_time_wait(25)
    assert in_sockstat() == 25

    (value,) = objects("-1", "--sockets")
    assert value["time_wait"]["count"] == value["states"]["TIME_WAIT"] == value["counters"]["TW"] == 25
    assert sum(value["time_wait"]["entered"]) == 25
    (peer,) = value["peers"]
    assert (peer["peer"], peer["direction"], peer["sockets"]) == ("127.0.0.1", "outbound", 25)
    (budget,) = peer["destinations"]
    assert (budget["remote"], budget["port"], budget["used"]) == ("127.0.0.1", port, 25)
    table = {(row["local"], row["lport"], row["remote"], row["rport"]): row["state"] for row in value["sockets"]}
    assert table == {ends: seen.state.name for ends, seen in by_proc(proc_text()).items()}

    report = output("-1").splitlines()
    assert report[1].startswith("TIME_WAIT 25  ")
    assert [line.split()[0] for line in report if line.split()[1:2] == ["25"]] == ["TIME_WAIT", "TIME_WAIT"]
    assert any(line.startswith("127.0.0.1 ") and f" :{port} 25/28,232 " in line for line in report)

    rows = [*csv.DictReader(output("-1", "-o", "csv").splitlines())]
    assert [(row["peer"], row["time_wait"]) for row in rows] == [("127.0.0.1", "25")]
    rows = [*csv.DictReader(output("-1", "-o", "csv", "--sockets", "-f", f"dport {port} and tw").splitlines())]
    assert [row["state"] for row in rows] == ["TIME_WAIT"] * 25


@in_namespace
def test_sockets_can_be_grouped_sorted_and_filtered() -> None:
    ports = [make_time_wait(3)]
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        ports.append(server.getsockname()[1])
        wait_until(lambda: readable(server), what="a connection to accept")
        view = ["--group", "service", "--sort", "other", "-f", "not state listen and dir out"]
        rows = [*csv.DictReader(output("-1", "-o", "csv", *view).splitlines())]
        owned = objects("-1", "--group", "process", "-f", "established", "--sockets")
    assert [(row["peer"], row["sockets"]) for row in rows] == [(f":{ports[1]}", "1"), (f":{ports[0]}", "3")]
    name = Path("/proc/self/comm").read_text().strip()
    assert {peer["peer"]: peer["sockets"] for peer in owned[0]["peers"]} == {name: 2}
    accepted = {row["pid"]: row["inferred"] for row in owned[0]["sockets"]}
    assert accepted == {os.getpid(): False, None: True}  # nobody has called accept() yet
    assert owned[0]["states"]["TIME_WAIT"] == 0
    assert owned[0]["filter"] == f"state {TcpState.ESTABLISHED.name.lower()}"


def test_a_batch_is_a_tick_each_interval() -> None:
    first, second, third = objects("-b", "-n", "3", "-d", "0.1")
    assert first["time"] < second["time"] < third["time"]
    assert set(first["rates"].values()) == {None}
    assert None not in third["rates"].values()


def test_a_batch_of_csv_has_one_header() -> None:
    rows = output("-b", "-n", "2", "-d", "0.1", "-o", "csv").splitlines()
    assert [row.startswith("time,peer,") for row in rows].count(True) == 1


def test_one_report_is_one_even_if_more_are_asked_for() -> None:
    assert output("-1", "-n", "3").count("\ntwtop - ") + 1 == output("-b", "-n", "1").count("twtop - ") == 1


@pytest.mark.parametrize("options", [["-1"], ["--help"]])
def test_a_file_gets_no_colour(options: list[str]) -> None:
    run = twtop(*options, environ={"TERM": "xterm-256color", "COLORTERM": "truecolor", "CLICOLOR_FORCE": "1"})
    assert run.stdout
    assert "\x1b" not in run.stdout + run.stderr


def test_help_names_every_option() -> None:
    told = output("--help")
    options = "-d --delay -f --filter --group --sort -b -n -1 -o --sockets --version".split()
    assert [option for option in options if option not in told] == []


def test_the_version_is_that_of_the_package() -> None:
    from twtop import __version__

    assert output("--version") == f"twtop {__version__}\n"


@pytest.mark.parametrize(("options", "loaded"), [([], False), (["-f", "443"], True)])
def test_the_parser_of_filters_is_loaded_only_for_a_filter(options: list[str], loaded: bool) -> None:
    run = twtop("-1", *options, program=[sys.executable, "-X", "importtime", "-m", "twtop"])
    assert run.returncode == os.EX_OK
    assert (re.search(r"\| +lark\n", run.stderr) is not None) == loaded


# How it ends


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-d", "0"], "-d/--delay/--interval: expected 0.1 to 3600 seconds, found '0'"),
        (["-d", "foo"], "found 'foo'"),
        (["--delay", "nan"], "found 'nan'"),
        (["--interval=3601"], "found '3601'"),
        (["-n", "0"], "-n/--iterations: expected a whole number from 1 to 999,999,999, found '0'"),
        (["-n", "1.5"], "found '1.5'"),
        (["-f", "port foo"], '-f/--filter: column 6: found "foo", expected'),
        (["--group", "x"], "--group: expected peer, destination, service, process, prefix; found 'x'"),
        (["--sort", "x"], "--sort: expected ports, peer, "),
        (["-o", "xml"], "-o/--output: invalid choice: 'xml'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["explain", "-o", "json"], "explain prints text only"),
        (["demo", "--ports", "00000199999-65535"], "expected LOW-HIGH between 1024 and 65535"),
        (["-N", "", "demo"], "leave out -N"),
        (["--a\nb\x1b[2J"], "--a␊b␛[2J"),
    ],
)
def test_bad_usage_is_told_in_one_line(options: list[str], said: str) -> None:
    told = complaint(twtop("-1", *options), 2)
    assert said in told
    assert told.endswith("(see 'twtop --help')\n")


def test_the_monitor_needs_a_terminal() -> None:
    assert "twtop -b" in complaint(twtop(), 2)


WITHOUT_DESCRIPTORS = """
import contextlib, io, os, resource
from twtop.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main(["-1"])  # loads all that it needs
next_one = os.dup(0)
os.close(next_one)
resource.setrlimit(resource.RLIMIT_NOFILE, (next_one, next_one))
main()
"""


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_a_kernel_that_cannot_be_read_is_told_in_one_line(form: str) -> None:
    not_counted = {"COVERAGE_PROCESS_CONFIG": ""}  # coverage could not write what it counted
    run = twtop("-b", "-o", form, program=[sys.executable, "-c", WITHOUT_DESCRIPTORS], environ=not_counted)
    assert "cannot read sockets: twtop may open no more files, give it a higher 'ulimit -n'" in complaint(run, 1)


def started(*options: str) -> subprocess.Popen[str]:
    """A batch without end, in its first report."""
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [*TWTOP, "-b", *options], cwd=ROOT, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed_interrupts
    )
    assert child.stdout
    assert child.stdout.readline().startswith(("twtop - ", "{", "time,"))
    return child


@pytest.mark.parametrize("form", ["text", "json", "csv"])
@in_namespace
def test_a_reader_that_has_enough_ends_it_quietly(form: str) -> None:
    """Some socket there must be: without a row CSV writes nothing, and so cannot notice."""
    with socket.create_server(("127.0.0.1", 0)), started("-d", "0.1", "-o", form, "--sockets") as child:
        assert child.stdout
        child.stdout.close()
        child.stdout = None
        assert child.communicate(timeout=PATIENCE_S)[1] == ""
        assert child.returncode == os.EX_OK


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 128 + signal.SIGINT), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_ends_it_quietly(number: signal.Signals, status: int) -> None:
    with started("-d", "3600", "-o", "json") as child:
        child.send_signal(number)
        assert child.communicate(timeout=PATIENCE_S) == ("", "")
        assert child.returncode == status


@pytest.mark.parametrize("options", [["-1"], ["explain"], ["demo", "--list"]])
def test_a_full_disk_is_told_in_one_line(options: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        run = subprocess.run([*TWTOP, *options], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr == "twtop: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("options", ["-1", "-1 -o json", "explain", "demo --list", ""])
def test_a_closed_output_is_told_in_one_line(options: str) -> None:
    run = twtop(program=["sh", "-c", f"exec {shlex.join(TWTOP)} {options} >&-"])
    assert complaint(run, 1) == "twtop: cannot write the output: it is closed\n"


def test_a_list_that_nobody_reads_ends_quietly() -> None:
    run = twtop(program=["bash", "-c", f"{shlex.join(TWTOP)} demo --list | true; exit ${{PIPESTATUS[0]}}"])
    assert (run.returncode, run.stderr) == (os.EX_OK, "")


def test_without_an_input_there_is_no_monitor() -> None:
    assert "twtop -b" in complaint(twtop(program=["sh", "-c", f"exec {shlex.join(TWTOP)} <&-"]), 2)


def test_complaints_do_not_get_into_the_output() -> None:
    run = twtop(program=["sh", "-c", f"exec {shlex.join(TWTOP)} -d 0 2>&-"])
    assert (run.returncode, run.stdout, run.stderr) == (2, "", "")


INTERRUPTED_WHILE_IT_LOADS = """
import os, signal, sys
from importlib.abc import MetaPathFinder

class Interrupt(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are born ignoring it
sys.meta_path.insert(0, Interrupt())
from twtop.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["ctypes", "numpy"])
def test_an_interrupt_while_it_loads_ends_it_quietly(module: str) -> None:
    run = twtop(module, program=[sys.executable, "-c", INTERRUPTED_WHILE_IT_LOADS])
    assert (run.returncode, run.stdout, run.stderr) == (128 + signal.SIGINT, "", "")


def test_a_terminal_without_unicode_gets_a_report_too() -> None:
    run = twtop("-1", environ={"PYTHONIOENCODING": "ascii"})
    assert (run.returncode, run.stderr) == (os.EX_OK, "")
    assert re.search(r"^ESTABLISHED +\d+ +\?$", run.stdout, re.MULTILINE)
