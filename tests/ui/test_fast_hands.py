"""Keys and clicks that come faster than a dialog opens, is filled or closes."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from rich.style import Style
from textual import events
from textual.command import CommandList
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static

from tests.support.monitor_pilot import Stage, key_event, monitor, mouse
from tests.support.monitor_samples import lab
from tests.ui.test_namespaces import BLUE, HOME, catalog, opened
from twtop.namespaces import Netns, NetnsListing
from twtop.ui.app import TwtopApp
from twtop.ui.dialogs.namespaces import Choices
from twtop.ui.kit.command_palette import Palette
from twtop.ui.monitor import Monitor


def is_back(stage: Stage) -> bool:
    return [*map(type, stage.app.screen_stack)] == [Monitor]


def has_left(stage: Stage) -> bool:
    return stage.app._exit or not stage.app.is_running


@pytest.mark.parametrize(
    "keys", ["enter q", "enter enter", "enter escape", "q q", "escape enter", "enter N", "q ctrl+p"]
)
async def test_the_namespaces_are_left_twice(keys: str) -> None:
    """The first key counts. What the second one finds may be the monitor, which q leaves."""
    visited: list[Netns] = []
    async with monitor(lab(), catalog=catalog(HOME, BLUE, visited=visited)) as stage:
        await opened(stage, "blue")
        await stage.burst("down", *keys.split())
        if has_left(stage):
            assert keys.endswith("q")
            return
        if keys.startswith("enter"):
            await stage.until(lambda: visited, "the move")
        await stage.press("escape", "escape")
        await stage.until(lambda: is_back(stage), "the monitor alone")
        assert visited == [BLUE] * keys.startswith("enter")


async def test_a_command_is_clicked_that_has_just_gone() -> None:
    """It stays painted for a moment, while the palette searches anew."""
    async with monitor(lab()) as stage:
        await stage.press("ctrl+p")
        await stage.until_shown("List of marks")
        commands = stage.app.screen.query_one(CommandList)
        click = mouse(events.Click, *stage.where(commands, "List of marks"), button=1)
        click.style = Style(meta={"option": 3})
        commands.clear_options()
        commands.post_message(click)
        await stage.at_rest()
        assert isinstance(stage.app.screen, Palette)


@pytest.mark.parametrize("times", [2, 3])
async def test_a_namespace_is_clicked_twice(times: int) -> None:
    visited: list[Netns] = []
    async with monitor(lab(), catalog=catalog(HOME, BLUE, visited=visited)) as stage:
        await opened(stage, "blue")
        await stage.click(stage.app.screen.query_one(Choices), "blue", times=times)
        await stage.until_shown("netns blue")
        assert is_back(stage)
        assert visited == [BLUE]


@pytest.mark.parametrize("key", ["pagedown", "pageup", "down", "up", "j", "k", "g", "G", "home", "end", "enter"])
@pytest.mark.parametrize("found", [(), (HOME, BLUE)], ids=len)
async def test_keys_before_the_namespaces_are_there(key: str, found: tuple[Netns, ...]) -> None:
    go = threading.Event()

    def slow() -> NetnsListing:
        go.wait(30)
        return NetnsListing(found, 0)

    async with monitor(lab(), catalog=replace(catalog(), listing=slow)) as stage:
        await opened(stage, "looking into all processes")
        await stage.press(key)
        go.set()
        await stage.until(lambda: not stage.shows("looking into"), "the namespaces")
        await stage.press(key)
        await stage.press("escape")
        await stage.until(lambda: is_back(stage), "the monitor alone")


@pytest.mark.parametrize(
    "keys", ["ctrl+p enter enter", "ctrl+p ctrl+p enter", "ctrl+p escape escape", "ctrl+p ctrl+p escape q"]
)
@pytest.mark.parametrize("over", ["", "question_mark", "w", "l"])
async def test_the_palette_is_opened_and_left_at_once(keys: str, over: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press(*over.split())
        await stage.burst(*keys.split())
        if not has_left(stage):
            await stage.press("escape", "escape")
            await stage.until(lambda: is_back(stage), "the monitor alone")


@pytest.mark.parametrize("label", ["help", "pause", "theme", "namespaces"])
async def test_a_command_is_chosen_twice(label: str) -> None:
    async with monitor(lab(), catalog=catalog(HOME, BLUE)) as stage:
        await stage.press("ctrl+p")
        await stage.paste(label)
        await stage.until_shown(label.capitalize())
        await stage.burst("enter", "enter", "enter")
        await stage.press("escape", "escape")
        await stage.until(lambda: is_back(stage), "the monitor alone")


@pytest.mark.parametrize("opens", ["question_mark", "w", "l", "N"])
@pytest.mark.parametrize("closes", ["q q", "escape escape", "escape q"])
async def test_a_dialog_is_closed_twice(opens: str, closes: str) -> None:
    """What the second key finds is the monitor, where Esc does nothing and q leaves."""
    async with monitor(lab(), catalog=catalog(HOME)) as stage:
        await stage.burst(opens, *closes.split())
        if not has_left(stage):
            await stage.until(lambda: is_back(stage), "the monitor alone")


async def test_no_search_begins_once_the_palette_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would find no list."""
    begun: list[str] = []
    async with monitor(lab()) as stage:
        await stage.press("ctrl+p")
        await stage.until_shown("Baseline")
        monkeypatch.setattr(Palette, "_gather_commands", lambda _, text: begun.append(text))
        screen = stage.app.screen
        assert isinstance(screen, Palette)
        screen.post_message(Input.Changed(screen.query_one(Input), "theme"))
        screen.dismiss()
        await stage.until(lambda: is_back(stage), "the monitor alone")
    assert begun == []


@pytest.mark.parametrize("opens", ["ctrl+p", "N"])
async def test_pages_in_a_list_that_has_no_room(opens: str) -> None:
    """It is filled before it is laid out."""
    async with monitor(lab(), catalog=catalog(HOME, BLUE)) as stage:
        await stage.press(opens)
        options = stage.app.screen.query_one(OptionList)
        await stage.until(lambda: options.option_count, "options")
        options.display = False
        await stage.at_rest()
        options.clear_options()
        options.add_options(["one", "two"])
        options.highlighted = 0
        for action in ("page_down", "page_up"):
            if isinstance(options, Choices):
                await options.run_action(action)
            else:
                await stage.press(action.replace("_", ""))
        await stage.at_rest()


@pytest.mark.parametrize("opens", ["question_mark", "w", "l", "N", "ctrl+p"])
async def test_a_dialog_is_opened_while_all_screens_close(opens: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual mounts nothing in a screen that is about to be removed."""
    push = TwtopApp.push_screen

    def push_and_close(app: TwtopApp, screen: Screen[Any], *how: Any) -> Any:
        pushed = push(app, screen, *how)
        screen._pruning = True
        return pushed

    async with monitor(lab(), catalog=catalog(HOME)) as stage:
        monkeypatch.setattr(TwtopApp, "push_screen", push_and_close)
        await stage.press(opens)
        assert not stage.app.screen.children


@pytest.mark.parametrize("steps", range(1, 6))
@pytest.mark.parametrize("opens", ["N", "ctrl+p"])
async def test_the_monitor_is_left_while_a_dialog_opens(opens: str, steps: int) -> None:
    """After each of the first steps of the event loop."""
    async with monitor(lab(), catalog=catalog(HOME)) as stage:
        stage.app.post_message(key_event(opens))
        for _ in range(steps):
            await asyncio.sleep(0)


async def test_a_click_on_a_text_that_has_just_been_removed() -> None:
    async with monitor(lab()) as stage:
        await stage.press("question_mark")
        text = stage.app.screen.query_one(Static)
        x, y = text.region.offset
        await text.remove()
        stage.app.screen._forward_event(mouse(events.MouseDown, x, y, button=1))
        await stage.press("escape")
        await stage.until(lambda: is_back(stage), "the monitor alone")
