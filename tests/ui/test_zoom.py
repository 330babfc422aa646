"""One panel on the whole screen and back, and terminals that are too small."""

import pytest

from tests.support.monitor_pilot import SIZES, Stage, monitor
from tests.support.monitor_samples import lab
from twtop.ui.kit.painter import TonePainter
from twtop.ui.panels.footer import LEAST
from twtop.ui.panels.port_map import PortMapPanel

PANELS = {"states": "ESTABLISHED", "timeline": "now", "peers": "10.0.0.9", "sockets": "REMAINING", "port-map": "free"}


def panel(stage: Stage, name: str) -> TonePainter:
    return stage.monitor.query_one(f"#{name}", TonePainter)


def has_the_room(stage: Stage, name: str) -> bool:
    """Does this panel reach from below the header to the footer, over the whole width?"""
    region, (width, height) = panel(stage, name).region, stage.app.size
    return (region.x, region.y, region.width, region.height) == (0, 1, width, height - 2)


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=str)
@pytest.mark.parametrize(("name", "holds"), PANELS.items(), ids=PANELS)
async def test_z_gives_a_panel_all_the_room_and_takes_it_back(name: str, holds: str, size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await stage.press("enter")
        await stage.until_shown("830 sockets")
        panel(stage, name).focus()
        if not panel(stage, name).is_on_screen:
            pytest.skip(f"{name} has no room at {size}")
        before = panel(stage, name).region
        for back in ("z", "escape"):
            await stage.press("z")
            await stage.until(lambda: has_the_room(stage, name), f"{name} to have the room")
            assert "● live" in stage.lines[0]
            assert stage.shows(holds)
            assert not stage.shows("✓ DROPS")
            await stage.press(back)
            await stage.until(lambda: panel(stage, name).region == before, f"{name} back in its place")
        assert stage.shows("830 sockets", "▲ PORTS")


async def test_the_zoom_follows_the_keys() -> None:
    async with monitor(lab()) as stage:
        await stage.press("z", "enter")
        await stage.until(lambda: has_the_room(stage, "sockets"), "the sockets to have the room")
        await stage.press("enter")
        await stage.until(lambda: has_the_room(stage, "peers"), "the peers to have it again")


async def test_the_filter_line_opens_over_a_zoom_and_leaves_it() -> None:
    async with monitor(lab()) as stage:
        panel(stage, "timeline").focus()
        await stage.press("z", "slash")
        await stage.paste("443")
        await stage.until_shown("⏎ keep")
        await stage.press("enter")
        await stage.until(lambda: has_the_room(stage, "timeline"), "the timeline to have the room still")


async def test_a_port_map_with_more_room_has_fewer_ports_a_cell() -> None:
    async with monitor(lab(), size=(80, 40)) as stage:
        assert stage.shows("8 ports a cell")
        stage.monitor.query_one(PortMapPanel).focus()
        await stage.press("z")
        await stage.until_shown("1 port a cell")


async def test_a_panel_that_folds_away_leaves_the_keys_to_another() -> None:
    async with monitor(lab()) as stage:
        panel(stage, "timeline").focus()
        await stage.resize(80, 20)
        await stage.until(lambda: stage.monitor.focused is stage.peers, "the peers to have the keys")


@pytest.mark.parametrize("size", [(59, 40), (120, 19), (20, 5)], ids=str)
async def test_too_small_says_how_much_room_it_takes(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        assert stage.lines[-1].startswith("60×20 needed")
        await stage.resize(*LEAST)
        await stage.until(lambda: "quit" in stage.lines[-1], "the keys")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_nothing_is_said_where_there_is_room(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        assert not stage.shows("needed")
