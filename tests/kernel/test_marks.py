"""A reading leaves out the marks that the kernel tells a privileged reader, and takes no privilege from anybody."""

import socket
import threading
from pathlib import Path

import pytest

from tests.support.in_namespace import in_namespace
from twtop.model import TcpState
from twtop.runtime.privileges import Capability, without
from twtop.sources.find_messages import find_messages
from twtop.sources.kinds import KINDS
from twtop.sources.probe import ALL_SOCKETS, CollectError, Dump, Request, read_sample

PLAIN, MARKED = 88, 96
"""The length of a TIME_WAIT's message (inet_twsk_diag_fill in net/ipv4/inet_diag.c)."""


def time_wait() -> None:
    """Leave one TIME_WAIT here."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        client.close()
        accepted.recv(1)
        accepted.close()


def lengths(dump: Dump | None) -> set[int]:
    messages = find_messages(dump or b"")
    return set(messages.field("length")[messages.field("state") == TcpState.TIME_WAIT].tolist())


def effective() -> int:
    """The capabilities that this thread may use, a bit each."""
    (line,) = (line for line in Path("/proc/thread-self/status").read_text().splitlines() if line.startswith("CapEff"))
    return int(line.split()[1], 16)


@in_namespace
def test_no_mark_is_read_and_the_capability_is_there_again() -> None:
    time_wait()
    held = effective()
    assert lengths(read_sample().dump) == {MARKED}  # this thread may see it
    source = KINDS["sock_diag"].open()
    assert lengths(source.read(ALL_SOCKETS).dump) == {PLAIN}
    assert effective() == held
    assert held & 1 << Capability.NET_ADMIN
    assert lengths(read_sample().dump) == {MARKED}


@in_namespace
def test_a_reading_that_fails_takes_nothing_either() -> None:
    held = effective()
    with pytest.raises(CollectError):
        KINDS["sock_diag"].open().read(Request(bytecode=b"nonsense"))
    assert effective() == held


@in_namespace
def test_other_threads_keep_what_a_reading_does_without() -> None:
    held, seen = effective(), list[int]()

    def use() -> None:
        with without(Capability.NET_ADMIN):
            seen.append(effective())
            used.wait()
            done.wait()

    used, done = threading.Barrier(2), threading.Event()
    reader = threading.Thread(target=use)
    reader.start()
    used.wait()
    assert effective() == held
    done.set()
    reader.join()
    assert seen == [held & ~(1 << Capability.NET_ADMIN)]
    assert effective() == held


@in_namespace
def test_who_has_no_such_capability_reads_as_before() -> None:
    time_wait()
    with without(Capability.NET_ADMIN):
        held = effective()
        assert lengths(KINDS["sock_diag"].open().read(ALL_SOCKETS).dump) == {PLAIN}
        assert effective() == held
