"""A bare pseudo terminal: any size, any bytes, a reader that stops reading, and what a program leaves behind."""

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import ROOT

LIMIT_S = 30
POLL_S = 0.02
TWTOP = (sys.executable, "-m", "twtop", "--source", "procfs")
"""Reading these files takes no privilege, and no netlink socket in a sandbox."""

MODE = re.compile(rb"\x1b\[\?([\d;]+)([hl])")
PLACE = re.compile(rb"\x1b\[(\d+);(\d+)H")
"""The row and the column at which something is drawn (CUP)."""

STYLE = re.compile(rb"\x1b\[[\d;]*m")

AS_BEFORE = {7, 25}
"""The modes of a terminal after the program: lines wrap, and the cursor is seen."""


class Pty:
    """One program on a pseudo terminal, which controls it. A thread reads what is drawn."""

    def __init__(self, program: Sequence[str], size: tuple[int, int], cwd: Path, environment: dict[str, str]) -> None:
        self._ours, self._theirs = pty.openpty()
        self.resize(*size)
        self._settings = termios.tcgetattr(self._theirs)
        self._drawn = bytearray()
        self._reads = threading.Event()
        self._reads.set()
        inherited = {name: text for name, text in os.environ.items() if name not in ("LINES", "COLUMNS")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *program],
            cwd=cwd,
            env=inherited | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | environment,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed
            while self._reads.wait():
                if select.select([self._ours], [], [], POLL_S)[0]:
                    self._drawn += os.read(self._ours, 65536)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reads.set()
        os.close(self._theirs)  # ends the reader
        self._reader.join()
        os.close(self._ours)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def drawn(self) -> bytes:
        """All that was read of what the program drew."""
        return bytes(self._drawn)

    @property
    def modes(self) -> set[int]:
        """The private modes (DEC) that the program has set and not reset, by their numbers."""
        on: set[int] = set()
        for numbers, letter in MODE.findall(self.drawn):
            change = on.update if letter == b"h" else on.difference_update
            change(map(int, numbers.split(b";")))
        return on

    @property
    def is_full(self) -> bool:
        """Would a program that writes have to wait for somebody who reads?"""
        return not select.select([], [self._theirs], [], 0)[1]

    @property
    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def resize(self, width: int, height: int) -> None:
        """Set the size in cells. The kernel tells the program of it."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def press_for(self, key: bytes, shown: bytes) -> None:
        """Press a key, and wait until this text is drawn after it."""
        before = self.drawn.count(shown)
        self.type(key)
        self.until(lambda: self.drawn.count(shown) > before, f"{shown!r} after {key!r}")

    def click_on(self, text: bytes) -> None:
        """Click where this text was drawn last."""
        *_, place = PLACE.finditer(self.drawn[: self.drawn.rindex(text)])
        row, column = map(int, place.groups())
        column += len(STYLE.sub(b"", place.string[place.end() :]).decode())
        for end in b"M", b"m":  # pressed, released
            self.type(b"\x1b[<0;%d;%d%b" % (column, row, end))

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Stop the process by SIGSTOP, which it does not see, and wait until it stands still."""
        self.send(signal.SIGSTOP)
        self.until(lambda: self.is_stopped, "a stopped process")

    @property
    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def stop_reading(self) -> None:
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    def status(self) -> int:
        """Wait for the end of the program; its exit status, negative where a signal ended it."""
        try:
            return self._process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            return pytest.fail(f"does not end within {LIMIT_S} s\n{self.drawn[-2000:]!r}")

    def until(self, condition: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited {LIMIT_S} s in vain for: {what}\n{self.drawn[-2000:]!r}")
            time.sleep(POLL_S)

    def until_drawn(self, text: bytes) -> None:
        self.until(lambda: text in self.drawn, f"{text!r}")

    def is_left_as_it_was(self) -> None:
        """The program has ended without a traceback, and the terminal is as before."""
        assert termios.tcgetattr(self._theirs) == self._settings
        self.until(lambda: self.modes == AS_BEFORE, f"modes as before, not {self.modes}")
        assert b"Traceback" not in self.drawn
        assert b"Error" not in self.drawn


TAKE = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""Takes the terminal for its session, and becomes the program."""


@contextmanager
def pseudo_terminal(
    cwd: Path, program: Sequence[str] = TWTOP, size: tuple[int, int] = (100, 30), **environment: str
) -> Iterator[Pty]:
    """A pseudo terminal that runs this program, in this folder."""
    opened = Pty(program, size, cwd, environment)
    try:
        yield opened
    finally:
        opened.close()
