"""A bare pseudo terminal: its size, the bytes on both sides, and the settings that a program leaves behind."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import ROOT

LIMIT_S = 30
POLL_S = 0.02
TWTOP = (sys.executable, "-m", "twtop")
MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
SHOWN = b"live"
"""In the header once a frame is drawn."""


class Pty:
    """One program that has a pseudo terminal as its controlling terminal. A thread reads what it draws."""

    def __init__(self, program: Sequence[str], size: tuple[int, int], environment: Mapping[str, str]) -> None:
        self.ours, self.theirs = pty.openpty()
        self.resize(*size, tell=False)
        self.settings = termios.tcgetattr(self.theirs)
        self._drawn = bytearray()
        self._reads = threading.Event()
        self._reads.set()
        self.process = subprocess.Popen(
            program,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                self._reads.wait()
                if select.select([self.ours], [], [], POLL_S)[0]:
                    self._drawn += os.read(self.ours, 65536)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reads.set()
        for end in (self.theirs, self.ours):
            os.close(end)

    @property
    def drawn(self) -> bytes:
        return bytes(self._drawn)

    @property
    def modes(self) -> set[int]:
        """The private modes (DEC) that were set and not reset."""
        on: set[int] = set()
        for numbers, letter in MODE.findall(self.drawn):
            for number in map(int, numbers.split(b";")):
                (on.add if letter == b"h" else on.discard)(number)
        return on

    @property
    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def resize(self, width: int, height: int, tell: bool = True) -> None:
        """Set the size in cells. The kernel tells the foreground of it when there is one."""
        del tell
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def kill(self, *numbers: signal.Signals) -> None:
        for number in numbers:
            self.process.send_signal(number)

    def stop_reading(self) -> None:
        self._reads.clear()

    def status(self, limit_s: float = LIMIT_S) -> int:
        return self.process.wait(limit_s)

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {LIMIT_S} s in vain for: {what}\n{self.drawn[-2000:]!r}")
            time.sleep(POLL_S)


@contextmanager
def pty_of(program: Sequence[str] = TWTOP, size: tuple[int, int] = (100, 30), **environment: str) -> Iterator[Pty]:
    opened = Pty(program, size, environment)
    try:
        yield opened
    finally:
        opened.close()
