"""What `-N` may name, and the line that says why a namespace cannot be entered."""

import errno
import os
from pathlib import Path

import pytest

from twtop.namespaces import NetnsTarget
from twtop.sources import netns
from twtop.sources.probe import CollectError

LINE = r"\A[^\n]{20,200}\Z"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no-such-name", "there is no network namespace no-such-name: 'ip netns' has blue, red; -N takes a pid"),
        ("4194305", "there is no process 4194305"),
        ("/no/such/path", "there is no /no/such/path"),
        ("/etc/passwd", "/etc/passwd is no network namespace"),
        ("/etc/passwd/x", "there is no /etc/passwd/x"),
        ("\x1b[2J", "there is no network namespace ␛[2J"),
        ("a\0b", "there is no network namespace a␀b"),
        ("n" * 4096, "…: File name too long; -N takes a pid, a name"),
        ("plain", "is no network namespace"),
        ("", "-N needs a name of 'ip netns', the pid of a process, or a path"),
    ],
)
def test_what_is_no_namespace_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    for name in ("blue", "red") if text != "plain" else ("plain",):
        (tmp_path / name).touch()
    with pytest.raises(CollectError, match=LINE) as caught:
        netns.find(text, run=str(tmp_path))
    assert said in str(caught.value)


def test_ip_netns_that_has_none(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="'ip netns' has none"):
        netns.find("x", run=str(tmp_path / "nonexistent"))


def test_refusals_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(netns, "system_call", refuse)
    for uid, means in ((1000, "run twtop as root"), (0, "twtop needs CAP_SYS_ADMIN and CAP_SYS_PTRACE")):
        monkeypatch.setattr(os, "geteuid", lambda uid=uid: uid)
        told = netns.refusal(NetnsTarget("pid 1", ("/proc/self/ns/net",), "gone"))
        assert told == f"entering network namespace pid 1 is not allowed: {means}"


def test_a_namespace_of_another_kind_is_told_in_one_line() -> None:
    told = netns.refusal(netns.find("/proc/self/ns/uts"))
    assert told == f"/proc/self/ns/uts is a namespace of another kind: {netns.TAKES}"


def test_a_name_of_digits_comes_before_a_pid(tmp_path: Path) -> None:
    (tmp_path / "4194305").symlink_to("/proc/self/ns/net")
    assert netns.find("4194305", run=str(tmp_path)).paths == (f"{tmp_path}/4194305",)
