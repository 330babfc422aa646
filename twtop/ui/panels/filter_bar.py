"""The line in which a filter is typed. Each keystroke is parsed; a valid text is in force at once."""

from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from twtop.filter.parser import QueryError, parse
from twtop.filter.query import Query, unparse

GRAMMAR_AFTER_S = 0.5
"""Seconds until the grammar is loaded: after the first figures, and before a user has found the key."""

HINT = "⏎ keep  Esc restore    8080 · 10.0.0.0/8 · tw · nginx · dport >= 1024 and not established · remaining < 10s"


class FilterBar(Vertical):
    """Hidden until it is opened. It remembers the filter in force before, and the text in which that was typed."""

    class Changed(Message):
        """Another filter is in force from now on."""

        def __init__(self, query: Query) -> None:
            super().__init__()
            self.query = query

    class Closed(Message):
        """The bar is hidden again."""

    def __init__(self, query: Query) -> None:
        super().__init__(id="filter-bar")
        self._kept = query
        self.text = unparse(query)
        self.display = False

    def compose(self) -> ComposeResult:
        yield Input(self.text, placeholder="filter", compact=True, select_on_focus=False)
        yield Static(HINT, id="filter-hint", markup=False)

    def on_mount(self) -> None:
        """Load the grammar in a thread, for it takes longer than a key may."""
        self.set_timer(GRAMMAR_AFTER_S, lambda: self.run_worker(partial(parse, "tw"), thread=True))

    def open(self) -> None:
        """Show the bar with the filter in force."""
        self.display = True
        entry = self.query_one(Input)
        entry.value = self.text
        entry.cursor_position = len(self.text)
        self.screen.set_focus(entry)  # now, since the next key may be waiting

    def close(self, keep: bool) -> None:
        """Hide the bar. Without `keep`, the filter from before comes back into force.

        With `keep`, a text that is no filter keeps the bar open.
        """
        typed = self.query_one(Input).value
        if keep:
            if (query := self._read(typed)) is None:
                return
            self._kept, self.text = query, typed.strip()
        self.display = False
        self.post_message(self.Changed(self._kept))
        self.post_message(self.Closed())

    def put(self, query: Query) -> None:
        """Put a filter into force that was chosen elsewhere."""
        self._kept, self.text = query, unparse(query)
        if self.display:
            self.query_one(Input).value = self.text
        self.post_message(self.Changed(query))

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self.display and (query := self._read(event.value)) is not None:
            self.post_message(self.Changed(query))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.close(keep=True)

    def on_key(self, event: events.Key) -> None:
        if event.key == "escape":
            event.stop()
            self.close(keep=False)

    def _read(self, text: str) -> Query | None:
        hint = self.query_one("#filter-hint", Static)
        try:
            query = parse(text)
        except QueryError as error:
            hint.update(pointed_out(error.column, str(error), self.size.width - 2))
            hint.add_class("error")
            return None
        hint.update(HINT)
        hint.remove_class("error")
        return query


def pointed_out(column: int, message: str, width: int) -> str:
    """A caret under the column, then the message: in one line if both fit, else in two.

    A column that is out of sight gets no caret.

    >>> pointed_out(3, "column 3: oops", 20), pointed_out(30, "column 30: oops", 20)
    ('  ^ column 3: oops', 'column 30: oops')
    """
    if column > width:
        return message
    caret = " " * (column - 1) + "^"
    return f"{caret} {message}" if column + 1 + len(message) <= width else f"{caret}\n{message}"
