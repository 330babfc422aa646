"""Help, “what happens”, the command palette, and the ways out."""

import pytest
from textual.containers import VerticalScroll

from tests.ui_scenes import lab
from tests.ui_stage import Stage, monitor
from twtop.ui.help import FILTERS
from twtop.ui.keys import MONITOR_KEYS, TABLE_KEYS

KEYS = (*MONITOR_KEYS, *TABLE_KEYS)


async def scrolled_through(stage: Stage) -> str:
    """Everything that the open panel shows from its top to its end."""
    panel = stage.app.screen.query_one(VerticalScroll)
    seen = stage.text
    while panel.scroll_offset.y < panel.max_scroll_y:
        await stage.press("pagedown")
        seen += stage.text
    return seen


@pytest.mark.parametrize("key", ["question_mark", "h", "f1"])
async def test_help_opens(key: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press(key)
        assert stage.shows("twtop help", "The filter language")


async def test_help_explains_every_key() -> None:
    async with monitor(lab(), size=(200, 80)) as stage:
        await stage.press("question_mark")
        lines = [line.strip(" │") for line in stage.lines]
        explained = [key for key in KEYS for line in lines if line.startswith(key.cap) and line.endswith(key.help)]
        assert explained == list(KEYS)


async def test_help_explains_the_filter_language() -> None:
    async with monitor(lab(), size=(200, 80)) as stage:
        await stage.press("question_mark")
        assert [example for example, _ in FILTERS if not stage.shows(example)] == []


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_help_scrolls_where_it_is_too_long(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await stage.press("question_mark")
        assert not stage.shows("Gauge:")
        assert "Gauge:" in await scrolled_through(stage)


@pytest.mark.parametrize("key", ["escape", "q", "question_mark", "enter"])
async def test_help_closes(key: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press("question_mark", key)
        assert stage.shows("Peers", "10.0.0.5")
        assert not stage.shows("twtop help")
        assert stage.app.return_value is None
        assert stage.app.is_running


async def test_what_happens_at_this_many() -> None:
    async with monitor(lab(), size=(120, 60)) as stage:
        await stage.press("w")
        assert stage.shows("What happens at 1,630 TIME_WAIT?")


@pytest.mark.parametrize("key", ["escape", "w", "q"])
async def test_what_happens_closes(key: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press("w", key)
        assert stage.shows("Peers", "10.0.0.5")
        assert not stage.shows("What happens at")


async def test_the_palette_lists_every_key_once() -> None:
    async with monitor(lab(), size=(160, 150)) as stage:
        await stage.press("ctrl+p")
        await stage.until_shown("Theme")
        titles = [line.strip() for line in stage.lines]
        assert [key.label for key in KEYS if titles.count(key.label.capitalize()) != 1] == []
        assert [key.help for key in KEYS if not stage.shows(f"{key.help} ({key.cap})")] == []


@pytest.mark.parametrize(
    ("label", "seen"),
    [
        ("pause", "paused"),
        ("group by", "Destinations"),
        ("what happens", "What happens at 1,630"),
        ("filter", "Esc restore"),
        ("sockets", "830 sockets"),
        ("slower", "every 10 s"),
        ("timeline", "entries per second in the last 60 s"),
    ],
)
async def test_the_palette_runs_what_it_lists(label: str, seen: str) -> None:
    async with monitor(lab(), interval=5.0) as stage:
        await stage.press("ctrl+p")
        await stage.paste(label)
        await stage.until_shown(label.capitalize())
        await stage.press("enter")
        await stage.until_shown(seen)


async def test_the_palette_moves_the_selection() -> None:
    async with monitor(lab()) as stage:
        await stage.press("ctrl+p")
        await stage.paste("last row")
        await stage.until_shown("Last row")
        await stage.press("enter")
        await stage.until(lambda: stage.peers.cursor == len(stage.peers.rows) - 1, "the last row to be selected")


@pytest.mark.parametrize(("key", "status"), [("q", 0), ("ctrl+q", 0), ("ctrl+c", 130)])
async def test_leave(key: str, status: int) -> None:
    async with monitor(lab()) as stage:
        await stage.press(key)
        await stage.ended()
        assert stage.app.return_code == status


@pytest.mark.parametrize("opened", ["slash", "question_mark", "w", "enter", "ctrl+p"])
async def test_ctrl_c_leaves_from_everywhere(opened: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press(opened, "ctrl+c")
        await stage.ended()
        assert stage.app.return_code == 130
