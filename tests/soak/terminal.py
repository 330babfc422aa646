"""The monitor on a pseudo terminal: its screen, how late its frames are, what its process holds."""

import contextlib
import os
import re
import select
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyte
import pytest

from tests.support.pty_terminal import POLL_S, Pty

Size = tuple[int, int]
HOME: Size = (160, 50)
MONITOR = (sys.executable, "-m", "twtop")
LAST_BYTES = 100_000
CLOCK = re.compile(r"\d\d:\d\d:\d\d")
READING = "reading the kernel's sockets"
"""What the header says until the first frame comes, at the start and after a move to another namespace."""

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Holding:
    """What the monitor and its children hold: file descriptors, threads, resident bytes."""

    files: int
    threads: int
    resident: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds between a frame and the one before, and how many of them threads were ready but got no CPU."""

    seconds: float
    waited_s: float

    @property
    def own_s(self) -> float:
        """What an idle machine would have left of it, at least."""
        return max(0.0, self.seconds - self.waited_s)


class Frames:
    """The `gaps` between frames on the screen. `waited` says how long threads have waited for a CPU so far."""

    def __init__(self, waited: Callable[[], float]) -> None:
        self.gaps: list[Gap] = []
        self._waited = waited
        self._shown = ""
        self._since: tuple[float, float] | None = None

    def see(self, head: str) -> None:
        """This is the first line of the screen now.

        No frame has to come while it says neither that the view is live nor that the first reading is under way: then
        a dialog hides the monitor, the view is paused, or the namespace has vanished.
        """
        told, clock = head.strip(), CLOCK.findall(head)
        if "● live" in told and clock:
            self._note(clock[-1])
        elif not told or (told.startswith("twtop") and READING not in told):
            self._since = None

    def _note(self, clock: str) -> None:
        """The frame of this moment is on the screen."""
        if clock != self._shown or self._since is None:
            now = time.monotonic(), self._waited()
            if self._since:
                self.gaps.append(Gap(now[0] - self._since[0], now[1] - self._since[1]))
            self._shown, self._since = clock, now


class Monitor(Pty):
    """A thread keeps the screen as the user sees it. `size` is that of the terminal."""

    def __init__(self, folder: Path) -> None:
        self.frames = Frames(self._waited_s)
        self._waited_ns: dict[Path, int] = {}
        self._screen = pyte.Screen(*HOME)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        super().__init__(MONITOR, HOME, folder, {"LC_ALL": "C.UTF-8", "COLORTERM": "truecolor", "TZ": "UTC"})

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self._ours, 65536) if select.select([self._ours], [], [], POLL_S)[0] else b""
            except (OSError, ValueError):  # closed
                return
            with self._lock:
                self._stream.feed(piece)
                self.frames.see(self._row(0))
            self._drawn = (self._drawn + piece)[-LAST_BYTES:]

    def _waited_s(self) -> float:
        """What the monitor's threads and the one that reads its screen waited for a CPU (proc_pid_schedstat)."""
        for file in (Path("/proc/thread-self/schedstat"), *Path(f"/proc/{self.pid}/task").glob("*/schedstat")):
            with contextlib.suppress(OSError):  # a thread that has ended keeps what it had
                self._waited_ns[file] = int(file.read_text().split()[1])
        return sum(self._waited_ns.values()) / 1e9

    def _row(self, number: int) -> str:
        row = self._screen.buffer[number]
        return "".join(row[column].data for column in range(self._screen.columns))

    @property
    def text(self) -> str:
        with self._lock:
            return "\n".join(map(self._row, range(self._screen.lines)))

    def resize(self, width: int, height: int) -> None:
        with self._lock:
            self._screen.resize(height, width)
        super().resize(width, height)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """As of Pty; says what is on the screen."""
        try:
            super().until(condition, what)
        except pytest.fail.Exception as error:
            pytest.fail(f"waited in vain for: {what}\n{self.text}\n{error}")

    def until_shown(self, text: str) -> None:
        self.until(lambda: text in self.text, text)

    def holding(self) -> Holding:
        processes = [self.pid, *_children(self.pid)]
        return Holding(
            files=sum(len([*Path(f"/proc/{pid}/fd").iterdir()]) for pid in processes),
            threads=sum(len([*Path(f"/proc/{pid}/task").iterdir()]) for pid in processes),
            resident=sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE for pid in processes),
        )


def _children(pid: int) -> list[int]:
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [each for child in found for each in (child, *_children(child))]
