"""A client whose connections are gone before a search can find it: glimpses tell who it is, as in production."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest

from tests.support.in_namespace import in_namespace, sysctl, wait_until
from tests.support.real_connections import Route, bind, listen, peers
from twtop.demo.load import open_client
from twtop.engine.engine import Engine, Subscriber
from twtop.frame.frame import Frame
from twtop.frame.view import GroupBy, View
from twtop.model import Process
from twtop.runtime.system_call import system_call
from twtop.sources import netns
from twtop.sources.decode_sock_diag import decode_dump
from twtop.sources.kernel_filter import towards
from twtop.sources.netns import CLONE_NEWNET
from twtop.sources.open_source import open_local, open_source
from twtop.sources.probe import HELD_ONLY, DumpBuffer, Request, dump_sockets, read_sample

ASKING = str(Path(__file__).parents[1] / "support" / "asking_process.py")
LASTS_S, PER_S = 0.005, 150
PATIENCE_S = 60
"""It takes 3 s; a busy machine leaves less of the CPU limit, and takes more of it for each glimpse."""


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", ASKING, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


@contextmanager
def frames(engine: Engine) -> Iterator[Queue[Any]]:
    news: Queue[Any] = Queue()
    engine.subscribe(Subscriber(news.put, news.put, news.put))
    engine.start()
    try:
        yield news
    finally:
        engine.stop()


def owners(frame: Frame, port: int) -> tuple[set[Process], set[Process]]:
    """(who was seen to hold TIME_WAIT to this port, of whom that is inferred because they hold others to it)."""
    assert isinstance(frame, Frame), frame
    sockets, told = frame.snapshot.sockets, frame.owners
    rows = np.flatnonzero(sockets.is_time_wait & (sockets.rport == port) & (told.process >= 0))
    who = [told.processes[code] for code in told.process[rows]]
    inferred, met = told.inferred[rows].tolist(), told.met[rows].tolist()
    assert inferred == met
    return (
        {each for each, other in zip(who, inferred, strict=True) if not other},
        {each for each, other in zip(who, inferred, strict=True) if other},
    )


@pytest.mark.slow
@pytest.mark.parametrize(("beside", "elsewhere"), [(3000, False), (0, True)])
@in_namespace
def test_a_client_of_short_connections_has_its_name(beside: int, elsewhere: bool) -> None:
    sysctl("net.ipv4.ip_local_port_range", "32768 34767")
    if beside:
        for peer in peers(Route("127.0.0.1", "127.0.0.1", 300), Route("127.0.0.1", "127.0.0.1", 301)):
            peer.time_wait(beside // 2)
    with started("answering", "serve", LASTS_S) as server:
        assert server.stdout
        port = int(server.stdout.readline())
        with started("asking", "ask", port, PER_S) as client:
            source = open_local
            if elsewhere:
                source = open_source(target=netns.find(str(client.pid)))
                system_call("unshare", CLONE_NEWNET)  # this thread and those of the engine are in another one
            with frames(Engine(source, View(group_by=GroupBy.PROCESS), 0.5)) as news:
                asking = {Process(client.pid, "asking")}
                wait_until(lambda: owners(news.get(), port) == (asking, asking), PATIENCE_S, "the name of the client")


@pytest.mark.slow
def test_the_demo_shows_who_it_is() -> None:
    command = [sys.executable, "-m", "twtop", "demo", "client-closes", "-b", "-d", "0.5", "--sockets", "-o", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout
        assert running.stderr
        if not (line := running.stdout.readline()):
            pytest.skip(running.stderr.read())
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
        load = int(children.read_text())
        name = Path(f"/proc/{load}/comm").read_text().removesuffix("\n")

        def told() -> set[tuple[str, int | None]]:
            closed = [each for each in json.loads(line)["sockets"] if each["state"] == "TIME_WAIT"]
            return {(each["process"], each["pid"]) for each in closed if each["rport"] == 443}

        def shown() -> bool:
            nonlocal line
            line = running.stdout.readline()  # type: ignore[union-attr]
            return {(name, load), (name, None)} == told()

        try:
            wait_until(shown, PATIENCE_S, "the name of the load")
        finally:
            running.terminate()


@in_namespace
def test_the_kernel_gives_only_held_connections_to_the_ends_that_are_asked_for() -> None:
    peer, other, third = peers(
        Route("127.0.0.1", "127.0.0.1", 300), Route("127.0.0.1", "127.0.0.2", 301), Route("::1", "::1", 302)
    )
    mapped = listen("127.0.0.3", 303), open_client(("::ffff:127.0.0.3", 303))
    for each in (peer, other, third):
        each.time_wait(2)
        each.established(1)
    bound = bind("127.0.0.1", 40_000)
    loopback = 0xFFFF_7F00_0001

    def found(*ends: tuple[int, int]) -> list[int]:
        return sorted(decode_dump(dump_sockets(Request(HELD_ONLY.states, towards(ends)))).rport.tolist())

    assert found((loopback, 300)) == [300]
    assert found((loopback, 301)) == []
    assert found((loopback + 1, 301), (loopback, 300), (1, 302), (loopback + 2, 303)) == [300, 301, 302, 303]
    del mapped, bound


@in_namespace
def test_a_glimpse_leaves_the_dump_before_it_where_it_is() -> None:
    """It is small: the buffer of the dumps would shrink with it, and the next dump would wait for fresh pages."""
    (peer,) = peers(Route("127.0.0.1", "127.0.0.1"))
    peer.time_wait(20)
    peer.established(1)
    buffer = DumpBuffer()
    dump = read_sample(buffer=buffer).dump
    assert dump
    before = bytes(dump)
    assert read_sample(request=HELD_ONLY, buffer=buffer).dump
    assert bytes(dump) == before
