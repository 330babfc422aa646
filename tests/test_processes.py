"""Who owns which socket: real ones of another process, and a /proc of our own making for what is rare."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.namespace import in_namespace
from tests.sockdiag import Block, encode, many, sock
from tests.tcp_states import Bench, Family, ends
from twtop.decode import decode, decode_dump
from twtop.model import Process, TcpState
from twtop.probe import read_sample
from twtop.processes import assign, socket_owners

HOLD = """
import socket, sys
open("/proc/self/comm", "wb").write(sys.argv[1].encode("latin-1"))
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
accepted, _ = server.accept()
print("accepted", flush=True)
sys.stdin.read()
"""


@contextmanager
def server(name: str) -> Iterator[tuple[int, int]]:
    """A child of that name with a listener and, once there is a client, a connection: (pid, port)."""
    command = [sys.executable, "-I", "-S", "-c", HOLD, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin
        assert child.stdout
        port = int(child.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)):
            assert child.stdout.readline() == "accepted\n"
            yield child.pid, port
        child.stdin.close()


def owners_here() -> dict[tuple[int, TcpState], Process | None]:
    """Of this namespace: (local port, state) → owner."""
    sockets = decode(read_sample()).sockets
    owners = assign(sockets, socket_owners())
    return {
        (int(port), TcpState(state)): None if owner < 0 else owners.processes[owner]
        for port, state, owner in zip(sockets.lport, sockets.state, owners.process, strict=True)
    }


@pytest.mark.parametrize(
    ("name", "shown"),
    [("tw-child", "tw-child"), ("\xff\xfe(sd) 1", "��(sd) 1"), ("a\x1b[2J", "a\x1b[2J"), (" =x,\"'", " =x,\"'")],
)
@in_namespace
def test_the_sockets_of_another_process_are_its_own(name: str, shown: str) -> None:
    with server(name) as (pid, port):
        found = owners_here()
    assert found[port, TcpState.LISTEN] == found[port, TcpState.ESTABLISHED] == Process(pid, shown)
    (client,) = {owner for (lport, _), owner in found.items() if lport != port}
    assert client
    assert client.pid != pid


@in_namespace
def test_a_real_time_wait_has_no_owner() -> None:
    bench = Bench(Family.IPV4)
    listener = bench.listener()
    ((_, tuples),) = bench.time_wait()
    found = owners_here()
    assert found[tuples[1], TcpState.TIME_WAIT] is None
    assert found[ends(listener)[1], TcpState.LISTEN] is not None


def test_without_an_inode_there_is_no_owner() -> None:
    """Inode 0 is not the name of a socket, whoever claims to have it."""
    sockets = decode_dump(encode(sock("10.0.0.1:1", "10.0.0.2:2", "TIME_WAIT"), sock("10.0.0.1:3", "10.0.0.2:4")))
    assert assign(sockets, {0: Process(1, "liar")}).process.tolist() == [-1, -1]


def test_each_socket_finds_its_process() -> None:
    sockets = decode_dump(
        encode(many("10.0.0.1", "10.0.0.2:443", lports=range(1, 7), inode=[9, 4, 0, 7, 5, 2**32 - 1]))
    )
    nginx, curl = Process(10, "nginx"), Process(20, "curl")
    owners = assign(sockets, {5: nginx, 9: nginx, 4: curl, 6: curl, 2**32 - 1: curl})
    found = [None if owner < 0 else owners.processes[owner] for owner in owners.process]
    assert found == [nginx, curl, None, None, nginx, curl]
    assert sorted(owners.processes, key=lambda process: process.pid) == [nginx, curl]
    assert not owners.inferred.any()


@pytest.mark.parametrize("blocks", [[], [sock("10.0.0.1:1", "10.0.0.2:443", inode=8)]])
@pytest.mark.parametrize("by_inode", [{}, {7: Process(1, "a")}, {9: Process(1, "a")}])
def test_nobody_and_nothing_are_no_error(blocks: list[Block], by_inode: dict[int, Process]) -> None:
    assert assign(decode_dump(encode(*blocks)), by_inode).process.tolist() == [-1] * len(blocks)


def make_process(proc: Path, pid: int, comm: bytes | None, *links: str) -> Path:
    """A process with descriptors 0, 1, 2 … that lead there; without a name when `comm` is None."""
    descriptors = proc / str(pid) / "fd"
    descriptors.mkdir(parents=True)
    for number, link in enumerate(links):
        (descriptors / str(number)).symlink_to(link)
    if comm is not None:
        (proc / str(pid) / "comm").write_bytes(comm)
    return descriptors


def test_only_sockets_count(tmp_path: Path) -> None:
    make_process(tmp_path, 1, b"a\n", "/dev/null", "socket:[5]", "pipe:[6]", "anon_inode:[eventpoll]", "socket:[7]")
    make_process(tmp_path, 2, b"b\n", "pipe:[6]")
    assert socket_owners(str(tmp_path)) == {5: Process(1, "a"), 7: Process(1, "a")}


def test_a_shared_socket_is_that_of_the_lowest_pid(tmp_path: Path) -> None:
    pids = [*range(30, 101), *range(9, 30)]
    for pid in pids:
        make_process(tmp_path, pid, b"worker\n", "socket:[5]", f"socket:[{pid}]")
    worker = {pid: Process(pid, "worker") for pid in pids}
    assert socket_owners(str(tmp_path)) == {5: worker[9], **worker}


def test_what_cannot_be_read_is_skipped(tmp_path: Path) -> None:
    make_process(tmp_path, 1, b"whole\n", "socket:[1]")
    make_process(tmp_path, 2, None, "socket:[2]")
    (make_process(tmp_path, 3, b"odd\n", "socket:[3]") / "1").write_text("no link")
    (tmp_path / "4").mkdir()  # gone meanwhile
    (tmp_path / "5").write_text("no directory")
    (tmp_path / "self").symlink_to("1")
    (tmp_path / "meminfo").write_text("")
    assert socket_owners(str(tmp_path)) == {1: Process(1, "whole"), 2: Process(2, ""), 3: Process(3, "odd")}


def test_no_proc_is_nobody(tmp_path: Path) -> None:
    assert socket_owners(str(tmp_path / "missing")) == {}


@pytest.mark.parametrize(
    ("comm", "name"),
    [
        (b"\xffbad\n", "�bad"),
        (b"\n", ""),
        (b"", ""),
        (b"(a) b\n", "(a) b"),
        ("größe\n".encode(), "größe"),
        (b"x\n\n", "x\n"),
    ],
)
def test_a_name_may_be_anything(tmp_path: Path, comm: bytes, name: str) -> None:
    make_process(tmp_path, 1, comm, "socket:[5]")
    assert socket_owners(str(tmp_path)) == {5: Process(1, name)}
