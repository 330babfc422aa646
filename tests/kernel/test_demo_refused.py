"""What is in the way of the demo is told in one line that says what to do: namespaces, /proc/sys, processes, files."""

import ctypes
import errno
import importlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.in_namespace import in_namespace, run_in_namespace
from tests.support.run_as_nobody import as_nobody
from twtop.demo.lab import Lab, LoadRefused, Plan
from twtop.demo.private_netns import NamespaceRefused, enter, way_out
from twtop.demo.scenarios import BY_NAME

CLONE_NEWNS = 0x20000
PR_SET_DUMPABLE = 4
PLAN = Plan(BY_NAME["mixed"], 100, 10, (32768, 33767))


def refusal() -> str:
    """Why the load cannot begin."""
    with pytest.raises((NamespaceRefused, LoadRefused), match=r"\A[^\n]+\Z") as refused:  # noqa: PT012
        lab = Lab(PLAN)
        try:
            lab.wait_for_load()
        finally:
            lab.close()
    return str(refused.value)


@pytest.mark.parametrize("limit", ["user.max_user_namespaces", "user.max_net_namespaces"])
@in_namespace
def test_the_limit_that_is_in_the_way_is_named(limit: str) -> None:
    Path("/proc/sys", limit.replace(".", "/")).write_text("0")
    with pytest.raises(NamespaceRefused, match=rf"refuses a private namespace: raise the sysctl {limit}$"):
        enter()


@pytest.mark.parametrize(
    ("name", "refusing"),
    [("kernel.unprivileged_userns_clone", 0), ("kernel.apparmor_restrict_unprivileged_userns", 1)],
)
def test_hardening_is_named_where_it_refuses(tmp_path: Path, name: str, refusing: int) -> None:
    forbidden, sysctl = OSError(errno.EPERM, os.strerror(errno.EPERM)), tmp_path / name.replace(".", "/")
    assert way_out(forbidden, "", tmp_path).startswith("Operation not permitted. Run as root, or outside of")
    sysctl.parent.mkdir()
    sysctl.write_text(f"{1 - refusing}\n")
    assert name not in way_out(forbidden, "", tmp_path)
    sysctl.write_text(f"{refusing}\n")
    assert way_out(forbidden, "", tmp_path) == f"run as root, or set the sysctl {name}={1 - refusing}"
    assert way_out(OSError(errno.ENOSPC, ""), "user.max_net_namespaces", tmp_path).endswith("user.max_net_namespaces")


@in_namespace
def test_settings_that_cannot_be_written() -> None:
    assert ctypes.CDLL(None).unshare(CLONE_NEWNS) == 0
    for options in (["--make-rprivate", "/"], ["--bind", "/proc/sys", "/proc/sys"], ["-oremount,bind,ro", "/proc/sys"]):
        mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
        if mounted.returncode:
            pytest.skip(mounted.stderr)
    assert refusal().startswith("cannot start the load: Read-only file system (/proc/sys/net/")
    assert refusal().endswith("run twtop where /proc/sys can be written, as outside of a container")


def test_no_process_is_left_for_the_load() -> None:
    """As nobody, since the limit does not hold for root. Nobody may not be allowed to read what Python loads late."""
    for module in ("ctypes", "encodings.ascii", "fcntl", "resource"):
        importlib.import_module(module)
    assert as_nobody(_without_processes).endswith("this user may have no more processes, raise 'ulimit -u'")


def _without_processes() -> str:
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)  # as after exec(): /proc/self is its own
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    return refusal()


@pytest.mark.parametrize("files", [0, 1, 2, 3, 5, 7])
def test_no_file_is_left_for_the_load(files: int) -> None:
    """Too few for the namespace, for the reports, or for the load's own listening sockets."""

    def body() -> str:
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + files, lowest + files))
        return refusal()

    assert run_in_namespace(body).endswith("twtop may open no more files, give it a higher 'ulimit -n'")


@in_namespace
def test_the_program_tells_it_and_fails() -> None:
    Path("/proc/sys/user/max_net_namespaces").write_text("0")
    ran = subprocess.run([sys.executable, "-m", "twtop", "demo", "-1"], capture_output=True, text=True, check=False)
    line = "twtop: the kernel refuses a private namespace: raise the sysctl user.max_net_namespaces\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", line)
