"""Columns as data: what each shows, how wide it may be, how it sorts, and when it gives way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from twtop.frame import SocketSort
from twtop.groups import Groups
from twtop.ui.lines import Line

Row = TypeVar("Row")

GAP = 1


@dataclass(frozen=True)
class Column(Generic[Row]):
    """`cell(row, width)` draws; a column takes `width` cells and up to `most`; those of low priority give way first.

    `order` gives the sort keys of all groups, ascending; `sort` names the order of single sockets.
    """

    name: str
    title: str
    width: int
    cell: Callable[[Row, int], Line]
    help: str
    most: int = 0
    right: bool = True
    priority: int = 5
    order: Callable[[Groups], NDArray[Any]] | None = None
    sort: SocketSort | None = None


@dataclass(frozen=True)
class Placed(Generic[Row]):
    """A column with the cells it got."""

    column: Column[Row]
    x: int
    width: int


def place(columns: Sequence[Column[Row]], width: int) -> list[Placed[Row]]:
    """Lay columns out in `width` cells: drop what does not fit, then share the rest among those that may grow."""
    kept = list(columns)
    while len(kept) > 1 and sum(column.width + GAP for column in kept) - GAP > width:
        kept.remove(min(reversed(kept), key=lambda column: column.priority))
    widths = [column.width for column in kept]
    spare = width - sum(widths) - GAP * (len(kept) - 1)
    for i, column in sorted(enumerate(kept), key=lambda item: -item[1].priority):
        more = max(0, min(spare, column.most - column.width))
        widths[i] += more
        spare -= more
    placed, x = [], 0
    for column, cells in zip(kept, widths, strict=True):
        placed.append(Placed(column, x, cells))
        x += cells + GAP
    return placed
