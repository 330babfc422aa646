"""How columns share the width of a table: which grow, which shrink, and which give way."""

from collections.abc import Sequence
from typing import Generic

from twtop.columns.column import Column, Row
from twtop.records import dataclass

GAP = 1
ESSENTIAL, MUST = 7, 99
"""Priorities from which a column would rather shrink than go, and which none has."""


@dataclass(frozen=True)
class Slot(Generic[Row]):
    """The cells that a column got: `width` of them from cell `x` on."""

    column: Column[Row]
    x: int
    width: int


def lay_out(columns: Sequence[Column[Row]], width: int, wanted: Sequence[int] = ()) -> list[Slot[Row]]:
    """Lay columns out in `width` cells. `wanted` are the widths to begin with, by default the columns' own.

    Where room is short, columns of low priority are left out first; then the essential ones shrink; then they are left
    out too. Spare room goes evenly to the columns that may grow.
    """
    kept, widths = list(columns), list(wanted or [column.width for column in columns])

    def excess() -> int:
        return sum(widths) + GAP * (len(widths) - 1) - width

    def drop_least(below: int) -> bool:
        weakest = min(range(len(kept) - 1, -1, -1), key=lambda i: kept[i].priority)
        if len(kept) == 1 or kept[weakest].priority >= below:
            return False
        del kept[weakest], widths[weakest]
        return True

    while excess() > 0 and drop_least(ESSENTIAL):
        pass
    for i in sorted(range(len(kept)), key=lambda i: kept[i].priority):
        widths[i] -= max(0, min(excess(), widths[i] - (kept[i].least or kept[i].width)))
    while excess() > 0 and drop_least(MUST):
        pass
    growing = [i for i, column in enumerate(kept) if column.most > widths[i]]
    while growing and excess() < 0:
        for i in growing:
            widths[i] += excess() < 0
        growing = [i for i in growing if kept[i].most > widths[i]]
    starts = [sum(widths[:i]) + GAP * i for i in range(len(kept))]
    return [Slot(*each) for each in zip(kept, starts, widths, strict=True)]
