"""Bytes that no terminal should send, and an environment that nobody should have: the monitor goes on."""

import re
from pathlib import Path

from tests.support.pty_terminal import pseudo_terminal

SIZE = (100, 30)
ROW = re.compile(rb"\x1b\[(\d+);\d+H")

BYTES = (
    b"\xff\xfe\xc3",  # no UTF-8
    b"\x80\xe2\x82\xc3\xf0",
    b"\x1b[99999999;1;99999999u",  # no such code point
    b"\x1b[48;0;0;0;0t",  # a screen without cells
    b"\x1b[48;99999999;99999999;1;1t",
    b"\x1b[?2048;2$y",  # reports of the size are supported, and the mouse is told in pixels
    b"\x1b[48;30;100;0;0t\x1b[<35;5;5M",  # of 0 pixels, then the mouse
    b"\x1b[48;30;100;1;0t\x1b[<35;5;5M",
    b"\x1b[<35;99999999999999999;5M",
)

ENVIRONMENT = {
    "COLUMNS": "\N{SUPERSCRIPT TWO}",
    "LINES": "99999999",
    "TEXTUAL": "devtools,debug",
    "TEXTUAL_COLOR_SYSTEM": "no-such-system",
    "TEXTUAL_DEBUG": "1",
    "TEXTUAL_DRIVER": "no_such_module:Driver",
    "TEXTUAL_FPS": "99999999999",
    "TEXTUAL_LOG": "/no/such/folder/log",
    "TEXTUAL_PRESS": "q",
    "TEXTUAL_SCREENSHOT": "0",
    "TEXTUAL_THEME": "no-such-theme",
}


def test_bytes_that_mean_nothing(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path, size=SIZE) as terminal:
        terminal.until_drawn(b"live")
        for junk in BYTES:
            terminal.type(junk)
            terminal.press_for(b"p", b"paused")
            terminal.press_for(b"p", b"live")
        terminal.type(b"q")
        assert terminal.status() == 0
        terminal.is_left_as_it_was()


def test_settings_of_textual_and_of_the_size(tmp_path: Path) -> None:
    with pseudo_terminal(tmp_path, size=SIZE, **ENVIRONMENT) as terminal:
        terminal.until_drawn(b"live")
        assert max(int(row) for row in ROW.findall(terminal.drawn)) == SIZE[1]
        terminal.type(b"q")
        assert terminal.status() == 0
        terminal.is_left_as_it_was()
    assert not list(tmp_path.iterdir())
