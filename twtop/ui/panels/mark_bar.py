"""One line that asks for the label of a mark, while the screen above it goes on."""

from dataclasses import replace

from textual import events
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from twtop.ui.mark import LONGEST_LABEL, Mark


class MarkBar(Input):
    """Hidden until opened."""

    class Marked(Message):
        """The mark with its label."""

        def __init__(self, mark: Mark) -> None:
            super().__init__()
            self.mark = mark

    def __init__(self) -> None:
        super().__init__(id="mark-bar", compact=True, max_length=LONGEST_LABEL)
        self.display = False
        self._mark: Mark | None = None
        self._focused_before: Widget | None = None

    def open(self, mark: Mark) -> None:
        """Ask what this mark is for; one that waits for its label already is given up."""
        if not self.display:
            self._focused_before = self.screen.focused
        self._mark = mark
        self.placeholder = f"mark at {mark.clock}: type a label or none  ⏎ set  Esc cancel"
        self.value = ""
        self.display = True
        self.screen.set_focus(self)  # now, for the next key may be waiting

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._mark is not None:
            self.post_message(self.Marked(replace(self._mark, label=event.value.strip())))
        self._close()

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self._close()

    def _close(self) -> None:
        self.screen.set_focus(self._focused_before)
        self.display, self._mark = False, None
