"""Hover tips that depend on where in a widget the mouse rests."""

from textual import events
from textual.content import Content
from textual.geometry import Offset
from textual.widget import Widget


class Tips(Widget):
    """Textual has one tooltip a widget; here it is that of the place under the mouse."""

    def tip_at(self, at: Offset) -> str:  # noqa: ARG002
        """What a cell of the content explains of itself, if anything; a tip may hold outside names."""
        return ""

    def on_mouse_move(self, event: events.MouseMove) -> None:
        at = event.get_content_offset(self)
        tip = "" if at is None else self.tip_at(at)
        self.tooltip = Content(tip) if tip else None
