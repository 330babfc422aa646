"""Sockets that stand, connections that come and go, and network namespaces that appear and vanish."""

import multiprocessing
import os
import random
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkProcess
from multiprocessing.sharedctypes import Synchronized

from tests.benchmarks.level import time_waits
from tests.support.in_namespace import sysctl, wait_until
from twtop.demo import private_netns
from twtop.demo.load import Connection, ConnectStats, Server, Stream, client_closes, connect, run
from twtop.demo.private_netns import add_local_network, die_with_parent

LIFE_S = 61
"""How long a TIME_WAIT stands."""

SLACK_S, LIMIT_S = 5, 300
SPARE_FILES = 64
FIRST_PORT, PORTS, ADDRESSES = 443, 25, 200
"""5,000 destinations: this many listening ports on this many addresses."""

OPEN, FEW = 20, 50
"""Connections of the churn that are open at a time; TIME_WAIT of a namespace beside this one."""

_FORK = multiprocessing.get_context("fork")


@contextmanager
def sockets(count: int, churn: int) -> Iterator[None]:
    """About so many sockets: TIME_WAIT of so many connections per second, the others established."""
    add_local_network("10.0.0.0", 8)
    sysctl("net.ipv4.ip_local_port_range", "10000 65535")
    sysctl("net.ipv4.tcp_tw_reuse", 0)
    sysctl("net.ipv4.tcp_max_tw_buckets", 2 * count)
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    standing = max(0, count - LIFE_S * churn) // 2
    most = (files - SPARE_FILES) // 2
    shares = [min(most, standing - begun) for begun in range(0, standing, most)]
    held = _FORK.Value("q", 0)
    children = [_started(_hold, held, share, number) for number, share in enumerate(shares, start=1)]
    children.append(_started(_churn, churn))
    try:
        wait_until(lambda: held.value >= standing, LIMIT_S, f"{standing} connections")
        _wait_for_time_waits(0.95 * LIFE_S * churn)
        yield
    finally:
        for child in children:
            child.kill()
            child.join()


def _started(work: Callable[..., None], *arguments: object) -> ForkProcess:
    """A process that does this work, and dies with this one."""
    process = _FORK.Process(target=_do, args=(os.getpid(), work, arguments))
    process.start()
    return process


def _do(parent: int, work: Callable[..., None], arguments: tuple[object, ...]) -> None:
    die_with_parent(parent)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    work(*arguments)


def _wait_for_time_waits(wanted: float) -> None:
    """Until there are so many, or as many as there will be: a busy machine makes fewer connections."""
    end = time.monotonic() + LIFE_S + SLACK_S
    while time_waits() < wanted and time.monotonic() < end:
        time.sleep(0.1)


def _hold(held: "Synchronized[int]", count: int, number: int) -> None:
    """Hold so many connections to ADDRESSES addresses, until this process is killed."""
    server, stats, kept = Server(("0.0.0.0", 8000 + number)), ConnectStats(), []
    for made in range(count):
        kept.append(connect(server, stats, to=f"10.1.{number}.{1 + made % ADDRESSES}"))
        with held.get_lock():
            held.value += 1
    signal.pause()


def _churn(per_s: int) -> None:
    """Open and close so many connections per second, which their clients close first."""
    servers, stats = [Server(("0.0.0.0", FIRST_PORT + port)) for port in range(PORTS)], ConnectStats()
    opened: deque[Connection] = deque()

    def step() -> None:
        place = stats.calls % (PORTS * ADDRESSES)
        opened.append(connect(servers[place % PORTS], stats, to=f"10.0.0.{1 + place // PORTS}"))
        if len(opened) > OPEN:
            client_closes(opened.popleft())

    while True:
        for _ in run([Stream(per_s, step)], seconds=3600, steps=3600 * per_s):
            pass


@contextmanager
def neighbours(seed: int, most: int) -> Iterator[Callable[[], int]]:
    """Network namespaces beside this one that appear and vanish at random moments, `most` at a time.

    Yields what counts those that have vanished.
    """
    vanished = _FORK.Value("q", 0)
    maker = _started(_come_and_go, seed, most, vanished)
    try:
        yield lambda: vanished.value
    finally:
        maker.kill()  # its children die with it
        maker.join()


def _come_and_go(seed: int, most: int, vanished: "Synchronized[int]") -> None:
    chance = random.Random(seed)
    children: list[int] = []
    me = os.getpid()
    while True:
        time.sleep(chance.uniform(0.2, 2))
        if len(children) < chance.randint(0, most):
            if (child := os.fork()) == 0:
                _stay(me)
            children.append(child)
        elif children:
            child = children.pop(chance.randrange(len(children)))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            vanished.value += 1


def _stay(parent: int) -> None:
    """Hold a namespace with a few TIME_WAIT in it. Never returns."""
    try:
        die_with_parent(parent)
        private_netns.enter()
        server, stats = Server(("127.0.0.1", FIRST_PORT)), ConnectStats()
        for _ in range(FEW):
            client_closes(connect(server, stats))
        signal.pause()
    finally:
        os._exit(os.EX_OK)
