"""Another network namespace with a process in it, and a thread that may enter it."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import TypeVar

from twtop.sources.netns import CLONE_NEWNET

Value = TypeVar("Value")


def namespace_of(process: int | str = "thread-self") -> str:
    """The kernel's name of the namespace of this process or thread, as in `net:[4026531840]`."""
    return str(Path(f"/proc/{process}/ns/net").readlink())


class Hand:
    """A thread that calls one function after the other, as the thread that reads a source does."""

    def __init__(self) -> None:
        self._tasks: Queue[Callable[[], None] | None] = Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while task := self._tasks.get():
            task()

    def do(self, work: Callable[[], Value]) -> Value:
        """Call `work` in that thread. Returns its value or raises its exception."""
        done: Queue[tuple[Value | None, Exception | None]] = Queue()

        def task() -> None:
            try:
                done.put((work(), None))
            except Exception as error:
                done.put((None, error))

        self._tasks.put(task)
        value, error = done.get(timeout=30)
        if error is not None:
            raise error
        return value  # type: ignore[return-value]

    def end(self) -> None:
        self._tasks.put(None)
        self._thread.join()


@contextmanager
def process_elsewhere(listening: bool = True, name: bytes = b"python") -> Iterator[subprocess.Popen[str]]:
    """A process of this name in a network namespace of its own, with a listener on port 8080 and tcp_tw_reuse 0."""
    listen = "s = socket.create_server(('', 8080))" if listening else "pass"
    program = (
        "import ctypes, socket, sys; from pathlib import Path\n"
        f"assert ctypes.CDLL(None).unshare({CLONE_NEWNET}) == 0\n"
        f"Path('/proc/sys/net/ipv4/tcp_tw_reuse').write_text('0'); {listen}\n"
        f"Path('/proc/self/comm').write_bytes({name!r}); print(flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    child = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, text=True)
    assert child.stdin
    assert child.stdout
    try:
        assert child.stdout.readline() == "\n"
        yield child
    finally:
        child.stdin.close()
        child.wait()
        child.stdout.close()


@contextmanager
def hand() -> Iterator[Hand]:
    made = Hand()
    yield made
    made.end()
