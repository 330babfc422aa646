"""Only lines that changed are painted again."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from twtop.ui.columns import Column
from twtop.ui.lines import TONE_CLASSES, Line, LinePanel, Tone
from twtop.ui.palette import palette
from twtop.ui.widgets.table import Table


class NotedPanel(LinePanel):
    """Notes which of its lines are painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class NotedTable(Table[str]):
    """The same for a table; its head is line 0."""

    def __init__(self) -> None:
        super().__init__([Column("word", "WORD", 10, _word, "", right=False)], "nothing", id="peers")
        self.painted: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class Words:
    """Rows of single words, which are their keys too."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def __len__(self) -> int:
        return len(self._words)

    def row(self, index: int) -> str:
        return self._words[index]

    def key(self, index: int) -> Hashable:
        return self._words[index].split()[0]

    def find(self, key: Hashable) -> int | None:
        return next((index for index in range(len(self)) if self.key(index) == key), None)


def _word(row: str, _width: int) -> Line:
    return ((row, Tone.PLAIN),)


def text(words: str) -> tuple[Line, ...]:
    """A line for each word."""
    return tuple(((word, Tone.PLAIN),) for word in words.split())


class Holder(App[None]):
    """Shows one widget and nothing else."""

    CSS_PATH = "../twtop/ui/twtop.tcss"
    COMPONENT_CLASSES: ClassVar[set[str]] = TONE_CLASSES

    def get_css_variables(self) -> dict[str, str]:
        variables = super().get_css_variables()
        return variables | palette(variables, dark=True, ansi=False)

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self._held = widget

    def compose(self) -> ComposeResult:
        yield self._held


@asynccontextmanager
async def shown(widget: NotedPanel | NotedTable) -> AsyncIterator[Pilot[None]]:
    """The widget, painted once."""
    async with Holder(widget).run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        widget.painted.clear()
        yield pilot


async def repainted(pilot: Pilot[None], widget: NotedPanel | NotedTable) -> set[int]:
    """The lines that are painted since the last call."""
    await pilot.pause()
    lines = set(widget.painted)
    widget.painted.clear()
    return lines


async def test_a_panel_paints_what_changed() -> None:
    panel = NotedPanel()
    async with shown(panel) as pilot:
        for words, expected in (
            ("one two three", {0, 1, 2}),
            ("one two three", set()),
            ("one 2 three", {1}),
            ("one 2 three four", {3}),
            ("one", {1, 2, 3}),
            ("", {0}),
        ):
            panel.show(text(words))
            assert await repainted(pilot, panel) == expected, words


async def test_a_panel_paints_another_tone() -> None:
    panel = NotedPanel()
    async with shown(panel) as pilot:
        panel.show(text("one two"))
        await repainted(pilot, panel)
        panel.show((*text("one"), (("two", Tone.WARN),)))
        assert await repainted(pilot, panel) == {1}


async def test_a_table_paints_what_changed() -> None:
    table = NotedTable()
    async with shown(table) as pilot:
        table.show(Words("a 1", "b 1", "c 1"))
        await repainted(pilot, table)
        for words, expected in (
            (("a 1", "b 1", "c 1"), set()),
            (("a 1", "b 2", "c 1"), {2}),
            (("a 1", "b 2", "c 2"), {3}),
        ):
            table.show(Words(*words))
            assert await repainted(pilot, table) == expected, words


async def test_a_table_paints_both_rows_when_the_cursor_moves() -> None:
    table = NotedTable()
    async with shown(table) as pilot:
        table.show(Words("a", "b", "c", "d"))
        table.focus()
        await repainted(pilot, table)
        await pilot.press("down")
        assert await repainted(pilot, table) == {1, 2}


async def test_a_table_paints_the_cursor_where_its_row_went() -> None:
    table = NotedTable()
    async with shown(table) as pilot:
        table.show(Words("a", "b", "c", "d"))
        table.action_move(1)
        await repainted(pilot, table)
        table.show(Words("b", "a", "c", "d"))
        assert await repainted(pilot, table) >= {1, 2}
        table.show(Words("x", "y", "b", "d"))
        assert await repainted(pilot, table) >= {1, 2, 3}


async def test_a_cursor_that_moves_among_equal_lines_is_painted() -> None:
    table = NotedTable()
    async with shown(table) as pilot:
        table.show(Twins("left", "right"))
        await repainted(pilot, table)
        table.show(Twins("right", "left"))
        assert await repainted(pilot, table) == {1, 2}


class Twins(Words):
    """Rows of different keys that look the same."""

    def row(self, index: int) -> str:  # noqa: ARG002
        return "twin"
