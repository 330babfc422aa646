"""What a table shows of its rows, said once for the screen, batch text, CSV and JSON.

`twtop -1` loads all of this, so it is written without what takes long to make: a dataclass takes 0.13 ms.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from twtop.columns.field import Field, In
from twtop.columns.tones import Line
from twtop.frame.frame import Frame
from twtop.frame.view import GroupSort, SocketSort
from twtop.records import dataclass

Row = TypeVar("Row")
"""One visible row of a table."""
Many = TypeVar("Many")
"""Many rows in numpy columns."""


@dataclass(frozen=True, eq=False, repr=False)
class Column(Generic[Row]):
    """A column of the screen. `cell(row, width)` draws one row in `width` cells.

    The column begins with `width` cells, shrinks to `least` where room is short, and grows up to `most` where there is
    some; 0 is `width` for both. Columns of low `priority` go first. `help` explains the column in a tip and in the help
    panel. `sort` names the order that a click on the head asks for, None for none.
    """

    name: str
    title: str
    width: int
    cell: Callable[[Row, int], Line]
    help: str
    most: int = 0
    least: int = 0
    right: bool = True
    priority: int = 5
    sort: GroupSort | SocketSort | None = None


class Text(Generic[Many]):
    """A column of batch text, `width` cells wide: `lines` gives the text of each row. It has the head of its screen."""

    def __init__(self, width: int, lines: Callable[[Many], Iterable[str]]) -> None:
        self.width = width
        self.lines = lines


class Entry(Generic[Row, Many]):
    """One figure of a table, in each form that shows it. `records` have its `field`.

    `shown` says of a frame whether the screen and batch text have the figure; None is always.
    """

    def __init__(
        self,
        screen: Column[Row] | None = None,
        text: Text[Many] | None = None,
        field: Field[Many, Iterable[object]] | None = None,
        records: In = In.NOWHERE,
        *,
        shown: Callable[[Frame], bool] | None = None,
    ) -> None:
        self.screen = screen
        self.text = text
        self.field = field
        self.records = records
        self.shown = shown


class Registry(Generic[Row, Many]):
    """All entries of a table. Their order is that of the screen, of batch text, of CSV and of JSON."""

    def __init__(self, *entries: Entry[Row, Many]) -> None:
        self.entries: tuple[Entry[Row, Many], ...] = entries

    def columns(self, frame: Frame | None = None) -> tuple[Column[Row], ...]:
        """The columns of the screen that this frame has; without one, those that every frame has."""
        return tuple(entry.screen for entry in self._of(frame) if entry.screen is not None)

    def all_columns(self) -> tuple[Column[Row], ...]:
        """The columns of the screen that any frame may have."""
        return tuple(entry.screen for entry in self.entries if entry.screen is not None)

    def sorted_by(self, sort: GroupSort | SocketSort) -> Column[Row]:
        """The column of the screen that asks for this order."""
        return next(column for column in self.all_columns() if column.sort is sort)

    def texts(self, frame: Frame) -> list[tuple[Column[Row], Text[Many]]]:
        """The columns of batch text that this frame has, each with the one of the screen whose head it has."""
        return [(entry.screen, entry.text) for entry in self._of(frame) if entry.screen and entry.text]

    def _of(self, frame: Frame | None) -> list[Entry[Row, Many]]:
        return [entry for entry in self.entries if entry.shown is None or (frame is not None and entry.shown(frame))]

    def fields(self, record: In) -> list[Field[Many, Iterable[object]]]:
        """The fields of this kind of record, or of any of these."""
        return [entry.field for entry in self.entries if entry.field and entry.records & record]


def records(fields: Sequence[Field[Many, Iterable[object]]], many: Many) -> list[dict[str, object]]:
    """An object for each of the rows, with these fields."""
    names = [field.name for field in fields]
    columns = [field.value(many) for field in fields]
    return [dict(zip(names, row, strict=False)) for row in zip(*columns, strict=True)]
