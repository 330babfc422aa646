"""A real terminal, by tmux: a program in a network namespace of its own, its screen as text, and the keys to it."""

import itertools
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

Value = TypeVar("Value")

ROOT = Path(__file__).parents[1]
LIMIT_S = 30
POLL_S = 0.05
MODES = "alternate_on cursor_flag wrap_flag keypad_flag mouse_any_flag mouse_all_flag mouse_button_flag mouse_sgr_flag"

TIME_WAITS = 300
TWTOP_WITH_TIME_WAIT = f"""
import fcntl, os, socket, struct, sys
from pathlib import Path

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("0")
for address, count in (("127.0.0.5", {TIME_WAITS}), ("127.0.0.6", 40)):
    with socket.create_server((address, 8443)) as server:
        for _ in range(count):
            client = socket.create_connection((address, 8443))
            accepted, _ = server.accept()
            client.close()
            accepted.close()
os.execv(sys.executable, [sys.executable, "-m", "twtop", *sys.argv[1:]])
"""
"""Outbound TIME_WAIT to two peers, then twtop with the arguments given, as the same process."""

SHELL = """
unset COLUMNS LINES
stty -a > "$1/stty-before"
echo the-screen-before
PYTHONPATH="$2" "$3" "$4" "$5"
echo $? > "$1/status"
stty -a > "$1/stty-after"
exec cat
"""

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
_numbers = itertools.count()


class Terminal:
    """One program in one pane. `home` gets what the shell around it notes down."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server = ["tmux", "-u", "-L", f"twtop-test-{os.getpid()}-{next(_numbers)}", "-f", os.devnull]

    def open(self, program: str, width: int, height: int) -> None:
        script, shell = self._home / "program.py", self._home / "shell"
        script.write_text(program)
        shell.write_text(SHELL)
        wrapper = self._home / "in-namespace"
        wrapper.write_text('#!/bin/sh\nexec unshare -Urn "$@"\n')
        wrapper.chmod(0o755)
        words = ["sh", shell, self._home, ROOT, wrapper, sys.executable, script]
        self._tmux(
            *("new-session", "-d", "-x", f"{width}", "-y", f"{height}", "-e", "LC_ALL=C.UTF-8"),
            *(shlex.join(map(str, words)), ";", "set", "-g", "status", "off"),
        )

    def close(self) -> None:
        """Hang up; what runs in the terminal gets SIGHUP."""
        subprocess.run([*self._server, "kill-server"], check=False, capture_output=True)

    def send(self, *keys: str) -> None:
        """Keys by the names that tmux has for them."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", f"{width}", "-y", f"{height}")

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def modes(self) -> dict[str, str]:
        """What the program has changed of the terminal: the alternate screen, the cursor, the mouse …"""
        form = " ".join(f"{name}=#{{{name}}}" for name in MODES.split())
        return dict(pair.split("=") for pair in self._tmux("display", "-p", form).split())

    @property
    def pid(self) -> int:
        """The program, which is the only child of the pane's shell."""
        shell = self._tmux("display", "-p", "#{pane_pid}").strip()
        (child,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(child)

    def status(self) -> int:
        """Wait for the program to end, and give its exit status."""
        text = self.until(lambda: self._noted("stty-after") and self._noted("status"), "the end of the program")
        return int(text)

    def stty(self) -> tuple[str, str]:
        """The settings of the terminal before and after the program."""
        return self._noted("stty-before"), self._noted("stty-after")

    def until(self, condition: Callable[[], Value | None], what: str) -> Value:
        """The first true value of `condition`; fails when it has none within the limit."""
        deadline = time.monotonic() + LIMIT_S
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {LIMIT_S} s in vain for: {what}\n{self.screen}")
            time.sleep(POLL_S)
        return value

    def until_shown(self, *texts: str) -> None:
        self.until(lambda: all(text in self.screen for text in texts), f"{texts} on the screen")

    def until_gone(self, *texts: str) -> None:
        self.until(lambda: not any(text in self.screen for text in texts), f"no {texts} on the screen")

    def _noted(self, name: str) -> str:
        path = self._home / name
        return path.read_text() if path.exists() else ""

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run([*self._server, *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def terminal(home: Path, program: str = TWTOP_WITH_TIME_WAIT, size: tuple[int, int] = (110, 36)) -> Iterator[Terminal]:
    """A terminal that runs this Python program in a private network namespace."""
    if subprocess.run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel refuses private user and network namespaces")
    opened = Terminal(home)
    try:
        opened.open(program, *size)
        yield opened
    finally:
        opened.close()


def runs(pid: int) -> bool:
    """Is there such a process, other than one that only waits to be reaped?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
