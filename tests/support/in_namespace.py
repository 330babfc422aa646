"""Run a body in a network namespace of its own, in a forked child: no root needed, nothing of it stays behind.

    @in_namespace
    def test_overflow(tmp_path: Path) -> None:
        sysctl("net.ipv4.tcp_max_tw_buckets", 50)
        ...

The child has all capabilities over its namespace, its `lo` is up, and 127.0.0.0/8 and ::1 work. Fixtures and parameters
arrive as ever. What the body returns, asserts, raises or skips comes back to the caller.
"""

import functools
import ipaddress
import multiprocessing
import os
import signal
import socket
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Literal, ParamSpec, TypeVar, cast

import pytest

from twtop.demo import private_netns

RTM_NEWADDR = 20
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_NODAD_NOPREFIXROUTE = 0x202  # usable at once; and only as this machine's own
TIMEOUT_S = 120

P = ParamSpec("P")
R = TypeVar("R")
Outcome = tuple[Literal["returned", "failed", "skipped"], Any]

inside = False
"""True in a child that run_in_namespace made."""


def in_namespace(body: Callable[P, R]) -> Callable[P, R]:
    """The same function, run in a private namespace at each call."""

    @functools.wraps(body)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        return run_in_namespace(functools.partial(body, *args, **kwargs))

    return wrapped


def run_in_namespace(body: Callable[[], R], timeout: float = TIMEOUT_S) -> R:
    """Call `body` in a child; its result must pickle. Skips where the kernel gives no namespace to ordinary users."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside threads; the child uses none of theirs
        child = os.fork()
    if child == 0:
        receiver.close()
        _child(body, sender)
    sender.close()
    try:
        kind, value = _outcome(receiver, timeout)
    finally:
        receiver.close()
        _end(child)
    if kind == "skipped":
        pytest.skip(value)
    if kind == "failed":
        pytest.fail(value, pytrace=False)
    return cast(R, value)


def _outcome(receiver: Connection, timeout: float) -> Outcome:
    if not receiver.poll(timeout):
        return "failed", f"the body did not end within {timeout:g} s in its namespace"
    try:
        return cast(Outcome, receiver.recv())
    except (EOFError, OSError):  # before or within its answer
        return "failed", "the body's process died in its namespace without a word"


def _end(child: int) -> None:
    """Kill the child and what it started, if anything is left, and reap it."""
    for kill in (os.killpg, os.kill):  # the group does not exist before the child made it
        try:
            kill(child, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(child, 0)


def _child(body: Callable[[], Any], sender: Connection) -> None:
    """Never returns: the rest of the test run belongs to the parent."""
    try:
        try:
            outcome = _run(body)
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


def _run(body: Callable[[], Any]) -> Outcome:
    global inside
    os.setpgid(0, 0)
    private_netns.die_with_parent()
    try:
        private_netns.enter()
    except private_netns.NamespaceRefused as error:
        return "skipped", str(error)
    inside = True
    try:
        return "returned", body()
    except pytest.skip.Exception as skipped:
        return "skipped", skipped.msg
    except BaseException as error:
        here = error.__traceback__
        return "failed", "".join(traceback.format_exception(error.with_traceback(here and here.tb_next)))


def sysctl(name: str, value: object) -> None:
    """`sysctl("net.ipv4.tcp_tw_reuse", 0)`, in this namespace only."""
    assert inside, f"{name} would change the machine's own network"
    assert name.startswith("net.")
    private_netns.sysctl(name, value)


def add_address(address: str, device: str = "lo") -> None:
    """`add_address("10.0.0.1")`, in this namespace only; IPv4 or IPv6, the address alone and no network around it."""
    assert inside, f"{address} would be added to the machine's own network"
    ip = ipaddress.ip_address(address)
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    header = struct.pack("=BBBBI", family, ip.max_prefixlen, 0, 0, socket.if_nametoindex(device))
    flags = struct.pack("=I", IFA_F_NODAD_NOPREFIXROUTE)
    attributes = {IFA_LOCAL: ip.packed, IFA_ADDRESS: ip.packed, IFA_FLAGS: flags}
    private_netns.create(RTM_NEWADDR, header, attributes, address)
    wait_until(lambda: _has_route(family, address), what=f"a route to {address}")  # IPv6 adds it in the background


def _has_route(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
    except OSError:
        return False
    return True


def wait_until(condition: Callable[[], R | None], timeout: float = 10, what: str = "") -> R:
    """The first true value of `condition`; fails when there is none in time, saying what was awaited."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout:g} s in vain for: {what or condition}")
        time.sleep(0.002)
    return value


def heed_interrupts() -> None:
    """For a child's preexec_fn: a shell's background jobs, this test run too, are started with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
