"""twtop in a real terminal, over real TIME_WAIT: what it shows, and what it leaves behind."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terminal import ROOT, TIME_WAITS, Terminal, needs_tmux, runs, terminal

CRASH = """
import sys
from functools import partial

from twtop.engine import Engine
from twtop.frame import View
from twtop.sources import open_local
from twtop.ui.app import TwtopApp


def open_source():
    samples = iter([open_local()()])

    def read(ask):
        for sample in samples:
            return sample
        raise RuntimeError("a defect on purpose")

    return read


app = TwtopApp(partial(Engine, open_source), View(), 1.0)
app.run()
sys.exit(app.return_code)
"""

STREAMS = ("stdin", "stdout", "stderr")
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture
def twtop(tmp_path: Path) -> Iterator[Terminal]:
    """twtop, that has drawn its first frame."""
    with terminal(tmp_path) as opened:
        opened.until_shown("● live", "127.0.0.5")
        yield opened


def left_as_it_was(opened: Terminal) -> None:
    """The terminal is as before the program, whose first words are in sight again."""
    before, after = opened.stty()
    assert before == after
    assert "the-screen-before" in opened.screen
    assert opened.modes == {
        **dict.fromkeys(opened.modes, "0"),
        "cursor_flag": "1",
        "wrap_flag": "1",
    }


@needs_tmux
def test_a_session(twtop: Terminal) -> None:
    assert twtop.modes["alternate_on"] == "1"
    assert f"TIME_WAIT {TIME_WAITS + 40} " in twtop.screen
    assert "127.0.0.6" in twtop.screen
    twtop.send("/")
    twtop.type("peer 127.0.0.5")
    twtop.until_gone("127.0.0.6")
    twtop.send("Enter")
    twtop.until_shown("filter: peer 127.0.0.5")
    twtop.send("Enter")
    twtop.until_shown(f"127.0.0.5 ── {TIME_WAITS} sockets", "127.0.0.5:8443", "REMAINING▼")
    twtop.send("p")
    twtop.until_shown("⏸ paused", "frame is 1 s old")
    twtop.send("p")
    twtop.until_shown("● live")
    twtop.send("Escape")
    twtop.until_gone("REMAINING▼")
    twtop.send("Escape")
    twtop.until_shown("127.0.0.6")
    twtop.send("q")
    assert twtop.status() == 0
    left_as_it_was(twtop)


@needs_tmux
def test_the_terminal_is_resized(twtop: Terminal) -> None:
    for width, height in ((60, 20), (140, 45), (20, 5), (100, 30)):
        twtop.resize(width, height)
        twtop.until(lambda width=width: _fills(twtop.screen, width), f"a screen of {width} columns")  # type: ignore[misc]
    twtop.send("q")
    assert twtop.status() == 0


def _fills(screen: str, width: int) -> bool:
    """Does the frame of the peers reach from edge to edge?"""
    return any(line.startswith("╭─ Peers") and len(line) == width for line in screen.splitlines())


@needs_tmux
@pytest.mark.parametrize(("number", "status"), SIGNALS.items(), ids=lambda value: getattr(value, "name", ""))
def test_a_signal_leaves_the_terminal_as_it_was(twtop: Terminal, number: signal.Signals, status: int) -> None:
    pid = twtop.pid
    os.kill(pid, number)
    assert twtop.status() == status
    left_as_it_was(twtop)
    assert not runs(pid)


@needs_tmux
@pytest.mark.parametrize("opened", ["nothing", "/", "?"])
def test_ctrl_c_leaves(twtop: Terminal, opened: str) -> None:
    if opened != "nothing":
        twtop.send(opened)
        twtop.until_shown("Esc")
    twtop.send("C-c")
    assert twtop.status() == 130
    left_as_it_was(twtop)


@needs_tmux
def test_a_hang_up_leaves_no_process(twtop: Terminal) -> None:
    pid = twtop.pid
    for width, height in ((60, 20), (140, 45), (100, 30)):
        twtop.resize(width, height)  # much to draw when it happens
    twtop.close()
    twtop.until(lambda: not runs(pid), "the process to end")


@needs_tmux
def test_a_crash_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with terminal(tmp_path, CRASH) as crashed:
        crashed.until(lambda: crashed.modes["alternate_on"] == "1", "the monitor")
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
