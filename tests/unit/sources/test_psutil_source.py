"""What psutil says instead of sockets, on systems that this one is not."""

import sys
from types import SimpleNamespace

import psutil
import pytest

from twtop.sources.probe import CollectError, Unavailable
from twtop.sources.psutil_source import decode_holders, decode_rows, read_psutil


@pytest.mark.parametrize(
    ("error", "raised", "told"),
    [
        (psutil.AccessDenied(), Unavailable, "only as root: use sudo"),
        (psutil.NoSuchProcess(1), CollectError, "psutil cannot read sockets: "),
        (OSError(5, "Input/output error"), CollectError, "psutil cannot read sockets: .*Input/output error"),
        (NotImplementedError("not on this system"), CollectError, "psutil cannot read sockets: not on this system"),
    ],
)
def test_what_psutil_raises_is_one_line(
    error: Exception, raised: type[CollectError], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise error

    monkeypatch.setattr(psutil, "net_connections", refuse)
    with pytest.raises(raised, match=told) as caught:
        read_psutil()
    assert type(caught.value) is raised


def test_without_psutil_another_source_may_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    with pytest.raises(Unavailable, match="psutil is not installed"):
        read_psutil()


def test_a_holder_that_has_ended_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket was listed, and then it was gone."""
    ended = SimpleNamespace(family=2, laddr=("10.0.0.1", 80), raddr=(), status="LISTEN", pid=2**22 + 1)
    monkeypatch.setattr(psutil, "net_connections", lambda _: [ended])
    sample = read_psutil()
    assert sample.dump is not None
    assert decode_rows(sample.dump).pid.tolist() == [2**22 + 1]
    assert decode_holders(sample.files) == {}


def test_rows_that_are_cut_off_are_refused() -> None:
    with pytest.raises(CollectError, match="cut off"):
        decode_rows(b"\0")
