"""Only lines that changed are painted again."""

from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region, Size
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from tests.support.at_rest import at_rest
from tests.support.monitor_pilot import monitor
from tests.support.monitor_samples import lab, scene
from tests.support.sock_diag_dump import many
from twtop.columns.column import Column
from twtop.columns.tones import Line, Tone
from twtop.frame.port_map import PortKind, cells
from twtop.sources.probe import Sample
from twtop.ui.kit.painter import TONE_CLASSES
from twtop.ui.kit.palette import palette
from twtop.ui.kit.panel import LinePanel
from twtop.ui.kit.plot import Plot, draw
from twtop.ui.kit.table import Table
from twtop.ui.monitor import Monitor
from twtop.ui.panels import port_map, timeline
from twtop.ui.panels.header import Header
from twtop.ui.panels.verdict_strip import VerdictStrip


class NotedPanel(LinePanel):
    """Notes which of its lines are painted."""

    def __init__(self) -> None:
        super().__init__()
        self.painted: list[int] = []
        self.asked = 0
        self._said: tuple[Line, ...] = ()

    def say(self, lines: tuple[Line, ...]) -> None:
        self._said = lines
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:  # noqa: ARG002
        self.asked += 1
        return self._said

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        return super().render_line(y)


class NotedTable(Table[str]):
    """The same for a table; its head is line 0."""

    def __init__(self) -> None:
        super().__init__([Column("word", "WORD", 10, _word, "", right=False)], "nothing", id="peers")
        self.painted: list[int] = []
        self.noted: Callable[[int, Strip], object] = lambda _y, _strip: None

    def render_line(self, y: int) -> Strip:
        self.painted.append(y)
        strip = super().render_line(y)
        self.noted(y, strip)
        return strip


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

    CSS_PATH = "../../twtop/ui/twtop.tcss"
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
        await at_rest(pilot.app)
        widget.painted.clear()
        yield pilot


async def repainted(pilot: Pilot[None], widget: NotedPanel | NotedTable) -> set[int]:
    """The lines that are painted since the last call."""
    await at_rest(pilot.app)
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
            panel.say(text(words))
            assert await repainted(pilot, panel) == expected, words


async def test_a_panel_paints_another_tone() -> None:
    panel = NotedPanel()
    async with shown(panel) as pilot:
        panel.say(text("one two"))
        await repainted(pilot, panel)
        panel.say((*text("one"), (("two", Tone.WARN),)))
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


async def test_a_hidden_panel_draws_nothing_until_it_is_seen_again() -> None:
    panel = NotedPanel()
    async with shown(panel) as pilot:
        panel.say(text("one two"))
        await repainted(pilot, panel)
        panel.display = False
        await at_rest(pilot.app)
        panel.asked = 0
        panel.say(text("one 2"))
        await at_rest(pilot.app)
        assert panel.asked == 0
        panel.display = True
        assert await repainted(pilot, panel) >= {0, 1}
        assert panel.lines == text("one 2")


async def test_a_table_is_painted_at_once_in_the_room_that_it_gets() -> None:
    """Not empty first, and with its rows once it has heard of its size."""
    table = NotedTable()
    table.display = False
    async with shown(table) as pilot:
        table.show(Words("a 1", "b 1"))
        await at_rest(pilot.app)
        looks: list[str] = []
        table.noted = lambda y, strip: looks.append(strip.text.strip()) if y == 1 else None
        table.display = True
        await at_rest(pilot.app)
        assert set(looks) == {"a 1"}


async def test_another_view_of_the_same_sockets_draws_no_new_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings: list[Plot] = []

    def noted(plot: Plot, *rest: Any) -> tuple[Line, ...]:
        drawings.append(plot)
        return draw(plot, *rest)

    monkeypatch.setattr(timeline, "draw", noted)
    async with monitor(lab(), lab(at=2), size=(160, 50)) as stage:
        await stage.until_shown("+60 s")
        drawings.clear()
        await stage.press("b")
        await stage.until_shown("Destinations")
        await stage.press("enter")
        await stage.until_shown("REMAINING")
        assert drawings == []
        await stage.tick()
        await stage.until(lambda: drawings, "new curves")


async def test_equal_ports_are_not_drawn_again_and_have_the_name_of_where_they_lead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawings: list[int] = []

    def noted(kinds: np.ndarray, width: int) -> list[PortKind]:
        drawings.append(width)
        return cells(kinds, width)

    def to(peer: str, at: float) -> Sample:
        return scene(many("10.0.0.1", f"{peer}:443", "TIME_WAIT", lports=range(33000, 33009), remaining=50), at=at)

    monkeypatch.setattr(port_map, "cells", noted)
    async with monitor(to("10.0.0.5", 0), to("10.0.0.5", 2), to("10.0.0.6", 4), size=(160, 50)) as stage:
        await stage.until_shown("Ports to 10.0.0.5")
        drawings.clear()
        await stage.tick()
        assert drawings == []
        await stage.tick()
        assert stage.shows("Ports to 10.0.0.6")


async def test_the_focus_does_not_paint_the_whole_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    refresh = Monitor.refresh

    def noted(screen: Monitor, *regions: Region, **how: bool) -> Monitor:
        asked.append(f"{regions} {how}")
        return refresh(screen, *regions, **how)

    async with monitor(lab()) as stage:
        await stage.until_shown("+60 s")
        monkeypatch.setattr(Monitor, "refresh", noted)
        await stage.press("tab")
        assert stage.monitor.focused is not stage.peers
        monkeypatch.undo()
    assert asked == []


async def test_the_sockets_open_without_painting_the_panels_above(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[type[LinePanel]] = []
    render_line = LinePanel.render_line

    def noted(panel: LinePanel, y: int) -> Strip:
        painted.append(type(panel))
        return render_line(panel, y)

    async with monitor(lab(), size=(160, 50)) as stage:
        await stage.until_shown("+60 s")
        monkeypatch.setattr(LinePanel, "render_line", noted)
        await stage.press("enter")
        await stage.until_shown("REMAINING")
        monkeypatch.undo()
    assert {Header, VerdictStrip, timeline.Timeline} & {*painted} == set()


async def test_the_same_title_paints_nothing() -> None:
    panel = NotedPanel()
    async with shown(panel) as pilot:
        panel.say(text("one two"))
        panel.entitle("title")
        await repainted(pilot, panel)
        panel.entitle("title")
        assert await repainted(pilot, panel) == set()
