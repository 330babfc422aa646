"""Every key and the mouse in a real terminal, over the demo's real load."""

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from tests.support.tmux_terminal import Terminal, demo, needs_tmux, terminal
from twtop.ui.keys import ALL_KEYS

SIZE = (120, 40)
TMUX_NAMES = {
    **{"slash": "/", "plus": "+", "equals_sign": "=", "minus": "-", "question_mark": "?"},
    **{"enter": "Enter", "space": "Space", "escape": "Escape", "tab": "Tab", "f1": "F1", "f4": "F4"},
    **{"up": "Up", "down": "Down", "pageup": "PPage", "pagedown": "NPage", "home": "Home", "end": "End"},
    **{"ctrl+q": "C-q", "ctrl+z": "C-z"},
}
DIALOGS = {
    **{"w": "What happens at", "l": "Marks", "N": "Network namespaces", "C-p": "Search for commands"},
    **dict.fromkeys(("?", "h", "F1"), "twtop help"),
}
ELSEWHERE = {"C-z", "C-q"}
"""Keys that other tests press."""


class Session:
    """A terminal that keeps count of the keys pressed in it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.pressed: set[str] = set()

    def press(self, key: str, *shown: str, gone: str | None = None) -> None:
        """Press a key by the name that tmux has for it, and wait until all this is shown, and that is gone."""
        self.pressed.add(key)
        self.terminal.send(key)
        self.terminal.until_shown(*shown)
        if gone is not None:
            self.terminal.until_gone(gone)

    def press_until(self, key: str, condition: Callable[[], bool], what: str) -> None:
        self.pressed.add(key)
        self.terminal.send(key)
        self.terminal.until(condition, f"{what} after {key}")

    def press_for_change(self, key: str) -> None:
        """Press a key that moves a colour or a row at least."""
        before = self.terminal.styled
        self.press_until(key, lambda: self.terminal.styled != before, "another screen")

    @property
    def rows(self) -> list[str]:
        """The names in the table of peers from top to bottom."""
        lines = self.terminal.screen.splitlines()
        top = next((y for y, line in enumerate(lines) if re.search(r"\bPEER\b.*\bDIR\b", line)), len(lines))
        names = (re.match(r"[│\s▸▾]*([\w.:/]+)", line) for line in lines[top + 1 :])
        return [name[1] for name in takewhile(bool, names) if name]

    def row(self, number: int) -> str:
        """The name in this row, empty while the table is not painted that far."""
        rows = self.rows
        return rows[number] if -len(rows) <= number < len(rows) else ""

    @property
    def selected(self) -> str:
        """The name in the selected row, by way of the clipboard."""
        self.press("y")
        copied = re.search(r'\bpeer="?([\w.:/]+)', self.terminal.clipboard)
        return copied[1] if copied else ""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with terminal(tmp_path, demo("mixed"), SIZE) as opened:
        opened.until_shown("● live", "10.0.0.5", "connect()")
        yield Session(opened)


@needs_tmux
def test_every_key(session: Session, tmp_path: Path) -> None:
    press, terminal = session.press, session.terminal
    for key in ("/", "F4"):
        press(key, "Esc restore")
        terminal.type("dir in (")
        terminal.until_shown("column 9")
        press("Escape", gone="column 9")
    press("/")
    terminal.type("dir out")
    press("Enter", "filter: dir outbound", gone="10.0.0.9")
    press("Escape", "10.0.0.9", gone="filter:")

    press("Enter", "REMAINING↓")
    press("s", gone="REMAINING↓")
    press("Enter", gone="REMAINING")
    press("Enter", "REMAINING")
    press("Escape", gone="REMAINING")
    press("Space", "▾")
    press("Space", gone="▾")
    press("s", gone="(worst destination)↓")
    press("S", "↑ ")
    for groups in ("Destinations", "Services", "Processes", "Prefixes", "Peers"):
        press("b", f" {groups} ")
    press("t", "entries per second")
    press("t", "releases per second")
    press("t", gone="releases per second")
    for key, panel in DIALOGS.items():
        press(key, panel)
        press("Escape", gone=panel)
    for key, seconds in (("+", "2"), ("=", "3"), ("-", "2")):
        press(key, f"every {seconds} s")
    press("m", "type a label or none")
    press("Enter", "mark 0", gone="type a label")
    press("l", " Marks ", "Esc closes")
    press("Escape", gone="Esc closes")
    press("M", "change since")
    press("M", gone="change since")
    press("z", gone=" States ")
    press("z", " States ")
    press("p", "paused")
    press("Z", "live", gone="paused")

    press("p", "paused")
    before = _figures(terminal)
    session.press_until("r", lambda: _figures(terminal) not in ("", before), "other figures")
    for key, row in (("g", 0), ("j", 1), ("Down", 2), ("k", 1), ("Up", 0), ("End", -1), ("Home", 0), ("G", -1)):
        session.pressed.add(key)
        terminal.send(key)
        terminal.until(lambda row=row: session.selected == session.row(row) != "", f"row {row} after {key}")  # type: ignore[misc]
    for key in ("PPage", "NPage", "Tab"):
        session.press_for_change(key)

    for key, kind in (("e", "csv"), ("E", "svg")):
        session.press_until(key, lambda kind=kind: bool(list(tmp_path.glob(f"*.{kind}"))), "a file")  # type: ignore[misc]
    press("q")
    assert terminal.status() == 0
    assert "Traceback" not in terminal.everything
    assert _named() - session.pressed == ELSEWHERE


def _figures(terminal: Terminal) -> str:
    return next((line for line in terminal.screen.splitlines() if "TIME_WAIT" in line), "")


def _named() -> set[str]:
    """All keys that the program has, by the names that tmux has for them."""
    textual = {name for key in ALL_KEYS for name in key.keys.split(",")}
    return {TMUX_NAMES.get(name, name) for name in textual if not name.startswith("upper_")}


@needs_tmux
def test_the_mouse(session: Session) -> None:
    terminal = session.terminal
    terminal.send("p")
    terminal.until_shown("paused")
    _click(terminal, "TIME_WAIT ", after="PEER")
    terminal.until_shown("TIME_WAIT↓")
    names = session.rows
    _click(terminal, names[2])
    terminal.until(lambda: session.selected == names[2], "the third row")
    _click(terminal, names[0], times=2)  # on a row of its own, else it is the third click on one place
    terminal.until_shown("REMAINING↓", " s ")
    x, y = _find(terminal, "REMAINING")
    first = terminal.screen.splitlines()[y + 1]

    def turned() -> bool:
        """Turns on until it has an effect: a new frame may stop a notch on its way."""
        terminal.wheel_down(x, y + 2)
        return terminal.screen.splitlines()[y + 1] != first

    terminal.until(turned, "other rows under the wheel")
    _click(terminal, "what happens")
    terminal.until_shown("What happens at")
    session.press("Escape", gone="What happens at")
    _click(terminal, "quit")
    assert terminal.status() == 0
    assert "Traceback" not in terminal.everything


def _find(terminal: Terminal, text: str, after: str = "") -> tuple[int, int]:
    """The cell where the topmost line that has it has this text, behind `after` in the same line."""
    for y, line in enumerate(terminal.screen.splitlines()):
        start = line.find(after)
        if start >= 0 and (x := line.find(text, start)) >= 0:
            return x, y
    return pytest.fail(f"no {text!r} on\n{terminal.screen}")


def _click(terminal: Terminal, text: str, times: int = 1, after: str = "") -> None:
    x, y = _find(terminal, text, after)
    terminal.click(x, y, times)
