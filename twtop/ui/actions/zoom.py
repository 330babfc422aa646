"""A screen on which one panel at a time can have all the room."""

from typing import ClassVar

from textual import events
from textual.screen import Screen

from twtop.ui.kit.panel import TonePainter


class ZoomScreen(Screen[None]):
    """`maximized` is the panel that has the room; header, prompts and footer stay."""

    ALLOW_IN_MAXIMIZED_VIEW: ClassVar[str | None] = "#header, #filter-bar, #mark-bar, #footer"

    def action_zoom(self) -> None:
        self.maximized = self.focused if self.maximized is None else None

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """The room goes where the keys go."""
        if self.maximized is not None and isinstance(event.widget, TonePainter):
            self.maximized = event.widget

    def keep_focus(self) -> None:
        """A panel that has folded away gives the focus to one that is seen."""
        chain = self.focus_chain
        if chain and self.focused not in chain:
            chain[0].focus()
