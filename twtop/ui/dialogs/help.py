"""The help dialog: every key, the filter language, every column."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from twtop.columns.peers import PEERS
from twtop.columns.sockets import SOCKETS
from twtop.columns.tones import Line, Tone
from twtop.ui.dialogs.dialog import Dialog, Page
from twtop.ui.keys import ALL_KEYS
from twtop.ui.kit.lines import GAP
from twtop.ui.kit.panel import LinePanel

LEFT_SHARE = 0.45
"""Share of the width that the left column takes at most."""

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


class HelpScreen(Dialog[None]):
    """Esc, q, ?, h, F1 and Enter close it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark,h,f1,enter", "dismiss", "close")]

    def compose(self) -> ComposeResult:
        with Page("twtop help"):
            yield Static(Content.styled("Keys", "bold"))
            yield Pairs((key.cap, key.help) for key in ALL_KEYS)
            yield Static(Content.styled("\nThe filter language", "bold"))
            yield Pairs(FILTERS)
            for title, columns in (("The peers", PEERS.all_columns()), ("Single sockets", SOCKETS.all_columns())):
                yield Static(Content.styled(f"\n{title}", "bold"))
                yield Pairs((column.title, column.help) for column in columns)
            yield Static(_notes())


class Pairs(LinePanel):
    """Terms and their explanations, in two columns that break between words."""

    def __init__(self, rows: Iterable[tuple[str, str]]) -> None:
        super().__init__()
        self._rows = tuple(rows)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self.lines_for(Size(width, 0)))

    def lines_for(self, size: Size) -> Sequence[Line]:
        longest = max(len(left) for left, _ in self._rows)
        left = max(1, min(longest, round(size.width * LEFT_SHARE)))
        right = max(1, size.width - left - len(GAP[0]))
        lines: list[Line] = []
        for row in self._rows:
            cells = (wrap(text, width) for text, width in zip(row, (left, right), strict=True))
            for name, told in zip_longest(*cells, fillvalue=""):
                lines.append(((name.ljust(left), Tone.STRONG), GAP, (told, Tone.PLAIN)))
        return lines


def _notes() -> Content:
    return Content(
        "\nGauge: █ live, ▓ TIME_WAIT, ▒ TIME_WAIT that connect() may reuse, ░ free; │ is half the range: past it "
        "each connect() searches thousands of ports; ╎ is the highest pressure so far. ▲ is critical, △ a warning, "
        "“–” is unknown, “?” an unknown direction. ✖ are connect() calls that find no port; in the timeline a "
        "gap is a time in which nobody counted them."
    )
