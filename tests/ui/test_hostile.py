"""Names from outside may hold anything; they are drawn as text that does no harm."""

import pytest
from rich.cells import cell_len

from tests.support.monitor_pilot import Stage, monitor, rows
from tests.support.monitor_samples import later, owners, scene
from tests.support.sock_diag_dump import many
from twtop.frame.view import GroupBy, View
from twtop.ui.panels.peers import NO_MATCH

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
}
SAMPLE = scene(many("10.0.0.1", "10.0.0.7:5432", lports=range(33000, 33009), inode=range(900, 909)))


def is_whole(stage: Stage) -> bool:
    """Is every painted line as wide as the screen?"""
    return {cell_len(line) for line in stage.lines} == {stage.app.size.width}


@pytest.mark.parametrize("size", [(120, 40), (60, 20)], ids=str)
async def test_processes(size: tuple[int, int]) -> None:
    view = View(group_by=GroupBy.PROCESS)
    async with monitor(SAMPLE, later(SAMPLE, 1), view=view, owners=owners(HOSTILE), size=size) as stage:
        await stage.tick()  # owners may come after the first frame
        await stage.until(lambda: len(rows(stage, stage.peers)) == len(HOSTILE), "a row for each process")
        drawn = {row[1:].split("  ")[0].strip() for row in rows(stage, stage.peers)}
        assert drawn == set(HOSTILE.values())
        assert is_whole(stage)


async def test_owners_of_sockets() -> None:
    async with monitor(SAMPLE, later(SAMPLE, 1), owners=owners(HOSTILE), size=(120, 60)) as stage:
        await stage.press("enter")
        await stage.until_shown("9 sockets")
        await stage.tick()
        await stage.until(lambda: all(stage.shows(f" {name} 10") for name in HOSTILE.values()), "all owners")
        assert is_whole(stage)


@pytest.mark.parametrize("name", ["[bold]x[/]", "[/nonsense"])
async def test_a_process_on_the_title(name: str) -> None:
    view = View(group_by=GroupBy.PROCESS)
    async with monitor(SAMPLE, later(SAMPLE, 1), view=view, owners=owners([name] * 9)) as stage:
        await stage.tick()
        await stage.press("enter")
        await stage.until_shown(f"{name} ── 9 sockets")


async def test_a_filter() -> None:
    async with monitor(SAMPLE) as stage:
        for text in ("process '[bold]x[/]'", "process '[/'", "'日本[語'", "process '[@click=app.quit]'"):
            await stage.press("slash", "ctrl+u")
            await stage.paste(text)
            assert stage.shows(text)
            await stage.until(lambda: rows(stage, stage.peers) == [NO_MATCH], "nothing to match")
            await stage.press("enter")
            assert "[" in stage.line("─ filter: ")
            assert is_whole(stage)


async def test_a_filter_that_does_not_read() -> None:
    async with monitor(SAMPLE) as stage:
        for text in ("port [bold]", "[/] [/", "[red"):
            await stage.press("slash", "ctrl+u")
            await stage.paste(text)
            assert stage.shows(text, "expected")
