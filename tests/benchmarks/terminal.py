"""The monitor in a real terminal, whose output is kept with the moment of each piece."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyte

WIDTH, HEIGHT = 160, 50
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

MODULE = ("-m", "twtop")


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
                    said = self.text().decode(errors="replace")
                    raise RuntimeError(f"twtop has ended: {said[-2000:]}") from gone

    def text(self) -> bytes:
        """All that it wrote so far."""
        return b"".join(piece for _, piece in self.output)

    def first_line(self) -> str:
        """What its screen now begins with."""
        screen = pyte.Screen(WIDTH, HEIGHT)
        pyte.ByteStream(screen).feed(self.text())
        return screen.display[0]

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
