"""Help, “what happens”, the command palette, and the ways out."""

from pathlib import Path

import pytest
from textual.containers import VerticalScroll

from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import lab
from twtop.formatting import clock
from twtop.ui.dialogs.help import FILTERS
from twtop.ui.keys import ALL_KEYS, MONITOR_KEYS, TABLE_KEYS
from twtop.ui.panels.footer import KeyFooter

KEYS = (*MONITOR_KEYS, *TABLE_KEYS)


async def scrolled_through(stage: Stage) -> str:
    """Everything that the open panel shows from its top to its end."""
    panel = stage.app.screen.query_one(VerticalScroll)
    seen = stage.text
    while panel.scroll_offset.y < panel.max_scroll_y:
        await stage.press("pagedown")
        seen += stage.text
    return seen


async def test_help_opens_and_closes() -> None:
    async with monitor(lab()) as stage:
        for opens, closes in (("question_mark", "escape"), ("h", "q"), ("f1", "question_mark"), ("h", "enter")):
            await stage.press(opens)
            assert stage.shows("twtop help", "Filter by port"), opens
            await stage.press(closes)
            assert not stage.shows("twtop help"), closes
            assert stage.shows("● live", "10.0.0.5")


async def test_help_explains_every_key() -> None:
    async with monitor(lab(), size=(200, 80)) as stage:
        await stage.press("question_mark")
        lines = [line.strip(" │") for line in stage.lines]
        explained = [key for key in ALL_KEYS for line in lines if line.startswith(key.cap) and line.endswith(key.help)]
        assert explained == list(ALL_KEYS)


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


async def test_what_happens_opens_and_closes() -> None:
    async with monitor(lab()) as stage:
        for closes in ("escape", "w", "q"):
            await stage.press("w")
            assert stage.shows("What happens at 1,630 TIME_WAIT?")
            await stage.press(closes)
            assert not stage.shows("What happens at"), closes
            assert stage.shows("● live", "10.0.0.5")


@pytest.mark.parametrize("opens", ["question_mark", "w"])
async def test_a_long_panel_scrolls_by_the_keys_that_move_in_a_table(opens: str) -> None:
    async with monitor(lab(), size=(80, 24)) as stage:
        await stage.press(opens)
        panel = stage.app.screen.query_one(VerticalScroll)

        async def at(key: str) -> float:
            await stage.press(key)
            await stage.until(lambda: panel.scroll_y == panel.scroll_target_y, "the end of the scrolling")
            return panel.scroll_y

        assert [await at(key) for key in ("j", "j", "k")] == [1, 2, 1]
        assert await at("G") == panel.max_scroll_y > 5
        assert await at("g") == 0
        assert await at("pagedown") > 5
        assert await at("pageup") == 0


async def test_what_happens_says_of_which_moment_it_is() -> None:
    """It stays as it is while the monitor goes on."""
    async with monitor(lab(), lab(at=5), size=(160, 40)) as stage:
        await stage.press("w")
        await stage.until_shown("What happens")
        opened_at = stage.line("What happens")
        assert clock(stage.frame.snapshot.time) in opened_at
        await stage.tick()
        assert clock(stage.frame.snapshot.time) not in opened_at
        assert stage.line("What happens") == opened_at


@pytest.mark.parametrize("opens", ["question_mark", "w", "l"])
async def test_over_a_panel_the_palette_has_what_works_there(opens: str) -> None:
    async with monitor(lab(), size=(160, 50)) as stage:
        await stage.press(opens, "ctrl+p")
        await stage.until_shown("Theme")
        listed = [each.title for each in stage.app.get_system_commands(stage.app.screen_stack[1])]
        assert listed == ["Save screen", "Suspend", "Theme", "Quit"]
        assert stage.shows(*listed)


@pytest.mark.parametrize(("label", "seen"), [("save screen", "Saved as"), ("theme", "gruvbox")])
async def test_over_a_panel_the_palette_runs_what_it_lists(
    label: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with monitor(lab(), size=(160, 50)) as stage:
        await stage.press("w", "ctrl+p")
        await stage.paste(label)
        await stage.until_shown(label.capitalize())
        await stage.press("enter")
        await stage.until_shown(seen)
    for picture in tmp_path.iterdir():
        painted = picture.read_text("utf-8").replace("&#160;", " ")
        assert "What happens at 1,630" in painted
        assert label not in painted


async def test_over_a_panel_the_palette_leaves() -> None:
    async with monitor(lab(), size=(160, 50)) as stage:
        await stage.press("w", "ctrl+p")
        await stage.paste("quit")
        await stage.until_shown("Quit")
        await stage.press("enter")
        await stage.ended()


async def test_the_palette_lists_every_key_once() -> None:
    async with monitor(lab(), size=(160, 150)) as stage:
        await stage.press("ctrl+p")
        await stage.until_shown("Theme")
        titles = [line.strip() for line in stage.lines]
        assert [key.label for key in KEYS if titles.count(key.label.capitalize()) != 1] == []
        assert [key.help for key in KEYS if not stage.shows(f"{key.help} ({key.cap})")] == []
        assert {"Keys", "Maximize", "Screenshot"}.isdisjoint(titles)  # Textual's, which do not know this screen


@pytest.mark.parametrize(
    ("label", "seen"),
    [
        ("pause", "paused"),
        ("slower", "every 10 s"),
        ("what happens", "What happens at 1,630"),
        ("filter", "Esc restore"),
        ("sockets", "830 sockets"),
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


async def test_a_click_on_the_footer_presses_the_key() -> None:
    async with monitor(lab()) as stage:
        footer = stage.monitor.query_one(KeyFooter)
        await stage.click(footer, "pause")
        assert stage.shows("⏸ paused")
        await stage.click(footer, "help")
        assert stage.shows("twtop help")


@pytest.mark.parametrize(("key", "status"), [("q", 0), ("ctrl+q", 0), ("ctrl+c", 130)])
async def test_leave(key: str, status: int) -> None:
    async with monitor(lab()) as stage:
        await stage.press(key)
        await stage.ended()
        assert stage.app.return_code == status


@pytest.mark.parametrize("opened", ["slash", "question_mark", "ctrl+p"])
async def test_ctrl_c_leaves_from_everywhere(opened: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press(opened, "ctrl+c")
        await stage.ended()
        assert stage.app.return_code == 130


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)], ids=str)
async def test_claims_hang_beside_their_verdicts(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await stage.press("w")
        edge = stage.line("What happens at").index("╭")
        lines = [line[edge + 1 :].partition("│")[0] for line in stage.lines if line[edge : edge + 1] == "│"]
        claims = [line for line in lines if line.strip()]
        assert claims[0].startswith("  FALSE   The server runs out of ports")
        assert all(line[2:10].strip() in ("", "FALSE", "PARTLY", "TRUE") for line in claims)
        assert all(line[10] != " " for line in claims)
