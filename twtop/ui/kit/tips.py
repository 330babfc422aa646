"""Tooltips that depend on the cell under the mouse."""

from textual import events
from textual.content import Content
from textual.geometry import Offset
from textual.widget import Widget


class Tips(Widget):
    """A widget whose tooltip follows the mouse. Textual itself has one tooltip for a whole widget."""

    def tip_at(self, at: Offset) -> str:  # noqa: ARG002
        """The tip of a cell of the content, empty for none. It may hold outside names."""
        return ""

    def on_mouse_move(self, event: events.MouseMove) -> None:
        at = event.get_content_offset(self)
        tip = "" if at is None else self.tip_at(at)
        self.tooltip = Content(tip) if tip else None
