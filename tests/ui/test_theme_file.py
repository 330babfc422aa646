"""The chosen theme is kept, and what somebody else wrote is left alone."""

import os
from pathlib import Path

import pytest

from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import lab
from twtop.ui.theme_file import ThemeFile, ThemeFileError

THEMES = ("nord", "dracula")
BROKEN = {
    "no such theme": b"solarised\n",
    "two lines": b"nord\ndracula\n",
    "no text": b"\xff\xfe\x00",
    "empty": b"",
    "an escape": b"\x1b[2J",
    "huge": b"x" * 100_000,
}


async def choose(stage: Stage, name: str) -> None:
    """By hand, in the palette."""
    await stage.press("ctrl+p")
    await stage.paste("theme")
    await stage.until_shown("Change the current theme")
    await stage.press("enter")
    await stage.until_shown("Search for themes")
    await stage.paste(name)
    await stage.until(lambda: stage.text.count(name) > 1, f"{name} to be found")
    await stage.press("enter")
    await stage.until(lambda: stage.app.theme == name, name)


def told(stage: Stage) -> list[str]:
    """What was said in the corner of the screen."""
    return [note.message for note in stage.app._notifications]


async def test_the_chosen_theme_comes_back(tmp_path: Path) -> None:
    kept = ThemeFile(tmp_path / "twtop" / "theme")
    async with monitor(lab(), theme_file=kept) as stage:
        before = stage.app.theme
        await choose(stage, "nord")
        await stage.until(kept.path.exists, "the file")
    assert (before, kept.path.read_text()) == ("textual-dark", "nord\n")
    async with monitor(lab(), theme_file=kept) as stage:
        assert stage.app.theme == "nord"
        await choose(stage, "dracula")
        await stage.until(lambda: kept.path.read_text() == "dracula\n", "the other name")
    assert [found.name for found in kept.path.parent.iterdir()] == ["theme"]


def test_a_user_without_a_home_has_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    assert ThemeFile.of_user() is None


async def test_nothing_is_written_until_one_is_chosen(tmp_path: Path) -> None:
    kept = ThemeFile(tmp_path / "twtop" / "theme")
    async with monitor(lab(), theme_file=kept) as stage:
        await stage.press("w", "escape")
    assert not kept.path.parent.exists()


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
async def test_a_broken_file_is_told_once_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    kept = ThemeFile(tmp_path / "theme")
    kept.path.write_bytes(content)
    async with monitor(lab(), theme_file=kept, size=(160, 50)) as stage:
        await stage.until(lambda: told(stage), "what is the matter")
        assert stage.app.theme == "textual-dark"
        await choose(stage, "nord")
        await stage.app.workers.wait_for_complete()
        assert len(told(stage)) == 1
        assert f"{kept.path} is ignored and left as it is: " in told(stage)[0]
        assert told(stage)[0].isprintable()
    assert kept.path.read_bytes() == content


async def test_a_fifo_hangs_nothing(tmp_path: Path) -> None:
    """Nobody writes into it."""
    os.mkfifo(tmp_path / "theme")
    async with monitor(lab(), theme_file=ThemeFile(tmp_path / "theme"), size=(160, 50)) as stage:
        await stage.until(lambda: told(stage), "what is the matter")
        await choose(stage, "nord")
        await stage.app.workers.wait_for_complete()
        assert told(stage) == [f"{tmp_path / 'theme'} is ignored and left as it is: it is a FIFO"]
    assert [found.name for found in tmp_path.iterdir()] == ["theme"]


async def test_a_folder_in_the_way_is_told_once(tmp_path: Path) -> None:
    blocked = tmp_path / "twtop"
    blocked.write_text("a file where the folder should be")
    async with monitor(lab(), theme_file=ThemeFile(blocked / "theme"), size=(160, 50)) as stage:
        await stage.until(lambda: told(stage), "what is the matter")
        await choose(stage, "nord")
        await stage.app.workers.wait_for_complete()
        assert told(stage) == [f"{blocked / 'theme'} is ignored and left as it is: Not a directory"]
    assert blocked.read_text() == "a file where the folder should be"


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A folder of the draft's name is in the way of root too."""
    kept = ThemeFile(tmp_path / "gone" / "theme")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere" / "at" / "all")
    with pytest.raises(ThemeFileError, match=r"the theme is not kept: .*theme: "):
        kept.write("nord", THEMES)


def test_a_draft_is_not_written_through_a_link(tmp_path: Path) -> None:
    """Under every name that a draft has had or could be thought to have."""
    target = tmp_path / "target"
    target.write_text("mine")
    for name in ("theme.draft", "theme.new", "theme.tmp", f"theme.{os.getpid()}"):
        (tmp_path / name).symlink_to(target)
    ThemeFile(tmp_path / "theme").write("nord", THEMES)
    assert (target.read_text(), (tmp_path / "theme").read_text()) == ("mine", "nord\n")


def test_a_link_is_read_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("nord")
    kept = ThemeFile(tmp_path / "theme")
    kept.path.symlink_to("elsewhere")
    assert kept.read(THEMES) == "nord"
    with pytest.raises(ThemeFileError, match=r"the theme is not kept: .*theme: there is something else than a file"):
        kept.write("dracula", THEMES)
    assert (tmp_path / "elsewhere").read_text() == "nord"


def test_a_file_that_broke_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    kept = ThemeFile(tmp_path / "theme")
    kept.write("nord", THEMES)
    kept.path.write_text("mine")
    with pytest.raises(ThemeFileError, match="no theme 'mine'"):
        kept.write("dracula", THEMES)
    assert kept.path.read_text() == "mine"
