"""The process ends when it is told to and when its terminal is gone, whatever the event loop does."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.support.pty_terminal import Pty, pseudo_terminal
from twtop.ui.terminal_watch import GRACE_S, RESTORE_S

LEAVES = """
import numpy  # something to take down at the end
from twtop.ui import terminal_watch

terminal_watch.LOOK_S = 0.001
watch = terminal_watch.TerminalWatch(0, lambda status: None, lambda: None)
print("told", flush=True)
{end}
"""

WAITS = """
import os
from twtop.ui import terminal_watch

terminal_watch.LOOK_S = 0.1
terminal_watch.TerminalWatch(0, lambda status: None, lambda: None)
print("told", flush=True)
os.read(os.pipe()[0], 1)
"""

MONITOR = """
import signal
import sys
from functools import wraps
from threading import Lock

from twtop.engine.engine import Engine
from twtop.frame.view import View
from twtop.sources.open_source import open_source
from twtop.ui.app import TwtopApp
from twtop.ui.monitor import Monitor


def spin():
    while True:
        pass


def wait():
    lock = Lock()
    with lock, lock:
        pass


def signalled(method):
    @wraps(method)  # Textual counts the arguments
    def called(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return method(*arguments)
    return called


def stick():
    print("stuck", file=sys.__stderr__, flush=True)
    {stuck}()


TwtopApp.on_ready = lambda app: app.set_timer(0.1, stick)
{before}
view = View()
app = TwtopApp(Engine(open_source("procfs"), view, 1.0), view, 1.0)
app.run()
sys.exit(app.return_code)
"""

MOUNTING = ("TwtopApp.on_mount", "Monitor.compose", "Monitor.on_resize")


def _run(program: str, keep: bool) -> int:
    """The exit status of a program in a terminal, which is closed as soon as it has `told` if not to be kept."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.readline() == b"told\n"
        if not keep:
            os.close(ours)
        status = process.wait(timeout=30)
    if keep:
        os.close(ours)
    return status


@pytest.mark.parametrize("end", ["", "watch.stop(); import signal; assert signal.getitimer(0) == (0, 0)"])
def test_it_does_not_kill_a_program_that_ends_by_itself(end: str) -> None:
    assert _run(LEAVES.format(end=end), keep=True) == 0


def test_it_ends_a_program_that_waits_without_a_terminal() -> None:
    assert _run(WAITS, keep=False) == 128 + signal.SIGHUP


def test_it_takes_two_seconds_at_most() -> None:
    assert GRACE_S + RESTORE_S < 2


def _monitor(stuck: str = "print", before: str = "") -> tuple[str, ...]:
    return sys.executable, "-c", MONITOR.format(stuck=stuck, before=before)


@pytest.mark.parametrize(
    ("stuck", "told"), [("spin", signal.SIGTERM), ("wait", signal.SIGHUP), ("spin", b"\x03"), ("wait", b"\x03\x03")]
)
def test_an_event_loop_that_is_stuck(tmp_path: Path, stuck: str, told: signal.Signals | bytes) -> None:
    with pseudo_terminal(tmp_path, _monitor(stuck)) as terminal:
        terminal.until_drawn(b"stuck")
        if isinstance(told, bytes):
            terminal.type(told)
            told = signal.SIGINT
        else:
            terminal.send(told)
        assert terminal.status() == 128 + told
        terminal.is_left_as_it_was()


@pytest.mark.parametrize("keys", [b"", b"q"])
def test_a_terminal_that_nobody_reads(tmp_path: Path, keys: bytes) -> None:
    with pseudo_terminal(tmp_path) as terminal:
        terminal.until_drawn(b"live")
        terminal.stop_reading()
        _fill(terminal)
        terminal.type(keys)
        terminal.send(signal.SIGTERM)
        assert terminal.status() == 128 + signal.SIGTERM
        terminal.read_on()
        terminal.is_left_as_it_was()


def _fill(terminal: Pty) -> None:
    """Have so much drawn that nothing more can be written."""
    sizes = [(120, 40), (100, 30)]

    def full() -> bool:
        sizes.reverse()
        terminal.resize(*sizes[0])
        return terminal.is_full

    terminal.until(full, "a terminal that takes no more")


@pytest.mark.parametrize("method", MOUNTING)
def test_a_signal_while_the_screen_is_mounted(tmp_path: Path, method: str) -> None:
    with pseudo_terminal(tmp_path, _monitor(before=f"{method} = signalled({method})")) as terminal:
        assert terminal.status() == 128 + signal.SIGTERM
        terminal.is_left_as_it_was()
