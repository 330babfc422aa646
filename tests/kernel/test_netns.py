"""Another network namespace: twtop finds it, enters it with one thread, and says when it is gone."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests import ROOT
from tests.support.in_namespace import in_namespace, sysctl
from tests.support.other_netns import hand, namespace_of, process_elsewhere
from twtop.namespaces import NetnsTarget
from twtop.sources import netns
from twtop.sources.decode import decode
from twtop.sources.netns_listing import list_namespaces
from twtop.sources.open_source import InNetns, open_local, open_source
from twtop.sources.probe import ALL_SOCKETS, CollectError


@pytest.mark.parametrize("kind", ["auto", "sock_diag", "procfs"])
@in_namespace
def test_only_the_reading_thread_enters_the_namespace(kind: str) -> None:
    home = namespace_of()
    with process_elsewhere() as child, hand() as sampler:
        target = netns.find(str(child.pid))
        source = open_source(kind, target)()
        snapshots = [decode(sampler.do(partial(source.read, ALL_SOCKETS))) for _ in range(2)]
        assert snapshots[0].netns == namespace_of(child.pid) != home
        local = decode(open_local().read(ALL_SOCKETS))
    assert [snapshot.sockets.lport.tolist() for snapshot in snapshots] == [[8080], [8080]]
    assert (snapshots[0].limits.tw_reuse, local.limits.tw_reuse) == (0, 2)
    assert (snapshots[0].netns_name, local.netns_name) == (f"pid {child.pid}", "")
    assert (local.netns, len(local.sockets)) == (home, 0)
    assert namespace_of() == home


@in_namespace
def test_psutil_cannot_read_another_namespace() -> None:
    with process_elsewhere() as child, hand() as sampler:
        source = open_source("psutil", netns.find(str(child.pid)))()
        with pytest.raises(CollectError, match="--source procfs"):
            sampler.do(partial(source.read, ALL_SOCKETS))


@in_namespace
def test_a_namespace_that_is_gone_is_reported_and_stays_gone() -> None:
    """A thread that stayed inside would keep it alive for ever."""
    with hand() as sampler:
        with process_elsewhere() as child:
            source = open_source(target=netns.find(str(child.pid)))()
            sampler.do(partial(source.read, ALL_SOCKETS))
        for _ in range(2):
            with pytest.raises(CollectError, match=f"pid {child.pid} is gone: its process has ended"):
                sampler.do(partial(source.read, ALL_SOCKETS))


@in_namespace
def test_another_namespace_under_the_same_path_is_not_read(tmp_path: Path) -> None:
    with process_elsewhere() as first, process_elsewhere() as second, hand() as sampler:
        link = tmp_path / "link"
        link.symlink_to(f"/proc/{first.pid}/ns/net")
        source = open_source(target=netns.find(str(link)))()
        assert sampler.do(partial(source.read, ALL_SOCKETS)).netns_name.startswith(str(tmp_path)[:20])
        link.unlink()
        link.symlink_to(f"/proc/{second.pid}/ns/net")
        with pytest.raises(CollectError, match="another one has its place now"):
            sampler.do(partial(source.read, ALL_SOCKETS))


@in_namespace
def test_one_path_of_several_is_enough() -> None:
    with hand() as sampler, process_elsewhere() as child:
        paths = (f"/proc/{child.pid}/ns/net", f"/proc/{child.pid}/task/{child.pid}/ns/net")
        source = InNetns(NetnsTarget("both", paths, "gone"), open_local())
        sampler.do(partial(source.read, ALL_SOCKETS))
        half_gone = NetnsTarget("x", ("/nonexistent", paths[1]), "gone")
        assert netns.missing(half_gone, Path(paths[0]).stat().st_ino) is None


def test_a_path_that_may_not_be_looked_at_is_not_taken_for_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that changes its user, say."""

    def forbidden(path: str) -> os.stat_result:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", forbidden)
        told = netns.missing(NetnsTarget("x", ("/proc/1/ns/net",), "its process has ended"), 4711)
    assert told is None


@in_namespace
def test_the_command_line_reads_another_namespace() -> None:
    sysctl("net.ipv4.tcp_tw_reuse", 1)
    with process_elsewhere() as child:
        command = [sys.executable, "-m", "twtop", "-1", "-o", "json", "--sockets", "-N", f"/proc/{child.pid}/ns/net"]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (os.EX_OK, "")
    value = json.loads(ran.stdout)
    assert (value["limits"]["tw_reuse"], [each["lport"] for each in value["sockets"]]) == (0, [8080])


@in_namespace
def test_asking_for_a_refusal_enters_no_namespace() -> None:
    home = namespace_of()
    with process_elsewhere(listening=False) as child:
        assert netns.refusal(netns.find(str(child.pid))) is None
    assert namespace_of() == home


@pytest.fixture
def named() -> Iterator[str]:
    """A name of `ip netns`, which needs real root. It is removed at the end."""
    name = f"twtop-test-{os.getpid()}"
    if (
        not shutil.which("ip")
        or subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode
    ):
        pytest.skip("'ip netns' may not be used here")
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def test_a_namespace_of_ip_netns_is_read_by_its_name(named: str) -> None:
    inode = Path(netns.RUN, named).stat().st_ino
    with hand() as sampler:
        source = open_source(target=netns.find(named))()
        sample = sampler.do(partial(source.read, ALL_SOCKETS))
        (listed,) = [each for each in list_namespaces().namespaces if each.inode == inode]
        subprocess.run(["ip", "netns", "del", named], check=True)
        with pytest.raises(CollectError, match="'ip netns' has no such name any more"):
            sampler.do(partial(source.read, ALL_SOCKETS))
    assert (sample.netns_name, sample.netns) == (named, f"net:[{inode}]")
    assert listed.target
    assert (listed.target.name, listed.processes, listed.time_wait) == (named, (), 0)
