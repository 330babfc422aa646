"""What the panels over the monitor have in common."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType

from twtop.ui.keys import SAVE_SCREEN, bindings


def moves(up: str, down: str, first: str, last: str) -> tuple[Binding, ...]:
    """The letters that move a table's selection, for what has no table."""
    keys = {"k": up, "j": down, "g": first, "G,upper_g": last}
    return tuple(Binding(key, action, show=False) for key, action in keys.items())


class Dialog(ModalScreen[ScreenResultType]):
    """Of the keys below it only the app's urgent ones get through: it has its own for the others."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings((SAVE_SCREEN,))]


class Page(VerticalScroll):
    """A text that scrolls; has the focus as soon as it is there."""

    BINDINGS: ClassVar[list[BindingType]] = [*moves("scroll_up", "scroll_down", "scroll_home", "scroll_end")]

    def __init__(self, title: str) -> None:
        super().__init__(classes="modal")
        self.border_title = title
        self.border_subtitle = "Esc closes"

    def on_mount(self) -> None:
        self.focus()
