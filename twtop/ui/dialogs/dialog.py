"""What dialogs have in common: a few keys, and a page that scrolls."""

from typing import ClassVar

from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, ScreenResultType

from twtop.ui.keys import SAVE_SCREEN, bindings
from twtop.ui.kit.app_sized import AppSized


def moves(up: str, down: str, first: str, last: str) -> tuple[Binding, ...]:
    """Bindings of k, j, g and G, which move the selection of a table, to these actions of another widget."""
    keys = {"k": up, "j": down, "g": first, "G,upper_g": last}
    return tuple(Binding(key, action, show=False) for key, action in keys.items())


class Dialog(AppSized, ModalScreen[ScreenResultType]):
    """A screen over the monitor. The monitor's keys do not work in it, the app's do."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings((SAVE_SCREEN,))]

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave, unless it has been left or the palette is over it: Textual would take away the screen on top."""
        return super().dismiss(result) if self.is_active else AwaitComplete()


class Page(VerticalScroll):
    """A text that scrolls. It takes the focus when it is mounted."""

    BINDINGS: ClassVar[list[BindingType]] = [*moves("scroll_up", "scroll_down", "scroll_home", "scroll_end")]

    def __init__(self, title: str) -> None:
        super().__init__(classes="modal")
        self.border_title = title
        self.border_subtitle = "Esc closes"

    def on_mount(self) -> None:
        self.focus()
