"""One panel on the whole screen."""

from textual.screen import Screen
from textual.widget import Widget

from twtop.ui.kit.painter import TonePainter

BESIDE = "#header, #filter-bar, #mark-bar, #footer"
"""What stays on the screen beside the panel."""


class Zoom:
    """Sets the screen's `maximized`, which is the panel that has the room, or None."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen

    @property
    def is_on(self) -> bool:
        return self._screen.maximized is not None

    def toggle(self) -> None:
        """Give the focused panel the whole screen, or all panels their room again."""
        self._screen.maximized = None if self.is_on else self._screen.focused

    def follow(self, focused: Widget) -> None:
        """While one panel has the screen, the one that gets the focus takes it over."""
        if self.is_on and isinstance(focused, TonePainter):
            self._screen.maximized = focused

    def leave(self, panel: Widget) -> None:
        """This panel has nothing to show any more."""
        if self._screen.maximized is panel:
            self._screen.maximized = None
