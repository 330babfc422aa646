"""Terminals of no size, and kinds of terminals that Textual has other sizes for: the monitor settles."""

import re
from pathlib import Path

import pytest

from tests.support.pty_terminal import pseudo_terminal

NONE = (0, 0)
CLOCK = re.compile(rb"\d\d:\d\d:\d\d")
FRAMES = 3


@pytest.mark.parametrize(("size", "kind"), [(NONE, "xterm-256color"), (NONE, "dumb"), ((100, 30), "unknown")])
def test_two_sizes_at_the_start(tmp_path: Path, size: tuple[int, int], kind: str) -> None:
    with pseudo_terminal(tmp_path, size=size, TERM=kind) as terminal:
        terminal.until(lambda: len(set(CLOCK.findall(terminal.drawn))) >= FRAMES, f"{FRAMES} frames")
        terminal.type(b"q")
        assert terminal.status() == 0
        terminal.is_left_as_it_was()
