"""The order of the rows: by the next column, reversed, or by the column whose head was clicked."""

from collections.abc import Callable
from typing import Any

from twtop.columns.column import Column
from twtop.frame.view import SocketSort
from twtop.ui.engine_holder import EngineHolder
from twtop.ui.kit.table import Table
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.sockets import SocketsTable


class Sort:
    """The peers table sorts its rows itself; the sockets come sorted from the engine. `table` is the one meant."""

    def __init__(self, engine: EngineHolder, table: Callable[[], PeersTable | SocketsTable]) -> None:
        self._engine = engine
        self._table = table

    def by_next_column(self) -> None:
        table = self._table()
        column, _ = self._order(table)
        if column is not None:
            self._by(table, table.order_after(column), reverse=False)

    def reverse(self) -> None:
        table = self._table()
        column, reverse = self._order(table)
        if column is not None:
            self._by(table, column, reverse=not reverse)

    def by_head(self, table: Table[Any], column: Column[Any]) -> None:
        """By this column; in the reverse order if the rows are sorted by it already."""
        now, reverse = self._order(table)
        self._by(table, column, reverse=column is now and not reverse)

    def _order(self, table: Table[Any]) -> tuple[Column[Any] | None, bool]:
        """(column, reverse) as they were asked for last, whether the sockets have come yet or not."""
        if isinstance(table, SocketsTable):
            view = self._engine.view
            return next(column for column in table.columns if column.sort is view.socket_sort), view.reverse
        return table.sorted_by, table.reverse

    def _by(self, table: Table[Any], column: Column[Any], reverse: bool) -> None:
        if isinstance(table, PeersTable) and column.sort is not None:
            table.sort_by(column, reverse)
        elif isinstance(table, SocketsTable) and isinstance(column.sort, SocketSort):
            self._engine.show(socket_sort=column.sort, reverse=reverse)
