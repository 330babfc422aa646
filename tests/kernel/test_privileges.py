"""What root's process gives up, by what the kernel says of each of its threads, and that what is left is enough."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT
from tests.support.failing_connects import Full, few_ports
from tests.support.in_namespace import in_namespace, sysctl, wait_until
from tests.support.other_netns import process_elsewhere
from tests.support.pty_terminal import pseudo_terminal
from tests.support.readable_python import readable_by_all
from tests.support.run_as_nobody import NOBODY
from twtop.runtime.privileges import Capability

TWTOP = (sys.executable, "-m", "twtop")
DROPPED = "--drop-privileges"
CALLER = 4321
"""Some ordinary user's uid."""

WATCHED = re.compile(rb"netns (?:\x1b\[[\d;]*m)*pid (\d+)")

as_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root has what it gives up")

Status = tuple[str, ...]


def statuses(pid: int) -> set[Status]:
    """Of all threads: (uids, capabilities inheritable, permitted, effective, bounding and ambient, no_new_privs)."""
    texts = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return {tuple(re.findall(r"(?m)^(?:Uid|Cap\w+|NoNewPrivs):\t(.*)$", text)) for text in texts}


def limited_to(*kept: Capability, uid: int = 0) -> set[Status]:
    """What `statuses` says of threads that have these capabilities alone, as far as this test has them."""
    (own,) = statuses(os.getpid())
    some = f"{sum(1 << each for each in kept) & int(own[2], 16):016x}"
    none = f"{0:016x}"
    return {("\t".join([str(uid)] * 4), none, some, some, some, none, "1")}


def is_limited_to(pid: int, *kept: Capability, uid: int = 0) -> None:
    """Wait until all threads have these alone: one that reads sockets does without NET_ADMIN meanwhile."""
    what = f"{statuses(pid)} to be {limited_to(*kept, uid=uid)}"
    wait_until(lambda: statuses(pid) == limited_to(*kept, uid=uid), what=what)


@contextmanager
def batch(*options: str, program: Sequence[str] = TWTOP) -> Iterator[tuple[int, Callable[[], dict[str, Any]]]]:
    """(pid, what gives the next report) of batch output without end, once it has printed a report."""
    command = [*program, "-b", "-d", "0.1", "-o", "json", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = process.stdout
        try:
            assert lines.readline()
            yield process.pid, lambda: json.loads(lines.readline())
        finally:
            process.kill()


@contextmanager
def held_by_nobody() -> Iterator[tuple[int, int]]:
    """(port, pid) of a listener on the loopback whose process is another user's."""
    program = (
        "import ctypes, os, socket, sys; held = socket.create_server(('127.0.0.1', 0))\n"
        f"os.setresgid(*[{NOBODY}] * 3); os.setresuid(*[{NOBODY}] * 3); ctypes.CDLL(None).prctl(4, 1)\n"
        "print(held.getsockname()[1], flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe) as holder:
        assert holder.stdin
        assert holder.stdout
        yield int(holder.stdout.readline()), holder.pid
        holder.stdin.close()


@in_namespace
def test_the_monitor_of_a_user_namespace_keeps_what_its_keys_use(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path, TWTOP) as terminal:
        terminal.until_drawn(b"live")
        assert terminal.threads > 1
        is_limited_to(terminal.pid, *Capability)


@as_root
def test_batch_output_keeps_no_privilege_that_was_not_asked_for() -> None:
    files, counting = Capability.DAC_READ_SEARCH, Capability.NET_ADMIN
    with batch() as (pid, _):
        is_limited_to(pid, files, counting)
    with batch("--sockets") as (pid, _):
        is_limited_to(pid, files, counting, Capability.SYS_PTRACE)


@as_root
def test_another_namespace_is_entered_with_what_is_left() -> None:
    kept = Capability.DAC_READ_SEARCH, Capability.NET_ADMIN, Capability.SYS_PTRACE, Capability.SYS_ADMIN
    with process_elsewhere() as child, batch("-N", str(child.pid), "--sockets") as (pid, report):
        is_limited_to(pid, *kept)
        (listener,) = report()["sockets"]
        assert (listener["lport"], listener["pid"]) == (8080, child.pid)


@as_root
def test_the_monitor_lists_namespaces_and_enters_one_with_what_is_left(tmp_path: Path) -> None:
    with process_elsewhere(name=b"far-away") as child, pseudo_terminal(tmp_path, TWTOP) as terminal:
        terminal.until_drawn(b"live")
        is_limited_to(terminal.pid, *Capability)
        row = b"pid %d (far" % child.pid
        terminal.press_for(b"N", row)
        terminal.click_on(row)  # other tests have namespaces too, before it and after it
        terminal.until(lambda: WATCHED.search(terminal.drawn), "another namespace")
        (watched,) = set(WATCHED.findall(terminal.drawn))
        assert int(watched) == child.pid


@as_root
@pytest.mark.parametrize("options", [[], [DROPPED]])
def test_processes_of_others_are_seen_until_all_is_dropped(options: list[str], tmp_path: Path) -> None:
    with (
        held_by_nobody() as (port, holder),
        batch("--sockets", "-f", f"sport {port}", *options, program=caller_of(tmp_path)) as (_, report),
    ):
        (listener,) = report()["sockets"]
        assert listener["pid"] == (None if options else holder)


@pytest.mark.parametrize("options", [[], [DROPPED]])
@in_namespace
def test_failed_connects_are_counted_without_a_privilege(options: list[str]) -> None:
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    few_ports()
    full = Full("127.0.0.1")
    with batch(*options) as (_, report):

        def failed() -> object:
            return report()["peers"][0]["destinations"][0]["failed_60s"]

        wait_until(lambda: failed() == 0, what="somebody who counts")
        full.fail(7)
        wait_until(lambda: failed() == 7, what="7 failures")


def caller_of(scratch: Path) -> list[str]:
    """twtop as sudo starts it for CALLER, who can read it."""
    return ["env", f"SUDO_UID={CALLER}", f"SUDO_GID={CALLER}", *readable_by_all(TWTOP, scratch)]


@as_root
def test_the_monitor_goes_on_as_the_user_who_called_sudo(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path, [*caller_of(tmp_path), DROPPED]) as terminal:
        terminal.until_drawn(b"live")
        is_limited_to(terminal.pid, uid=CALLER)
        assert "Groups:\t \n" in Path(f"/proc/{terminal.pid}/status").read_text()
        terminal.type(b"q")
        assert terminal.status() == 0
        terminal.is_left_as_it_was()


@in_namespace
def test_where_no_other_user_exists_the_uid_stays(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path, [*TWTOP, DROPPED]) as terminal:
        terminal.until_drawn(b"live")
        is_limited_to(terminal.pid, uid=os.getuid())


@as_root
def test_the_demo_runs_as_an_ordinary_users(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*caller_of(tmp_path), "demo", "-1", DROPPED, "-o", "json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "private namespace" in ran.stderr:
        pytest.skip(ran.stderr)
    assert ran.stderr == ""
    assert json.loads(ran.stdout)["time_wait"]["count"] > 0


ATTEMPTS = """
import os, signal, socket, sys
from pathlib import Path
from twtop.runtime import interpreter, privileges

interpreter.while_loading()
import numpy  # with a single thread

def tried(what):
    try:
        what()
    except PermissionError:
        return "refused"
    return "done"

of_another, of_root, process = sys.argv[1:]
exec(sys.stdin.read())
print(
    tried(Path(of_another).read_text),
    tried(Path(of_root).read_text),
    tried(lambda: os.kill(int(process), 0)),
    tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1).close()),
    tried(lambda: os.chown(of_root, 1, 1)),
    tried(lambda: os.setresuid(0, 0, 1)),
)
"""


@as_root
@pytest.mark.parametrize(
    ("dropped", "found"),
    [
        ("", "done done done done done done"),
        ("privileges.keep_only(privileges.Capability)", "done done refused refused refused refused"),
        ("privileges.keep_only([])", "refused done refused refused refused refused"),
        ("privileges.become_ordinary()", "refused refused refused refused refused refused"),
    ],
    ids=["nothing", "what no feature uses", "every capability", "everything"],
)
def test_what_is_dropped_is_gone(dropped: str, found: str, tmp_path: Path) -> None:
    """Files of mode 0600 of another user and of root, another user's process, raw packets, owners, another uid."""
    of_another, of_root = tmp_path / "another", tmp_path / "root"
    for file, uid in ((of_another, NOBODY - 1), (of_root, 0)):
        file.write_text("secret")
        file.chmod(0o600)
        os.chown(file, uid, uid)
    with held_by_nobody() as (_, pid):
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        program = readable_by_all([sys.executable, "-c", ATTEMPTS], scratch)
        environment = os.environ | {"SUDO_UID": str(CALLER), "SUDO_GID": str(CALLER)}
        ran = subprocess.run(
            [*program, str(of_another), str(of_root), str(pid)],
            input=dropped, cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ran.stdout.strip() == found, ran.stderr


@as_root
def test_code_that_the_user_cannot_read_is_told_in_one_line(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "twtop").symlink_to(ROOT / "twtop")
    ran = subprocess.run(
        [*TWTOP, "-1", DROPPED],
        cwd=closed,
        env=os.environ | {"PYTHONPATH": str(closed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.fullmatch(rf"twtop: user {NOBODY} cannot read \S+: install twtop for all users\n", ran.stderr)


def test_several_threads_are_told_in_one_line() -> None:
    ran = subprocess.run(
        [*TWTOP, "-1", DROPPED],
        cwd=ROOT, env=os.environ | {"OPENBLAS_NUM_THREADS": "2"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr == "twtop: cannot give up privileges with several threads: unset OPENBLAS_NUM_THREADS\n"
