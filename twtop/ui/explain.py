"""What happens at N TIME_WAIT? The verdicts in whole sentences."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from twtop import text
from twtop.frame import Frame
from twtop.ui.widgets.verdict_strip import SIGNS, TITLES


class ExplainScreen(ModalScreen[None]):
    """Closes with Esc, q, w or Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,w,enter", "dismiss", "close")]

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self._frame = frame

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="modal") as panel:
            panel.border_title = f"What happens at {text.count(self._frame.total.count)} TIME_WAIT?"
            panel.border_subtitle = "Esc closes"
            for verdict in self._frame.verdicts:
                title = TITLES.get(verdict.id, verdict.id.upper())
                yield Static(Text(f"{SIGNS[verdict.level]}{title}: {verdict.level}", style="bold"))
                yield Static(Text(f"{verdict.text}\n"))

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
