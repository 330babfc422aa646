"""A real leak: who holds the CLOSE_WAIT, what they are told to look for, and that it is true."""

import shutil
import socket
import subprocess
import sys

import pytest

from tests.support.built_frames import UNBOUNDED
from tests.support.in_namespace import in_namespace, wait_until
from tests.support.other_process import server
from twtop.engine.owner_search import OwnerSearch
from twtop.engine.pipeline import Pipeline
from twtop.explain.leak import Leak, find_leak
from twtop.frame.view import View
from twtop.model import TcpState
from twtop.processes.fd_search import Search
from twtop.sources.decode import decode
from twtop.sources.open_source import open_local
from twtop.sources.probe import read_sample

LEAKED = 60


def close_wait() -> int:
    return int((decode(read_sample()).sockets.state == TcpState.CLOSE_WAIT).sum())


@in_namespace
def test_the_leak_is_laid_at_the_door_of_its_process() -> None:
    """Beside it another one holds a few, too. The line to paste shows the same sockets."""
    with server(b"\x1b[31mleak\n") as leaking, server("other") as other:
        for each, count in ((leaking, LEAKED), (other, 10)):
            for _ in range(count):
                each.dial().close()
        wait_until(lambda: close_wait() == LEAKED + 10, what="CLOSE_WAIT")
        told = subprocess.run(
            [sys.executable, "-m", "twtop", "explain"], check=True, capture_output=True, text=True, encoding="utf-8"
        ).stdout
        held = f"{leaking.pid} holds {LEAKED} of {LEAKED + 10} CLOSE_WAIT"
        line = f"ss -tnp state close-wait | grep pid={leaking.pid},"
        assert f"\n1. Close what the peer has closed: ␛[31mleak␊ {held}\n" in told
        unwrapped = " ".join(told.split())
        assert f"{LEAKED} are not read any more. Look for the way out of the code that reads" in unwrapped
        assert f"reads from clients of port {leaking.port} without close()" in unwrapped
        assert f"\n        {line}\n" in told
        if shutil.which("ss"):
            shown = subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout
            assert shown.count(f"pid={leaking.pid},") == LEAKED
        for _ in range(LEAKED):
            leaking.close()
        wait_until(lambda: close_wait() == 10, what="descriptors that are given back")


@pytest.mark.parametrize(
    ("sent", "read", "expected"), [(b"", 0, (0, 0)), (b"", 1, (1, 0)), (b"ab", 2, (1, 0)), (b"ab", 1, (0, 1))]
)
@in_namespace
def test_what_the_application_has_read_is_known(sent: bytes, read: int, expected: tuple[int, int]) -> None:
    """The end of the stream counts as one byte, until it is read or all before it is."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        accepted, _ = listening.accept()
        client.sendall(sent)
        client.close()
        wait_until(lambda: close_wait() == 1, what="CLOSE_WAIT")
        if read:
            accepted.recv(read)
        found = here()
        accepted.close()
    assert (found.read_to_end, found.unread) == expected


def here() -> Leak:
    pipeline = Pipeline(open_local, UNBOUNDED)
    sampled = pipeline.read(1.0)
    return find_leak(pipeline.build(sampled, View(), OwnerSearch(Search()).complete(sampled.analysis.snapshot)))
