"""Run a test in a network namespace of its own, in a forked child. This needs no root and leaves nothing behind.

    @in_namespace
    def test_overflow(tmp_path: Path) -> None:
        sysctl("net.ipv4.tcp_max_tw_buckets", 50)
        ...

The child has all capabilities over its namespace, its `lo` is up, and 127.0.0.0/8 and ::1 work. Fixtures and parameters
work as usual. What the test returns, asserts, raises or skips is passed on to the caller.
"""

import contextlib
import functools
import ipaddress
import multiprocessing
import os
import select
import signal
import socket
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any, Literal, ParamSpec, TypeVar, cast

import pytest

from twtop.demo import private_netns

RTM_NEWADDR = 20
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_NODAD_NOPREFIXROUTE = 0x202  # usable at once, and without a route to a network
TIMEOUT_S = 120
END_S = 10
TRIES = 3

P = ParamSpec("P")
R = TypeVar("R")
Outcome = tuple[Literal["returned", "failed", "skipped", "behind"], Any]

inside = False
"""True in a child that run_in_namespace made."""


class FellBehind(Exception):
    """This machine is too busy for a load at a fixed rate, so that it says nothing of what the load was to show."""


def in_namespace(body: Callable[P, R]) -> Callable[P, R]:
    """The same function, but each call runs in a private namespace. One that FellBehind runs again, TRIES times in all,
    and is then skipped.
    """

    @functools.wraps(body)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        reason = ""
        for _ in range(TRIES):
            try:
                return run_in_namespace(functools.partial(body, *args, **kwargs))
            except FellBehind as error:
                reason = str(error)
        pytest.skip(reason)

    return wrapped


def run_in_namespace(body: Callable[[], R], timeout: float = TIMEOUT_S) -> R:
    """Call `body` in a child. Its result must pickle. Skips where the kernel refuses namespaces to ordinary users.

    Raises FellBehind if it does.
    """
    return run_side_by_side([body], timeout)[0]


def run_side_by_side(bodies: Sequence[Callable[[], R]], timeout: float = TIMEOUT_S) -> list[R]:
    """The same with many bodies at the same time, each in a child and a namespace of its own; their results in order.

    All of them end before one that failed is told.
    """
    with contextlib.ExitStack() as started:
        children = []
        for body in bodies:
            child, receiver = _start(body)
            started.callback(_end, child)
            children.append((child, started.enter_context(receiver)))
        deadline = time.monotonic() + timeout
        outcomes = [_outcome(*child, deadline - time.monotonic(), timeout) for child in children]
    for kind, value in outcomes:
        if kind == "skipped":
            pytest.skip(value)
    if failures := [value for kind, value in outcomes if kind == "failed"]:
        pytest.fail("\n".join(failures), pytrace=False)
    for kind, value in outcomes:
        if kind == "behind":
            raise FellBehind(value)
    return [cast(R, value) for _, value in outcomes]


def _start(body: Callable[[], Any]) -> tuple[int, Connection]:
    """(pid, where its outcome comes) of a child that runs the body."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork with threads; the child uses none of them
        child = os.fork()
    if child == 0:
        receiver.close()
        _child(body, sender, parent)
    sender.close()
    return child, receiver


def _outcome(child: int, receiver: Connection, left: float, timeout: float) -> Outcome:
    if not receiver.poll(max(0.0, left)):
        return "failed", f"the body did not end within {timeout:g} s in its namespace"
    try:
        outcome = cast(Outcome, receiver.recv())
        _let_end(child)
        return outcome
    except (EOFError, OSError):  # before its answer, or in the middle of it
        return "failed", "the body's process died in its namespace without an answer"


def _let_end(child: int) -> None:
    """Wait until a child that has answered ends by itself: it writes down what it covered (`make coverage`)."""
    descriptor = os.pidfd_open(child)
    try:
        select.select([descriptor], [], [], END_S)
    finally:
        os.close(descriptor)


def _end(child: int) -> None:
    """Kill the child and what it started, if anything is left, and reap it."""
    for kill in (os.killpg, os.kill):  # the group does not exist until the child makes it
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(child, 0)


def _child(body: Callable[[], Any], sender: Connection, parent: int) -> None:
    """Run the body, send its outcome and exit. Never returns."""
    try:
        try:
            outcome = _run(body, parent)
        except BaseException:
            outcome = "failed", traceback.format_exc()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        try:
            sender.send(outcome)
        except Exception:  # what the body returned does not pickle
            sender.send(("failed", traceback.format_exc()))
    finally:
        os._exit(os.EX_OK)


def _run(body: Callable[[], Any], parent: int) -> Outcome:
    global inside
    os.setpgid(0, 0)
    private_netns.die_with_parent(parent)
    try:
        private_netns.enter()
    except private_netns.NamespaceRefused as error:
        return "skipped", str(error)
    inside = True
    try:
        return "returned", body()
    except pytest.skip.Exception as skipped:
        return "skipped", skipped.msg
    except FellBehind as behind:
        return "behind", str(behind)
    except BaseException as error:
        here = error.__traceback__
        return "failed", "".join(traceback.format_exception(error.with_traceback(here and here.tb_next)))


def sysctl(name: str, value: object) -> None:
    """Set a sysctl in this namespace only, as in `sysctl("net.ipv4.tcp_tw_reuse", 0)`."""
    assert inside, f"{name} would change the machine's own network"
    assert name.startswith("net.")
    private_netns.sysctl(name, value)


def add_address(address: str, device: str = "lo") -> None:
    """Add an IPv4 or IPv6 address to this namespace only, as in `add_address("10.0.0.1")`. Raises OSError."""
    assert inside, f"{address} would be added to the machine's own network"
    ip = ipaddress.ip_address(address)
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    header = struct.pack("=BBBBI", family, ip.max_prefixlen, 0, 0, socket.if_nametoindex(device))
    flags = struct.pack("=I", IFA_F_NODAD_NOPREFIXROUTE)
    attributes = {IFA_LOCAL: ip.packed, IFA_ADDRESS: ip.packed, IFA_FLAGS: flags}
    private_netns.create(RTM_NEWADDR, header, attributes, address)
    wait_until(
        lambda: _has_route(family, address), what=f"a route to {address}"
    )  # the kernel adds that of IPv6 in the background


def _has_route(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], R | None], timeout: float = 10, what: str = "") -> R:
    """Call `condition` until its value is true; that value. Fails after `timeout` seconds, naming `what` is missing."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout:g} s in vain for: {what or condition}")
        time.sleep(0.002)
    return value


def heed_interrupts() -> None:
    """Let a child end on SIGINT, as its preexec_fn. A shell starts background jobs, also test runs, with it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
