"""A real terminal, by tmux: a program's screen as text, the keys and the mouse to it, and what it leaves behind."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests import ROOT

Value = TypeVar("Value")
Words = Sequence[str | Path]
"""A command line."""

LIMIT_S = 30
MARK = "TWTOP_TEST_TERMINAL"
"""In the environment of all that a terminal runs."""

POLL_S = 0.05
SIZE = re.compile(r"rows \d+; columns \d+;")
MODES = "alternate_on cursor_flag wrap_flag keypad_flag mouse_any_flag mouse_all_flag mouse_button_flag mouse_sgr_flag"

AS_BEFORE = {name: "1" if name in ("cursor_flag", "wrap_flag") else "0" for name in MODES.split()}
"""The modes of a terminal that no program has changed."""

SHELL = """
unset COLUMNS LINES
home=$1
shift
stty -a > "$home/stty-before"
echo the-screen-before
"$@"
echo $? > "$home/status"
stty -a > "$home/stty-after"
exec cat
"""

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
_numbers = itertools.count()


class Terminal:
    """One program in one pane. `home` gets what the shell around it notes down."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._mark = f"twtop-test-{os.getpid()}-{next(_numbers)}"
        self._server = ["tmux", "-u", "-L", self._mark, "-f", os.devnull]

    def open(self, program: Words, width: int, height: int) -> None:
        """Run the words of a command line."""
        shell = self._home / "shell"
        shell.write_text(SHELL)
        self._tmux(
            *("new-session", "-d", "-c", f"{self._home}", "-x", f"{width}", "-y", f"{height}", "-e", "LC_ALL=C.UTF-8"),
            *("-e", f"{MARK}={self._mark}", shlex.join(["sh", str(shell), str(self._home), *map(str, program)])),
            *(";", "set", "-g", "status", "off", ";", "set", "-g", "set-clipboard", "on"),
        )

    def close(self) -> None:
        """Hang up; what runs in the terminal gets SIGHUP."""
        subprocess.run([*self._server, "kill-server"], check=False, capture_output=True)

    def send(self, *keys: str) -> None:
        """Keys by the names that tmux has for them."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def click(self, x: int, y: int, times: int = 1) -> None:
        """Press and release the left button over a cell of the screen, which begins at 0, 0."""
        for _ in range(times):
            self._mouse(0, x, y, "M")
            self._mouse(0, x, y, "m")

    def wheel_down(self, x: int, y: int) -> None:
        self._mouse(65, x, y, "M")

    def _mouse(self, button: int, x: int, y: int, end: str) -> None:
        """As xterm reports it in its mode 1006."""
        self.type(f"\x1b[<{button};{x + 1};{y + 1}{end}")

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", f"{width}", "-y", f"{height}")

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def _last_screen(self) -> str:
        try:
            return self.screen
        except subprocess.CalledProcessError:
            return "the terminal is closed"

    @property
    def everything(self) -> str:
        """The screen and what was scrolled out of it."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    @property
    def styled(self) -> str:
        """The screen with its colours."""
        return self._tmux("capture-pane", "-p", "-e")

    @property
    def clipboard(self) -> str:
        """What the program copied last."""
        buffers = self._tmux("list-buffers")
        return self._tmux("show-buffer") if buffers else ""

    @property
    def modes(self) -> dict[str, str]:
        """What the program has changed of the terminal: the alternate screen, the cursor, the mouse …"""
        form = " ".join(f"{name}=#{{{name}}}" for name in MODES.split())
        return dict(pair.split("=") for pair in self._tmux("display", "-p", form).split())

    @property
    def pid(self) -> int:
        """The program, which is the only child of the pane's shell."""
        (program,) = children(int(self._tmux("display", "-p", "#{pane_pid}")))
        return program

    @property
    def processes(self) -> list[int]:
        """All that were started in this terminal and run, wherever they went; its own shell too."""
        mark = f"{MARK}={self._mark}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0") and runs(int(folder.name)):
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def status(self) -> int:
        """Wait for the program to end, and give its exit status."""
        text = self.until(lambda: self.noted("stty-after") and self.noted("status"), "the end of the program")
        return int(text)

    def stty(self) -> tuple[str, str]:
        """The settings of the terminal before and after the program, without its size, which tmux sets late."""
        before, after = (SIZE.sub("", self.noted(name)) for name in ("stty-before", "stty-after"))
        return before, after

    def until(self, condition: Callable[[], Value | None], what: str) -> Value:
        """The first true value of `condition`; fails when it has none within the limit."""
        deadline = time.monotonic() + LIMIT_S
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"waited {LIMIT_S} s in vain for: {what}\n{self._last_screen()}")
            time.sleep(POLL_S)
        return value

    def until_shown(self, *texts: str) -> None:
        self.until(lambda: all(text in self.screen for text in texts), f"{texts} on the screen")

    def until_gone(self, *texts: str) -> None:
        self.until(lambda: not any(text in self.screen for text in texts), f"no {texts} on the screen")

    def noted(self, name: str) -> str:
        """A file that the shell has written into `home`; empty before."""
        path = self._home / name
        return path.read_text() if path.exists() else ""

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run([*self._server, *arguments], check=True, capture_output=True, text=True).stdout


@contextmanager
def terminal(home: Path, program: Words, size: tuple[int, int] = (110, 36)) -> Iterator[Terminal]:
    """A terminal that runs this program."""
    if subprocess.run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel refuses private user and network namespaces")
    opened = Terminal(home)
    try:
        opened.open(program, *size)
        yield opened
    finally:
        opened.close()


def python(home: Path, program: str) -> Words:
    """This Python program in a private network namespace."""
    script = home / "program.py"
    script.write_text(program)
    return ["env", f"PYTHONPATH={ROOT}", "unshare", "-Urn", sys.executable, script]


def demo(*options: str) -> Words:
    """The installed program on a load of its own."""
    return [Path(sys.executable).with_name("twtop"), "demo", *options]


def children(pid: int) -> list[int]:
    """The processes that this one started and has not reaped."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    """Is there such a process, other than one that only waits to be reaped?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
