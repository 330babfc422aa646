"""The filter line: every keystroke is parsed; a text that reads is in force at once, one that does not says why."""

from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from twtop.filter.parser import QueryError, parse
from twtop.filter.query import Query, unparse

GRAMMAR_AFTER_S = 0.5
HINT = "⏎ keep  Esc restore    8080 · 10.0.0.0/8 · tw · nginx · dport >= 1024 and not established · remaining < 10s"


class FilterBar(Vertical):
    """Hidden until opened. Knows the filter that was in force when it was opened, and the text that it was given as."""

    class Changed(Message):
        """The filter that is in force from now on."""

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
        """The grammar is loaded once the first figures stand, and before the first key."""
        self.set_timer(GRAMMAR_AFTER_S, lambda: self.run_worker(partial(parse, "tw"), thread=True))

    def open(self) -> None:
        """Show the bar with the filter in force, ready to be changed."""
        self.display = True
        entry = self.query_one(Input)
        entry.value = self.text
        entry.cursor_position = len(self.text)
        self.screen.set_focus(entry)  # now, for the next key may be waiting

    def close(self, keep: bool) -> None:
        """Hide the bar; without `keep` the filter that was in force before comes back."""
        typed = self.query_one(Input).value
        if keep:
            if (query := self._read(typed)) is None:
                return
            self._kept, self.text = query, typed.strip()
        self.display = False
        self.post_message(self.Changed(self._kept))
        self.post_message(self.Closed())

    def put(self, query: Query) -> None:
        """Another filter in force, chosen elsewhere."""
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
    """The message behind a caret under the column, or below it where the line is too short for both; a column that is
    out of sight gets none.

    >>> pointed_out(3, "column 3: oops", 20), pointed_out(30, "column 30: oops", 20)
    ('  ^ column 3: oops', 'column 30: oops')
    """
    if column > width:
        return message
    caret = " " * (column - 1) + "^"
    return f"{caret} {message}" if column + 1 + len(message) <= width else f"{caret}\n{message}"
