"""The details of a process: user, command line, descriptors and their limit, of real processes."""

import os
import pwd
import resource
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.other_process import server
from tests.support.run_as_nobody import as_nobody
from twtop.model import Process
from twtop.processes.detail import ProcessDetail, read_detail


def test_the_details_of_a_real_process() -> None:
    with server("tw-child", "--port", "a b", b"\xff\x1b[2J\n") as child:
        with child.dial():
            detail = read_detail(Process(child.pid, "tw-child"))
            held = [*Path(f"/proc/{child.pid}/fd").iterdir()]
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (77, 99))
        limited = read_detail(Process(child.pid, "tw-child"))
    assert detail.user == pwd.getpwuid(os.geteuid()).pw_name
    assert detail.command
    assert detail.command[0] == sys.executable
    assert detail.command[-4:] == ("tw-child", "--port", "a b", "\udcff\x1b[2J\n")
    assert detail.descriptors == len(held)
    assert detail.limit == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert limited.limit == 77
    assert limited.share == pytest.approx(len(held) / 77)


def test_a_process_that_has_ended_is_gone() -> None:
    with server("tw-child") as child:
        process = Process(child.pid, "tw-child")
        assert not read_detail(process).gone
    assert read_detail(process) == ProcessDetail(process, gone=True)


def test_a_process_whose_pid_has_another_one_is_gone() -> None:
    """The kernel uses pids again."""
    with server("tw-child") as child:
        assert read_detail(Process(child.pid, "wrk")) == ProcessDetail(Process(child.pid, "wrk"), gone=True)


def test_a_process_that_changes_its_name_is_not_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is older than what is known of its sockets, so its pid cannot have passed to another process."""
    monkeypatch.setattr("twtop.processes.detail.HELD_S", -1)
    with server("after") as child:
        detail = read_detail(Process(child.pid, "before"))
    assert not detail.gone
    assert detail.command
    assert detail.command[-1] == "after"


def test_the_limit_is_known_where_prlimit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused for processes of other users, without CAP_SYS_RESOURCE."""

    def refuse(process: psutil.Process, _resource: int) -> None:
        raise psutil.AccessDenied(process.pid)

    with server("limited") as child:
        resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (77, 99))
        monkeypatch.setattr(psutil.Process, "rlimit", refuse)
        assert read_detail(Process(child.pid, "limited")).limit == 77


def test_a_zombie_is_not_gone_but_has_no_command() -> None:
    child = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    detail = read_detail(Process(child.pid, "true"))
    child.wait()
    assert not detail.gone
    assert not detail.command


def test_details_that_may_not_be_read_are_none() -> None:
    """Anybody may read the user and the command line of a process, but not its descriptors."""
    with server("theirs") as child:
        detail = as_nobody(read_detail, Process(child.pid, "theirs"))
    assert (detail.user, detail.descriptors, detail.share) == (pwd.getpwuid(0).pw_name, None, None)
    assert detail.command
    assert detail.command[-1] == "theirs"


@pytest.mark.parametrize(
    ("descriptors", "limit", "share"), [(5, 10, 0.5), (0, 10, 0.0), (None, 10, None), (5, None, None), (5, 0, None)]
)
def test_a_share_needs_descriptors_and_a_limit(descriptors: int | None, limit: int | None, share: float | None) -> None:
    assert ProcessDetail(Process(1, "a"), descriptors=descriptors, limit=limit).share == share
