"""Names from outside may hold anything; they are drawn as text that does no harm."""

import pytest
from rich.cells import cell_len

from tests.ui_scenes import DATABASE, lab, later, owners, scene
from tests.ui_stage import monitor, rows
from twtop.frame import View
from twtop.groups import GroupBy

HOSTILE = {
    "[bold]x[/]": "[bold]x[/]",
    "[/nonsense": "[/nonsense",
    "a\x1b[2Jb": "a␛[2Jb",
    "two\nlines": "two␊lines",
    "\x9b31m": "�31m",
    "日本語デーモン": "日本語デーモン",
    "abc\u202edef": "abc�def",
    "עברית": "עברית",
    "e\u0301\u0301": "e\u0301\u0301",
    "": "unknown process",
}

each = pytest.mark.parametrize(("name", "shown"), HOSTILE.items(), ids=ascii)


@each
@pytest.mark.parametrize("size", [(120, 40), (60, 20)], ids=str)
async def test_as_a_process(name: str, shown: str, size: tuple[int, int]) -> None:
    sample = scene(DATABASE)
    view = View(group_by=GroupBy.PROCESS)
    async with monitor(sample, later(sample, 1), view=view, owners=owners([name] * 7), size=size) as stage:
        await stage.tick()  # owners may come after the first frame
        await stage.until(lambda: rows(stage, stage.peers)[0].strip().startswith(shown[:16]), f"{shown!r}")
        assert [cell_len(line) for line in stage.lines] == [size[0]] * size[1]
        await stage.press("enter")
        await stage.until_shown("7 sockets")
        assert stage.shows(f"{shown} ── 7 sockets")
        assert [cell_len(line) for line in stage.lines] == [size[0]] * size[1]


@each
async def test_as_the_owner_of_a_socket(name: str, shown: str) -> None:
    sample = scene(DATABASE)
    async with monitor(sample, later(sample, 1), owners=owners([name] * 7)) as stage:
        await stage.press("enter")
        await stage.until_shown("7 sockets")
        await stage.tick()
        pid_follows = shown if name else ""
        await stage.until(lambda: f" {pid_follows} 10" in rows(stage, stage.sockets)[0], f"{shown!r} and its number")
        assert [cell_len(line) for line in stage.lines] == [120] * 40


@pytest.mark.parametrize("text", ["process '[bold]x[/]'", "process '[/'", "'日本[語'", "process '[@click=app.quit]'"])
async def test_as_a_filter(text: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste(text)
        assert stage.shows(text)
        await stage.until(lambda: rows(stage, stage.peers) == ["no connections"], "nothing to match")
        await stage.press("enter")
        assert "[" in stage.line("─ filter: ")


@pytest.mark.parametrize("text", ["port [bold]", "[/] [/", "[red"])
async def test_as_a_filter_that_does_not_read(text: str) -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste(text)
        assert stage.shows(text, "expected")
