"""How twtop ends in a real terminal, whatever ends it, and what it leaves behind."""

import os
import pty
import random
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT
from tests.support.tmux_terminal import AS_BEFORE, Terminal, children, demo, needs_tmux, python, terminal

CRASH = """
import sys
from functools import partial
from pathlib import Path

from twtop.engine.engine import Engine
from twtop.frame.view import View
from twtop.sources.open_source import open_source
from twtop.sources.source import ReadBy
from twtop.ui.app import TwtopApp


def open_faulty():
    source = open_source()()

    def fail_later(ask):
        if Path("fail").exists():
            raise RuntimeError("a defect on purpose")
        return source.read(ask)

    return ReadBy(fail_later)


app = TwtopApp(Engine(open_faulty, View(), 1.0), View(), 1.0)
app.run()
sys.exit(app.return_code)
"""

STREAMS = ("stdin", "stdout", "stderr")
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
FIRST, LAST = (110, 36), (100, 30)
SMALLEST, LARGEST = (1, 1), (250, 80)
SIZES = 100
CLOCK = re.compile(r"\d\d:\d\d:\d\d ?$")


@pytest.fixture
def twtop(tmp_path: Path) -> Iterator[Terminal]:
    """The demo, that has drawn its first frame."""
    with terminal(tmp_path, demo("client-closes"), FIRST) as opened:
        opened.until_shown("● live", "10.0.0.5")
        yield opened


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Terminal]:
    """A user's shell that runs the demo."""
    with terminal(tmp_path, ["bash", "--noprofile", "--norc", "-i"], FIRST) as opened:
        opened.type("stty -a > begin\n")
        opened.type(f"{shlex.join(map(str, demo('client-closes')))}\n")
        opened.until_shown("● live", "10.0.0.5")
        yield opened


def left_as_it_was(opened: Terminal) -> None:
    """The terminal is as before the program, whose first words are in sight again; only its shell is left."""
    before, after = opened.stty()
    assert before == after
    opened.until_shown("the-screen-before")
    assert "Traceback" not in opened.everything
    opened.until(lambda: opened.modes == AS_BEFORE, "the modes of before")
    opened.until(lambda: len(opened.processes) == 1, "the end of all processes but the shell")


@needs_tmux
@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_leaves_the_terminal_as_it_was(twtop: Terminal, name: str) -> None:
    number = signal.Signals[name]
    os.kill(twtop.pid, number)
    assert twtop.status() == 128 + number
    left_as_it_was(twtop)


@needs_tmux
def test_a_killed_monitor_leaves_no_load(twtop: Terminal) -> None:
    twtop.until(lambda: len(twtop.processes) == 3, "the shell, the monitor and its load")
    os.kill(twtop.pid, signal.SIGKILL)
    assert twtop.status() == 128 + signal.SIGKILL
    twtop.until(lambda: len(twtop.processes) == 1, "the end of the load")


@needs_tmux
@pytest.mark.parametrize("opened", ["/", "?"])
def test_ctrl_c_leaves(twtop: Terminal, opened: str) -> None:
    twtop.send(opened)
    twtop.until_shown("Esc")
    twtop.send("C-c")
    assert twtop.status() == 130
    left_as_it_was(twtop)


@needs_tmux
def test_sizes_in_a_storm(twtop: Terminal) -> None:
    """The monitor may miss sizes that do not last, but not the last one."""
    draw = random.Random(7).randint
    sizes = [(draw(SMALLEST[0], LARGEST[0]), draw(SMALLEST[1], LARGEST[1])) for _ in range(SIZES)]
    for size in (SMALLEST, *sizes[: SIZES // 2], LARGEST):
        twtop.resize(*size)
    twtop.until(lambda: _fills(twtop.screen, LARGEST), f"a screen of {LARGEST}")
    twtop.send("Enter")
    twtop.until_shown("REMAINING")
    for size in (*sizes[SIZES // 2 :], LAST):
        twtop.resize(*size)
    twtop.until(lambda: _fills(twtop.screen, LAST), f"a screen of {LAST}")
    twtop.until_shown("● live", "REMAINING", "q  quit")
    twtop.send("C-q")
    assert twtop.status() == 0
    left_as_it_was(twtop)


def _fills(screen: str, size: tuple[int, int]) -> bool:
    """Does the clock stand in the right upper corner, and the keys in the last line?"""
    lines = screen.splitlines()
    if len(lines) != size[1]:
        return False  # tmux has another size yet
    return bool(CLOCK.search(lines[0])) and size[0] - 2 <= len(lines[0]) <= size[0] and "quit" in lines[-1]


@needs_tmux
def test_suspended_and_resumed(shell: Terminal) -> None:
    """By key, by a signal while a panel is open, and ended while it is stopped."""
    (monitor,) = children(shell.pid)
    shell.send("C-z")
    _stopped_then(shell, "fg")
    shell.until_shown("● live", "10.0.0.5")
    shell.until(lambda: shell.modes["alternate_on"] == shell.modes["mouse_any_flag"] == "1", "the monitor's modes")
    shell.send("?")
    shell.until_shown("twtop help")
    os.kill(monitor, signal.SIGTSTP)
    _stopped_then(shell, "fg")
    shell.until_shown("twtop help")
    shell.send("C-z")
    shell.until_shown("Stopped")
    os.kill(monitor, signal.SIGTERM)
    _stopped_then(shell, "fg; echo status $?")
    shell.until_shown(f"status {128 + signal.SIGTERM}")
    _ended_in(shell)


def _stopped_then(shell: Terminal, command: str) -> None:
    """In the shell everything is as before; there the command is given."""
    shell.until_shown("Stopped")
    shell.type("stty -a > stopped\n")
    assert shell.until(lambda: shell.noted("stopped"), "the settings of the terminal") == shell.noted("begin")
    shell.until(lambda: shell.modes == AS_BEFORE, "the modes of before")
    shell.type(f"rm stopped; clear; {command}\n")


@needs_tmux
def test_stopped_by_others(shell: Terminal) -> None:
    """SIGSTOP gives the monitor no time to give the terminal back. The shell sets its own modes meanwhile."""
    (monitor,) = children(shell.pid)
    os.kill(monitor, signal.SIGSTOP)
    shell.until_shown("Stopped")
    shell.type("fg\n")
    shell.until_shown(" States ", "● live", "10.0.0.5")
    shell.until_gone("Stopped")

    def heard() -> bool:
        """Keys are dropped that come while the monitor takes the terminal again."""
        shell.send("/")
        return "Esc restore" in shell.screen

    shell.until(heard, "the line of the filter")
    shell.send("C-c")
    _ended_in(shell)


@needs_tmux
def test_told_to_end_in_the_background(shell: Terminal) -> None:
    """It ends without a `fg`, and leaves alone what the shell has made of the terminal."""
    (monitor,) = children(shell.pid)
    shell.send("C-z")
    shell.until_shown("Stopped")
    os.kill(monitor, signal.SIGTERM)
    os.kill(monitor, signal.SIGCONT)
    _ended_in(shell)


def _ended_in(shell: Terminal) -> None:
    """The monitor has ended, and the terminal is as before it."""
    shell.until(lambda: not children(shell.pid), "the end of the monitor")
    shell.type("stty -a > end\n")
    assert shell.until(lambda: shell.noted("end"), "the settings of the terminal") == shell.noted("begin")
    shell.until(lambda: shell.modes == AS_BEFORE, "the modes of before")
    assert "Traceback" not in shell.everything


@needs_tmux
def test_a_closed_terminal_leaves_no_process(twtop: Terminal) -> None:
    for size in ((60, 20), (140, 45), LAST):
        twtop.resize(*size)  # much to draw when it happens
    twtop.close()
    twtop.until(lambda: not twtop.processes, "the end of all processes")


@needs_tmux
def test_a_closed_terminal_leaves_no_stopped_process(shell: Terminal) -> None:
    shell.send("C-z")
    shell.until_shown("Stopped")
    shell.close()
    shell.until(lambda: not shell.processes, "the end of all processes")


@needs_tmux
def test_a_crash_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with terminal(tmp_path, python(tmp_path, CRASH)) as crashed:
        crashed.until(lambda: crashed.modes["alternate_on"] == "1", "the monitor")
        (tmp_path / "fail").touch()
        assert crashed.status() == 1
        crashed.until_shown("RuntimeError: a defect on purpose")
        before, after = crashed.stty()
        assert before == after
        assert crashed.modes["alternate_on"] == "0"
        assert crashed.modes["cursor_flag"] == "1"
        assert crashed.modes["mouse_any_flag"] == "0"


@pytest.mark.parametrize("piped", STREAMS)
def test_without_a_terminal(piped: str) -> None:
    ours, theirs = pty.openpty()
    stdin, stdout, stderr = (subprocess.PIPE if piped == name else theirs for name in STREAMS)
    with subprocess.Popen(
        [sys.executable, "-m", "twtop"], cwd=ROOT, stdin=stdin, stdout=stdout, stderr=stderr
    ) as process:
        _, errors = process.communicate(timeout=30)
    said = errors if piped == "stderr" else os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 2
    assert said.strip() == b"twtop: the monitor needs a terminal; for pipes and files use 'twtop -b' or 'twtop -1'"
