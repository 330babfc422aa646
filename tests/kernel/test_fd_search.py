"""Holders of sockets: real sockets of other processes, of this user and of another."""

import os

import pytest

from tests.support.in_namespace import in_namespace
from tests.support.known_owners import by_inode
from tests.support.other_process import server
from tests.support.run_as_nobody import as_nobody
from twtop.model import Inodes, Process, TcpState
from twtop.processes.fd_search import Search
from twtop.sources.decode import decode
from twtop.sources.probe import read_sample


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"tw-child", "tw-child"),
        (b"\xff\xfe(sd) 1", "��(sd) 1"),
        (b"a\x1b[2J\r\n", "a\x1b[2J\r\n"),
        (b" =x,\"'", " =x,\"'"),
        ("日本語デーモン".encode(), "日本語デー"),
    ],
)
@in_namespace
def test_the_sockets_of_another_process_are_its_own(name: bytes, shown: str) -> None:
    with server(name) as child, child.dial():
        sockets = decode(read_sample()).sockets
        search = Search()
        search.want(sockets.inode)
        search.finish()
        found = [search.holders.processes[code] for code in search.holders.of(sockets.inode)]
    of = {
        (int(lport), TcpState(state)): who
        for lport, state, who in zip(sockets.lport, sockets.state, found, strict=True)
    }
    assert of.pop((child.port, TcpState.LISTEN)) == Process(child.pid, shown)
    assert of.pop((child.port, TcpState.ESTABLISHED)) == Process(child.pid, shown)
    ((_, mine),) = of.items()
    assert mine.pid == os.getpid()


def search_all(inodes: Inodes) -> tuple[dict[int, Process], list[int]]:
    search = Search()
    search.want(inodes)
    search.finish()
    return by_inode(search.holders), search.holders.hidden.tolist()


def test_processes_of_others_are_hidden_from_an_ordinary_user() -> None:
    with server("theirs") as child, child.dial():
        sockets = decode(read_sample()).sockets
        theirs = sockets.inode[(sockets.lport == child.port) & (sockets.inode != 0)]
        assert len(theirs) == 2
        assert set(search_all(theirs)[0].values()) == {Process(child.pid, "theirs")}
        found, hidden = as_nobody(search_all, theirs)
    assert found == {}
    assert sorted(hidden) == sorted(theirs.tolist())
