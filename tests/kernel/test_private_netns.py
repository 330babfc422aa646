"""`in_namespace` passes on how a test ends, and leaves nothing behind."""

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.in_namespace import add_address, in_namespace, run_in_namespace, sysctl, wait_until

REUSE = "net.ipv4.tcp_tw_reuse"


@pytest.mark.parametrize("number", [1, 2])
@in_namespace
def test_fixtures_and_parameters_arrive(tmp_path: Path, number: int) -> None:
    assert tmp_path.is_dir()
    assert number in (1, 2)


@in_namespace
def test_the_body_is_root_in_a_network_of_its_own() -> None:
    sysctl(REUSE, 0)  # only its owner may
    assert [name for _, name in socket.if_nameindex() if name == "lo"] == ["lo"]
    with socket.create_server(("127.9.9.9", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_what_the_body_returns_comes_back() -> None:
    assert run_in_namespace(lambda: {"pid": os.getpid()})["pid"] != os.getpid()


def test_sysctl_changes_the_namespace_alone() -> None:
    path = Path("/proc/sys", *REUSE.split("."))
    before = path.read_text()

    def body() -> str:
        sysctl(REUSE, 1 - int(before) % 2)
        return path.read_text()

    assert run_in_namespace(body) != before
    assert path.read_text() == before


def test_the_machine_itself_is_not_touched() -> None:
    with pytest.raises(AssertionError, match="machine's own network"):
        sysctl(REUSE, 1)
    with pytest.raises(AssertionError, match="machine's own network"):
        add_address("10.0.0.1")


@in_namespace
def test_an_added_address_is_there_at_once() -> None:
    for family, address in ((socket.AF_INET, "10.1.2.3"), (socket.AF_INET6, "fd00::1")):
        add_address(address)
        with socket.create_server((address, 0), family=family) as server:
            socket.create_connection(server.getsockname()[:2]).close()
    with pytest.raises(OSError, match="File exists"):
        add_address("10.1.2.3")


def test_a_failed_assertion_says_why() -> None:
    def body() -> None:
        name, other = "left", "right"
        assert name == other

    with pytest.raises(pytest.fail.Exception, match=r"(?s)assert name == other.*'left' == 'right'"):
        run_in_namespace(body)


def test_an_exception_fails_with_its_traceback() -> None:
    def body() -> int:
        return [1, 2, 3][7]

    with pytest.raises(pytest.fail.Exception, match=r"(?s)in body.*\[1, 2, 3\]\[7\].*IndexError"):
        run_in_namespace(body)


def test_a_skip_stays_a_skip() -> None:
    run_in_namespace(lambda: None)  # may skip for a reason of its own
    with pytest.raises(pytest.skip.Exception, match="no such luck"):
        run_in_namespace(lambda: pytest.skip("no such luck"))


@pytest.mark.parametrize(
    ("leave", "message"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "died in its namespace"),
        (lambda: os._exit(0), "died in its namespace"),
        (lambda: exit(3), "SystemExit: 3"),
        (lambda: threading.Lock(), "pickle"),
    ],
)
def test_a_body_that_ends_without_an_answer_fails(leave: Callable[[], object], message: str) -> None:
    with pytest.raises(pytest.fail.Exception, match=message):
        run_in_namespace(leave)


def test_a_body_that_does_not_end_is_killed_with_all_it_started() -> None:
    reader, writer = os.pipe()

    def body() -> None:
        os.fork()
        os.write(writer, b"+")
        signal.pause()

    with pytest.raises(pytest.fail.Exception, match=r"did not end within 0\.5 s"):
        run_in_namespace(body, timeout=0.5)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"++"  # the end comes when no process is left that could write


def test_a_wait_in_vain_says_what_it_waited_for() -> None:
    with pytest.raises(pytest.fail.Exception, match="in vain for: a miracle"):
        wait_until(lambda: False, 0.01, "a miracle")
    assert wait_until(lambda: 7) == 7
