"""The table as CSV and the screen as SVG, in new files of the working directory."""

import csv
import errno
import os
import re
import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input
from textual.widgets._toast import Toast

from tests.support.built_frames import frame
from tests.support.monitor_pilot import Stage, monitor, rows
from tests.support.monitor_samples import CONNECTIONS, lab, owners
from twtop.filter.parser import parse
from twtop.frame.view import GroupBy, View
from twtop.namespaces import NetnsListing
from twtop.ui.actions.new_file import MOST_NAMESAKES, file_name, refusal, save_new
from twtop.ui.dialogs.namespaces import NetnsCatalog


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield tmp_path
    monkeypatch.undo()
    time.tzset()


async def saved(stage: Stage, key: str, folder: Path) -> Path:
    """The file that this key makes, once the screen has said where it is."""
    before = set(folder.iterdir())
    await stage.press(key)
    await stage.until_shown("Saved as")
    (new,) = set(folder.iterdir()) - before
    await stage.until(lambda: new.name in told(stage), "its name")
    return new


def told(stage: Stage) -> str:
    """What is painted of a notice, without spaces: a long path may be broken anywhere."""
    (toast,) = stage.app.screen.query(Toast)
    lines = (strip.crop(toast.content_region.x, toast.content_region.right).text for strip in stage.strips)
    return re.sub(r"\s", "", "".join([*lines][toast.content_region.y : toast.content_region.bottom]))


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


async def test_e_saves_the_peers_as_sorted(folder: Path) -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        await stage.click(stage.peers, "PEER")
        await stage.press("S")
        path = await saved(stage, "e", folder)
    assert path.name == "twtop-lab-7-20251009-085320-peers.csv"
    found = records(path)
    assert [row["peer"] for row in found] == ["10.0.0.9", "10.0.0.7", "10.0.0.6", "10.0.0.5"]
    assert [(row["used"], row["capacity"]) for row in found][2:] == [("200", "1000"), ("830", "1000")]


async def test_e_saves_the_peers_as_filtered_and_grouped(folder: Path) -> None:
    view = View(query=parse("443 or 8080"), group_by=GroupBy.SERVICE)
    async with monitor(lab(), size=(160, 40), view=view) as stage:
        found = records(await saved(stage, "e", folder))
    assert [(row["peer"], row["time_wait"]) for row in found] == [(":443", "830"), (":8080", "200")]


async def test_e_saves_the_sockets_as_sorted(folder: Path) -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        await stage.press("j", "enter")
        await stage.until_shown("10.0.0.6 ── 200 sockets ── soonest first")
        await stage.press("S")
        await stage.until(lambda: " 20.0 s" in rows(stage, stage.sockets)[0], "the longest first")
        path = await saved(stage, "e", folder)
    assert path.name.endswith("-sockets.csv")
    found = records(path)
    assert {row["remote"] for row in found} == {"10.0.0.6"}
    left = [float(row["remaining_s"]) for row in found]
    assert (len(left), left[0], left[-1]) == (200, 20.0, 1.0)
    assert left == sorted(left, reverse=True)


async def test_a_formula_is_text(folder: Path) -> None:
    view = View(query=parse("established"), group_by=GroupBy.PROCESS)
    async with monitor(lab(), size=(160, 40), view=view, owners=owners(['=HYPERLINK("x")'] * 7)) as stage:
        await stage.until(lambda: rows(stage, stage.peers), "the processes")
        await stage.tick()
        await stage.until_shown("=HYPERLINK")
        (row,) = records(await saved(stage, "e", folder))
    assert row["peer"] == '\'=HYPERLINK("x")'


async def test_capital_e_saves_the_screen(folder: Path) -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        path = await saved(stage, "E", folder)
    assert path.name == "twtop-lab-7-20251009-085320-screen.svg"
    picture = path.read_text("utf-8")
    assert picture.startswith("<svg")
    assert "10.0.0.5" in picture


@pytest.mark.parametrize(
    ("key", "title"),
    [
        ("question_mark", "twtop help"),
        ("w", "What happens at 1,630 TIME_WAIT?"),
        ("l", "No mark yet"),
        ("N", "Network namespaces"),
    ],
)
async def test_capital_e_saves_the_screen_with_the_panel_over_it(key: str, title: str, folder: Path) -> None:
    nowhere = NetnsCatalog(lambda: NetnsListing((), 0), lambda _: None, lambda _: pytest.fail("not asked for"))
    async with monitor(lab(), size=(160, 40), catalog=nowhere) as stage:
        await stage.press(key)
        await stage.until_shown(title)
        path = await saved(stage, "E", folder)
        assert stage.shows(title)
    assert path.name == "twtop-lab-7-20251009-085320-screen.svg"
    assert title in path.read_text("utf-8").replace("&#160;", " ")


@pytest.mark.parametrize("opened", ["slash", "m"])
async def test_in_a_line_of_text_it_is_a_letter(opened: str, folder: Path) -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        await stage.press(opened, "E")
        assert isinstance(line := stage.app.focused, Input)
        assert line.value == "E"
    assert list(folder.iterdir()) == []


async def test_nothing_is_overwritten(folder: Path) -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        first = await saved(stage, "e", folder)
        first.write_text("mine")
        await stage.press("e")
        await stage.until(lambda: len(list(folder.iterdir())) == 2, "a second file")
    assert first.read_text() == "mine"
    (second,) = set(folder.iterdir()) - {first}
    assert second.name == "twtop-lab-7-20251009-085320-peers-2.csv"


@pytest.mark.parametrize("key", ["e", "E"])
async def test_where_nothing_can_be_written_it_says_so(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/proc")  # refuses root too
    async with monitor(lab(), size=(160, 40)) as stage:
        await stage.press(key)
        await stage.until_shown("Not saved: cannot write in /proc:")
        assert stage.shows("● live")


async def test_a_folder_that_is_gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = folder / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    async with monitor(lab(), size=(160, 40)) as stage:
        await stage.press("e")
        await stage.until_shown("Not saved: cannot write in the working directory: No")


def test_what_to_do_is_told_where_it_helps(folder: Path) -> None:
    forbidden, full = (refusal(OSError(number, os.strerror(number))) for number in (errno.EACCES, errno.ENOSPC))
    told = f"Not saved: cannot write in {folder}: Permission denied. Start twtop in a directory that you may write to."
    assert forbidden == told
    assert full == f"Not saved: cannot write in {folder}: No space left on device."


def named(host: str) -> str:
    return file_name(replace(frame(*CONNECTIONS).snapshot, host=host), "peers.csv")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("lab-7.example.org", "lab-7.example.org"),
        ("../../etc/passwd", "etc_passwd"),
        (".hidden", "hidden"),
        ("-rf", "rf"),
        ("a\x1b[2J b\nc", "a_2J_b_c"),
        ("🐢", "host"),
        ("", "host"),
        ("..", "host"),
        ("x" * 300, "x" * 48),
    ],
)
def test_a_name_is_safe(host: str, expected: str) -> None:
    assert named(host) == f"twtop-{expected}-20251009-085320-peers.csv"


def test_a_dangling_link_is_not_followed(folder: Path) -> None:
    (folder / "name.csv").symlink_to(folder / "elsewhere")
    assert save_new("name.csv", "text").name == "name-2.csv"
    assert not (folder / "elsewhere").exists()


def test_a_full_disk_leaves_no_half_file(folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            save_new("name.csv", "x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(folder.iterdir()) == []


def test_there_is_an_end_to_namesakes(folder: Path) -> None:
    for _ in range(MOST_NAMESAKES):
        save_new("name.csv", "text")
    with pytest.raises(FileExistsError):
        save_new("name.csv", "text")
    assert len(list(folder.iterdir())) == MOST_NAMESAKES
