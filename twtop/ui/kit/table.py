"""A table of any length: only visible rows are formatted, and the cursor stays on its row when rows move."""

from collections.abc import Hashable, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Offset, Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from twtop.columns.column import Column
from twtop.columns.tones import Line, Tone, aligned
from twtop.ui.keys import TABLE_KEYS, bindings
from twtop.ui.kit.columns import GAP, Slot, lay_out
from twtop.ui.kit.lines import changed_cells
from twtop.ui.kit.painter import TonePainter

Row = TypeVar("Row")
Item = TypeVar("Item", covariant=True)


class Rows(Protocol[Item]):
    """The rows of a table. `key` identifies a row from one frame to the next; `find` gives its index now."""

    def __len__(self) -> int: ...
    def row(self, index: int) -> Item: ...
    def key(self, index: int) -> Hashable: ...
    def find(self, key: Hashable) -> int | None: ...


class NoRows(Generic[Row]):
    """The rows before the first frame."""

    def __len__(self) -> int:
        return 0

    def row(self, index: int) -> Row:
        raise IndexError(index)

    def key(self, index: int) -> Hashable:
        raise IndexError(index)

    def find(self, key: Hashable) -> int | None:  # noqa: ARG002
        return None


class Table(TonePainter, ScrollView, Generic[Row], can_focus=True):
    """A line of heads that stays, and below it rows that scroll, drawn by Textual's line API."""

    KEYS = TABLE_KEYS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(TABLE_KEYS)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--head", "table--cursor"}

    class HeadClicked(Message):
        """The head of a column was clicked."""

        def __init__(self, table: "Table[Row]", column: Column[Row]) -> None:
            super().__init__()
            self.table = table
            self.column = column

    class RowChosen(Message):
        """The row under the cursor was clicked a second time."""

    class CursorMoved(Message):
        """Another row is selected."""

        def __init__(self, table: "Table[Row]") -> None:
            super().__init__()
            self.table = table

    def __init__(self, columns: Sequence[Column[Row]], empty: str, *, id: str) -> None:
        super().__init__(id=id)
        self.columns = columns
        self.empty = empty
        """The text that stands there without rows."""
        self.rows: Rows[Row] = NoRows()
        self.cursor = 0
        self.sorted_by: Column[Row] | None = None
        self.reverse = False
        self._key: Hashable = None
        self._slots: list[Slot[Row]] = []
        self._slots_for: tuple[Sequence[Column[Row]], int] | None = None
        self._lines: dict[int, Line] = {}
        self._painted: dict[int, tuple[Line, bool]] = {}

    def show(self, rows: Rows[Row]) -> None:
        """Replace the rows. The cursor follows its row, and the row stays in its line of the screen if it can."""
        self.rows = rows
        self._lines.clear()
        found = rows.find(self._key) if self._key is not None else None
        before = self.cursor
        self.cursor = max(0, min(before if found is None else found, len(rows) - 1))
        self._key = rows.key(self.cursor) if len(rows) else None
        self.virtual_size = Size(1, len(rows) + 1)  # a constant width: no new layout
        if found is not None and self.scroll_offset.y and found != before:
            self.scroll_to(y=self.scroll_offset.y + found - before, animate=False, force=True)
        self._keep_cursor_visible()
        self._repaint_changed()

    def select(self, key: Hashable) -> None:
        """Put the cursor on the row with this key, now or as soon as there is one."""
        self._key = key
        if (found := self.rows.find(key)) is not None:
            self._move_to(found)

    def order_by(self, column: Column[Row], reverse: bool) -> None:
        """Mark the column that the rows are sorted by. A cursor on the first row stays on the first row."""
        if (column, reverse) != (self.sorted_by, self.reverse):
            self.sorted_by, self.reverse = column, reverse
            self.refresh_head()
            if self.cursor == 0:
                self.rewind()

    def refresh_head(self) -> None:
        """Repaint the line of heads."""
        self.refresh(Region(0, 0, self.scrollable_size.width, 1))

    def rewind(self) -> None:
        """Select the first of the next rows, whichever that is."""
        self.cursor, self._key = 0, None

    @property
    def selected(self) -> Row | None:
        return self.rows.row(self.cursor) if len(self.rows) else None

    def _repaint_changed(self) -> None:
        """Repaint only the cells that look different."""
        top, bottom = self.scroll_offset.y, self.scroll_offset.y + self.size.height
        columns = self._laid_out
        for index in range(top, bottom):
            line, selected = self._painted.get(index, ((), None))
            if selected is not (index == self.cursor):
                self._refresh_row(index)
            elif (now := self._line(index, columns)) != line:
                self._refresh_row(index, *changed_cells(line, now))
        self._painted = {index: look for index, look in self._painted.items() if top <= index < bottom}

    def _refresh_row(self, index: int, start: int = 0, end: int | None = None) -> None:
        y = index - self.scroll_offset.y + 1
        if 0 < y < self.size.height:
            width = self.scrollable_size.width
            self.refresh(Region(start, y, (width if end is None else min(end, width)) - start, 1))

    def _line(self, index: int, columns: Sequence[Slot[Row]]) -> Line:
        """The text of a row. To lay the columns out for a new width forgets all lines."""
        if (known := self._lines.get(index)) is None:
            known = self._lines[index] = self._formatted(index, columns)
        return known

    def _formatted(self, index: int, columns: Sequence[Slot[Row]]) -> Line:
        if index >= len(self.rows):
            known = index == 0 and not len(self.rows) and not isinstance(self.rows, NoRows)
            return ((self.empty, Tone.DIM),) if known else ()
        row = self.rows.row(index)
        cells: list[Line] = []
        for slot in columns:
            cell = aligned(slot.column.cell(row, slot.width), slot.width, slot.column.right)
            cells.append((*cell, (" ", Tone.PLAIN)))
        return tuple(span for cell in cells for span in cell)

    def _head(self) -> Line:
        spans: list[tuple[str, Tone]] = []
        for slot in self._laid_out:
            arrow = self.arrow if slot.column is self.sorted_by else ""
            tone = Tone.STRONG if arrow else Tone.DIM
            title = self.title_of(slot.column)
            if len(title) + len(arrow) > slot.width:
                title = title.split(" (")[0]
            title = title[: slot.width - 1] + arrow if arrow else title  # the arrow tells more
            spans += [*aligned(((title, tone),), slot.width, slot.column.right), (" ", tone)]
        return tuple(spans)

    def render_line(self, y: int) -> Strip:
        """Textual's line API. The heads are line 0 of the widget."""
        width = self.scrollable_size.width
        if y == 0:
            return self.paint(self._head(), width, self.ground + self.component_style("table--head"))
        index = y - 1 + self.scroll_offset.y
        line, selected = self._painted[index] = (self._line(index, self._laid_out), index == self.cursor)
        base = self.ground
        if selected and len(self.rows):
            base += self.component_style("table--cursor")
        return self.paint(line, width, base)

    @property
    def arrow(self) -> str:
        """The sign of the order in which the rows are sorted."""
        return "↑" if self.reverse else "↓"

    def is_visible(self, column: Column[Row]) -> bool:
        """Whether there is room for this column now."""
        return any(slot.column is column for slot in self._laid_out)

    def order_after(self, column: Column[Row]) -> Column[Row]:
        """The next visible column that the rows can be sorted by, going right and then from the left again."""
        at = next(i for i, each in enumerate(self.columns) if each is column) + 1
        others = (*self.columns[at:], *self.columns[:at])
        return next((each for each in others if each.sort is not None and self.is_visible(each)), column)

    def title_of(self, column: Column[Row]) -> str:
        """The head of a column now."""
        return column.title

    def width_for(self, column: Column[Row]) -> int:
        """The width in cells that a column begins with now."""
        return column.width

    def rearrange(self) -> None:
        """Lay the columns out anew, since their heads or widths have changed."""
        self._slots_for = None
        self.refresh()

    def show_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Show these columns from now on."""
        if columns != self.columns:
            self.columns = columns
            self.refresh()

    @property
    def _laid_out(self) -> list[Slot[Row]]:
        """The columns laid out for the present width: Textual paints a resized table before it tells it of its size."""
        columns, width = self._slots_for or ((), 0)
        if columns is not self.columns or width != self.scrollable_size.width:
            self._slots_for = self.columns, self.scrollable_size.width
            self._slots = lay_out(*self._slots_for, [self.width_for(column) for column in self.columns])
            self._lines.clear()
        return self._slots

    def on_resize(self) -> None:
        self._keep_cursor_visible()

    def action_move(self, rows: int) -> None:
        self._move_to(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        self._move_to(self.cursor + pages * max(1, self.size.height - 2))

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self.rows) - 1)

    def _move_to(self, index: int) -> None:
        if not len(self.rows):
            return
        before, self.cursor = self.cursor, max(0, min(index, len(self.rows) - 1))
        self._key = self.rows.key(self.cursor)
        self._keep_cursor_visible()
        self._refresh_row(before)
        self._refresh_row(self.cursor)
        if before != self.cursor:
            self.post_message(self.CursorMoved(self))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Move the cursor along with the wheel and the scrollbar. Otherwise the next frame would scroll back to it."""
        super().watch_scroll_y(old_value, new_value)
        self._move_to(max(round(new_value), min(self.cursor, round(new_value) + self._page - 1)))

    @property
    def _page(self) -> int:
        """How many rows are visible at once."""
        return max(1, self.size.height - 1)

    def _keep_cursor_visible(self) -> None:
        top = self.scroll_offset.y
        wanted = min(max(top, self.cursor - self._page + 1), self.cursor)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)

    def _column_at(self, x: int) -> Column[Row] | None:
        return next((each.column for each in self._laid_out if each.x <= x < each.x + each.width + GAP), None)

    def tip_at(self, at: Offset) -> str:
        """A head explains its column."""
        column = self._column_at(at.x) if at.y == 0 else None
        return column.help if column else ""

    def on_click(self, event: events.Click) -> None:
        position = event.get_content_offset(self)
        if position is None:
            return
        if position.y == 0:
            if (column := self._column_at(position.x)) is not None:
                self.post_message(self.HeadClicked(self, column))
            return
        index = position.y - 1 + self.scroll_offset.y
        if index < len(self.rows):
            self._move_to(index)
            if event.chain == 2:
                self.post_message(self.RowChosen())
