"""A monitor without a terminal: what it has painted, as text, and how to wait for it."""

import asyncio
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual import events
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets._tooltip import Tooltip

import twtop.ui
from tests.support.at_rest import at_rest
from tests.support.known_owners import ByInode, InstantSearch, NoGlimpses
from tests.support.monitor_samples import Script, Tick
from twtop.engine.engine import Engine
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.processes.detail import ProcessDetail
from twtop.sources.source import OpenSource
from twtop.ui.app import TwtopApp
from twtop.ui.dialogs.namespaces import NetnsCatalog
from twtop.ui.kit.table import Table
from twtop.ui.monitor import Monitor
from twtop.ui.panels.peers import PeersTable
from twtop.ui.panels.process import ReadProcess
from twtop.ui.panels.sockets import SocketsTable
from twtop.ui.theme_file import ThemeFile

Value = TypeVar("Value")
Mouse = TypeVar("Mouse", bound=events.MouseEvent)

SIZES = ((80, 24), (120, 40), (60, 20))
LIMIT_S = 30
POLL_S = 0.005
NEVER = 3600.0
"""An interval at which only the first sample comes by itself, and the others by `Stage.tick`."""


def key_event(key: str) -> events.Key:
    """A key by its character or by Textual's name of it, as a terminal sends it."""
    if len(key) == 1:
        return events.Key(_character_to_key(key), key)
    try:
        return events.Key(key, unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key))))
    except KeyError:
        return events.Key(key, None)


class PatientApp(TwtopApp):
    """Its notes stay, since a busy machine may look at them late."""

    CSS_PATH = str(Path(twtop.ui.__file__).with_name(TwtopApp.CSS_PATH))

    def notify(self, message: str, **how: Any) -> None:
        super().notify(message, **how | {"timeout": NEVER})


def mouse(kind: type[Mouse], x: float, y: float, button: int = 0) -> Mouse:
    """What the mouse does over a cell of the screen."""
    x, y, turned = int(x), int(y), {events.MouseScrollDown: 1, events.MouseScrollUp: -1}.get(kind, 0)
    return kind(None, x, y, 0, turned, button, False, False, False, x, y)


@dataclass
class Stage:
    """A running monitor and the script that it reads."""

    app: TwtopApp
    monitor: Monitor
    script: Script
    _clock: float = 0.0

    @property
    def strips(self) -> list[Strip]:
        """The screen as painted: a line that nobody asked to paint again is as old here as on a terminal."""
        return self.app.screen._compositor.render_strips()

    @property
    def lines(self) -> list[str]:
        return [strip.text for strip in self.strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def line(self, text: str) -> str:
        """The topmost painted line that holds this text."""
        for line in self.lines:
            if text in line:
                return line
        return pytest.fail(f"no line with {text!r} on\n{self.text}")

    def shows(self, *texts: str) -> bool:
        painted = self.text
        return all(text in painted for text in texts)

    @property
    def frame(self) -> Frame:
        assert self.monitor.frame is not None
        return self.monitor.frame

    @property
    def peers(self) -> PeersTable:
        return self.monitor.query_one(PeersTable)

    @property
    def sockets(self) -> SocketsTable:
        return self.monitor.query_one(SocketsTable)

    async def press(self, *keys: str) -> None:
        """Keys one after the other, each when what the one before it did is done and painted."""
        for key in keys:
            await self.burst(key)

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def burst(self, *keys: str) -> None:
        """Keys that come all at once, as over a slow line."""
        await self.send(*map(key_event, keys))

    async def paste(self, text: str) -> None:
        """The text at once, as a terminal hands on what is pasted."""
        await self.send(events.Paste(text))

    async def resize(self, width: int, height: int) -> None:
        """The terminal gets this size."""
        size = Size(width, height)
        await self.send(events.Resize(size, size))

    async def send(self, *sent: events.Event) -> None:
        """Events as a terminal's driver posts them, all at once; return when what they did is done and painted."""
        for event in sent:
            self.app.post_message(event)
        await self.at_rest()

    async def at_rest(self) -> None:
        """Wait until nothing is under way: what is asked for is answered, and everything is painted."""
        with self.script.held(self._reads_often):
            await at_rest(self.app, self._is_answered)

    @property
    def _reads_often(self) -> bool:
        """Whether frames come so often that a busy machine never rests."""
        return self.monitor.engine.interval < 1 and not self.monitor.engine.paused

    def _is_answered(self) -> bool:
        """Whether the engine rests, and so has told all that it can tell by now.

        One that reads often does not rest: there the view that is asked for is enough.
        """
        if self._reads_often and self.monitor.frame and self.monitor.frame.view == self.monitor.engine.view:
            return True
        engine = self.monitor.engine._engine
        busy = sum(thread.is_alive() for thread in engine._threads) - len(engine._changed._waiters)  # type: ignore[attr-defined]
        return busy == self.script.holds

    async def until(self, condition: Callable[[], Value | None], what: str = "") -> Value:
        """The first true value of `condition`, once the screen rests; fails when it has none within the limit."""
        deadline = time.monotonic() + LIMIT_S
        while not (value := condition()):
            if self.app._exception is not None:
                raise self.app._exception
            if time.monotonic() > deadline:
                pytest.fail(f"waited {LIMIT_S} s in vain for: {what or condition}\n{self.text}")
            await asyncio.sleep(POLL_S)
        await self.at_rest()
        return value

    async def until_shown(self, *texts: str) -> None:
        await self.until(lambda: self.shows(*texts), f"{texts} on the screen")

    async def leave(self) -> None:
        """Leave the app as its keys do. Textual's own way to end a test closes screens while messages go to them."""
        if not self.app._exit:
            self.app.exit()
        await self.ended()

    async def ended(self) -> None:
        """Wait until the app has left; nothing is painted after that."""
        deadline = time.monotonic() + LIMIT_S
        while self.app.is_running:
            assert time.monotonic() < deadline, f"the monitor still runs after {LIMIT_S} s"
            await asyncio.sleep(0.005)

    async def tick(self) -> None:
        """Read the script's next tick and wait until its frame is drawn."""
        before = self.frame.tick
        self.monitor.action_refresh()
        await self.until(lambda: self.frame.tick > before, "the next tick")

    def where(self, widget: Widget, text: str) -> tuple[int, int]:
        """The cell of the screen where this widget shows this text first."""
        region = widget.content_region
        for y in range(region.height):
            x = self.strips[region.y + y].crop(region.x, region.right).text.find(text)
            if x >= 0:
                return region.x + x, region.y + y
        return pytest.fail(f"no {text!r} in {widget}\n{self.text}")

    async def click(self, widget: Widget, text: str, times: int = 1) -> None:
        """Click where this widget shows this text."""
        await self.click_at(*self.where(widget, text), times)

    async def click_at(self, x: int, y: int, times: int = 1) -> None:
        """Click this cell of the screen. Clicks of one call are near in time, and far from those of all others."""
        clicks = [mouse(kind, x, y, button=1) for _ in range(times) for kind in (events.MouseDown, events.MouseUp)]
        self._clock += 2 * self.app.CLICK_CHAIN_TIME_THRESHOLD
        for click in clicks:
            click.time = self._clock
        await self.send(*clicks)

    async def hover(self, widget: Widget, text: str) -> None:
        """Take the mouse off the tip that may cover it, then rest it where this widget shows this text."""
        tip = self.monitor.query_one(Tooltip)
        await self.send(mouse(events.MouseMove, 0, 0))
        await self.until(lambda: not tip.display, "no tip")
        await self.send(mouse(events.MouseMove, *self.where(widget, text)))

    async def wheel_down(self, widget: Widget) -> None:
        """Turn the mouse wheel by one notch in the middle of a widget."""
        await self.send(mouse(events.MouseScrollDown, *widget.region.center))

    async def wheel_up(self, widget: Widget) -> None:
        """Turn it back."""
        await self.send(mouse(events.MouseScrollUp, *widget.region.center))


@asynccontextmanager
async def monitor(
    *ticks: Tick,
    size: tuple[int, int] = (120, 40),
    view: View | None = None,
    interval: float = NEVER,
    owners: ByInode | None = None,
    read_process: ReadProcess = ProcessDetail,
    hidden: Iterable[int] = (),
    open_source: OpenSource | None = None,
    catalog: NetnsCatalog | None = None,
    theme_file: ThemeFile | None = None,
) -> AsyncIterator[Stage]:
    """The monitor over these ticks, or a source, once it has drawn the first of them (or said why it cannot)."""
    script, shown = Script(ticks), view or View()
    engine = Engine(
        open_source or script, shown, interval, search=lambda: InstantSearch(owners or {}, hidden), glimpses=NoGlimpses
    )
    app = PatientApp(engine, shown, interval, catalog=catalog, theme_file=theme_file, read_process=read_process)
    async with app.run_test(size=size, notifications=True, tooltips=True):
        assert isinstance(app.screen, Monitor)
        stage = Stage(app, app.screen, script)
        try:
            await stage.until(lambda: stage.monitor.frame or stage.shows("sock"), "the first frame")
            yield stage
        finally:
            await stage.leave()


def rows(stage: Stage, table: Table[Any]) -> list[str]:
    """The lines that a table has painted below its head, without the empty ones."""
    region = table.scrollable_content_region
    painted = [strip.crop(region.x, region.right).text.rstrip() for strip in stage.strips[region.y : region.bottom]]
    return [line for line in painted[1:] if line]


def head(stage: Stage, table: Table[Any]) -> str:
    """The line with a table's column heads."""
    region = table.scrollable_content_region
    return stage.strips[region.y].crop(region.x, region.right).text


def selected(stage: Stage, table: Table[Any]) -> str:
    """The row that a table has painted as the selected one."""
    region, colour = table.scrollable_content_region, table.component_style("table--cursor").bgcolor
    for strip in stage.strips[region.y + 1 : region.bottom]:
        line = strip.crop(region.x, region.right)
        if any(segment.style and segment.style.bgcolor == colour for segment in line):
            return line.text
    return pytest.fail(f"no selected row on\n{stage.text}")


async def scrolled_through(stage: Stage) -> str:
    """Everything that the open panel shows from its top to its end."""
    panel = stage.app.screen.query_one(VerticalScroll)
    content, seen = panel.children[0], stage.text
    top = content.region.y + panel.scroll_y

    def painted() -> bool:
        return panel.scroll_y == panel.scroll_target_y and content.region.y + panel.scroll_y == top

    while panel.scroll_offset.y < panel.max_scroll_y:
        await stage.press("pagedown")
        await stage.until(painted, "the end of the scrolling")
        seen += "\n" + stage.text
    return seen
