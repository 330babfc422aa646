"""The help panel: every key, the filter language, every column."""

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from twtop.ui.keys import ALL_KEYS
from twtop.ui.widgets.peers import PEER_COLUMNS
from twtop.ui.widgets.sockets import SOCKET_COLUMNS

FILTERS = (
    ("8080", "a port on either side"),
    ("10.0.0.5   10.0.0.0/8   ::1", "a peer, by address or network"),
    ("10.0.0.5:443   [::1]:80", "a peer and its port"),
    ("tw   established   close-wait", "a state"),
    ("nginx", "part of a process name"),
    ("port 443   sport 8080   dport >= 1024", "either, local or remote port: = != < <= > >=, or 1000-2000"),
    ("peer 10.0.0.0/8   local 10.0.0.1", "remote or local address or network"),
    ("state time-wait   process nginx", "the same, spelled out"),
    ("dir out   dir in", "who opened the connection"),
    ("remaining < 10s   age > 30s", "the timer of a TIME_WAIT: ms, s or m"),
    ("443 and not tw   (80 or 443) established", "and, a space, or, not, parentheses"),
)


class HelpScreen(ModalScreen[None]):
    """Closes with Esc, q, ? or Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,h,f1,enter", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="modal") as panel:
            panel.border_title = "twtop help"
            panel.border_subtitle = "Esc closes"
            yield Static(Text("Keys", style="bold"))
            yield Static(_pairs([(key.cap, key.help) for key in ALL_KEYS]))
            yield Static(Text("\nThe filter language", style="bold"))
            yield Static(_pairs(FILTERS))
            for title, columns in (("The peers", PEER_COLUMNS), ("Single sockets", SOCKET_COLUMNS)):
                yield Static(Text(f"\n{title}", style="bold"))
                yield Static(_pairs([(column.title, column.help) for column in columns]))
            yield Static(_notes())

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def _pairs(rows: list[tuple[str, str]] | tuple[tuple[str, str], ...]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", max_width=44)
    grid.add_column()
    for left, right in rows:
        grid.add_row(Text(left), Text(right))
    return grid


def _notes() -> Text:
    return Text(
        "\nGauge: █ live, ▓ TIME_WAIT, ▒ TIME_WAIT that connect() may reuse, ░ free; │ is half the range: past it\n"
        "each connect() searches thousands of ports; ╎ is the highest pressure so far. “–” is unknown, “?” an unknown\n"
        "direction."
    )
