"""What the panels over the monitor have in common."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType

from twtop.ui.keys import SAVE_SCREEN, bindings


class Dialog(ModalScreen[ScreenResultType]):
    """Of the keys below it only the app's urgent ones get through: it has its own for the others."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings((SAVE_SCREEN,))]


class Page(VerticalScroll):
    """A text that scrolls by the keys that move a table's selection; has the focus as soon as it is there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G,upper_g", "scroll_end", show=False),
    ]

    def __init__(self, title: str) -> None:
        super().__init__(classes="modal")
        self.border_title = title
        self.border_subtitle = "Esc closes"

    def on_mount(self) -> None:
        self.focus()
