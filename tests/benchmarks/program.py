"""The whole program in a real terminal: its start, its share of a CPU, its answers to keys, its memory."""

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyte

WIDTH, HEIGHT = 160, 50
SETTLE_S, WATCH_S = 5.0, 20.0
PRESSES = 100
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

MODULE = ("-m", "twtop")

ESCAPE_S = 0.25
"""An Esc may be the beginning of another key for 0.1 s."""

ASIDE = "not counted"
"""What only leads from one row of keys to the next."""

Seen = Callable[[pyte.Screen], object]
Press = tuple[float, str, Seen]
"""(moment, name, what shows that it was answered)"""


@dataclass
class Terminal:
    """A running twtop; `output` is all that it wrote, with the moment of each piece."""

    process: "subprocess.Popen[bytes]"
    master: int
    started: float
    output: list[tuple[float, bytes]] = field(default_factory=list)

    def read(self, seconds: float) -> None:
        """Take what it writes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output.append((time.monotonic(), os.read(self.master, 1 << 16)))
                except OSError as gone:
                    said = b"".join(piece for _, piece in self.output).decode(errors="replace")
                    raise RuntimeError(f"twtop has ended: {said[-2000:]}") from gone

    def read_to_the_end(self) -> None:
        """Take what it writes until it ends."""
        with suppress(RuntimeError):  # nobody has the other end of the terminal open any more
            while self.process.poll() is None:
                self.read(0.05)

    def press(self, key: bytes) -> float:
        """Write a key; gives the moment."""
        moment = time.monotonic()
        os.write(self.master, key)
        return moment

    def cpu_s(self) -> float:
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / TICKS_PER_S

    def memory_mb(self) -> tuple[float, float]:
        """(now, at most) resident, in MB of a million bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().split()
        now, most = (int(status[status.index(name) + 1]) * 1024 / 1e6 for name in ("VmRSS:", "VmHWM:"))
        return now, most


@contextmanager
def twtop(*arguments: str, python: Sequence[str] = MODULE) -> Iterator[Terminal]:
    """The monitor in a terminal of 160 x 50. `python` are the interpreter's own arguments."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *python, *arguments],
        stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master, started)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def first_frame_s(figure: str) -> float:
    """From exec to the first screen with figures."""
    with twtop() as terminal:
        while figure.encode() not in b"".join(piece for _, piece in terminal.output):
            terminal.read(0.002)
            if time.monotonic() > terminal.started + 20:
                raise TimeoutError(f"no {figure!r} on the screen")
        return terminal.output[-1][0] - terminal.started


def share_of_cpu() -> tuple[float, tuple[float, float]]:
    """(share of one CPU while nobody presses a key, memory)."""
    with twtop() as terminal:
        terminal.read(SETTLE_S)
        before, since = terminal.cpu_s(), time.monotonic()
        terminal.read(WATCH_S)
        return (terminal.cpu_s() - before) / (time.monotonic() - since), terminal.memory_mb()


def cursor_row(screen: pyte.Screen) -> object:
    """The rows of the peers table by their background."""
    return [screen.buffer[y][4].bg for y in range(screen.lines)]


def _shown(text: str) -> Seen:
    return lambda screen: [line.count(text) and line for line in screen.display]


KEYS: dict[str, tuple[list[bytes], Seen]] = {
    "move": ([b"j", b"j", b"k"], cursor_row),
    "sort": ([b"s"], _shown("↓")),
    "filter": ([b"/4", *[b"4", b"\x7f"] * PRESSES], _shown("filter: ")),
    ASIDE: ([b"\x1b"], _shown("filter: ")),
    "drill": ([b"g", b"\r", b"\r"], _shown(" sockets ── ")),
}
"""Keys and what shows that they were answered. A key that changes nothing there is not counted."""


def press_all(terminal: Terminal, each: int, least_s: float) -> list[Press]:
    """Press every row of KEYS so many times, at least so many seconds apart."""
    presses: list[Press] = []
    for name, (keys, seen) in KEYS.items():
        for i in range(each if name != ASIDE else 2):
            presses.append((terminal.press(keys[i % len(keys)]), name, seen))
            terminal.read(
                (max(least_s, ESCAPE_S) if name == ASIDE else least_s) + 0.037 * (i % 7)
            )  # any phase of a tick
    return presses


def answers_ms() -> dict[str, list[float]]:
    """From each key to the screen that shows its effect, all while sockets are read."""
    with twtop() as terminal:
        terminal.read(SETTLE_S)
        return answered(press_all(terminal, PRESSES, 0.25), terminal.output)


def answered(presses: Sequence[Press], output: Iterable[tuple[float, bytes]]) -> dict[str, list[float]]:
    """The milliseconds from each press to the screen that shows its effect, by the name of the press."""
    found: dict[str, list[float]] = {}
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    pieces = iter(output)
    piece = next(pieces, None)
    for (moment, name, seen), until in zip(presses, [p[0] for p in presses[1:]] + [float("inf")], strict=True):
        while piece and piece[0] <= moment:
            stream.feed(piece[1])
            piece = next(pieces, None)
        before = seen(screen)
        while piece and piece[0] <= until:
            stream.feed(piece[1])
            answered, piece = piece[0], next(pieces, None)
            if seen(screen) != before:
                found.setdefault(name, []).append((answered - moment) * 1000)
                break
    found.pop(ASIDE, None)
    return found


def at_95_percent(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
