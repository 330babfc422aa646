"""Stopped and continued in any way, the monitor keeps its threads, obeys its keys and gives the terminal back."""

import random
import signal
from pathlib import Path

from tests.support.pty_terminal import Pty, pseudo_terminal

HELP = b"twtop help"
SEED = 11
TIMES = 6


def _answers(terminal: Pty) -> None:
    """A key is answered, and so is what was sent before it."""
    terminal.press_for(b"?", HELP)
    terminal.press_for(b"?", b"TIME_WAIT")


def test_continued_without_having_been_suspended(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path) as terminal:
        terminal.until_drawn(b"live")
        threads = terminal.threads
        for _ in range(TIMES):
            terminal.stop()
            terminal.send(signal.SIGCONT)
            _answers(terminal)
        assert terminal.threads < threads + TIMES
        terminal.type(b"q")
        assert terminal.status() == 0
        terminal.is_left_as_it_was()


def test_stopped_and_continued_at_random(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path) as terminal:
        terminal.until_drawn(b"live")
        for number in random.Random(SEED).choices((signal.SIGSTOP, signal.SIGTSTP, signal.SIGCONT), k=40):
            terminal.send(number)
        before = terminal.drawn.count(b"paused")

        def answers() -> bool:
            """Which of a SIGTSTP and a SIGCONT is obeyed last is chance, where they come at once."""
            terminal.send(signal.SIGCONT)
            terminal.type(b"p")
            return terminal.drawn.count(b"paused") > before

        terminal.until(answers, "an answer to a key")
        terminal.send(signal.SIGTERM)
        assert terminal.status() == 128 + signal.SIGTERM
        terminal.is_left_as_it_was()


def test_told_to_end_while_it_is_stopped(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path) as terminal:
        terminal.until_drawn(b"live")
        terminal.stop()
        terminal.send(signal.SIGTERM)
        terminal.send(signal.SIGCONT)
        assert terminal.status() == 128 + signal.SIGTERM
        terminal.is_left_as_it_was()
