"""Terminals change their size at any moment; nothing breaks, whatever is open."""

import random

import pytest

from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import ALL_STATES, lab, scene

DRAWN = 6
SMALLEST, LARGEST = (20, 5), (300, 100)
OPEN = {
    "nothing": [],
    "sockets": ["enter"],
    "wrong-filter": ["slash", "left_parenthesis"],
    "sockets-and-filter": ["enter", "slash", "4"],
    "help": ["question_mark"],
    "what-happens": ["w"],
    "paused": ["p", "m", "t"],
}


async def fits(stage: Stage, size: tuple[int, int]) -> None:
    """The screen takes this size, no cell more and none less."""
    await stage.resize(*size)
    cells = [size[0]] * size[1]
    await stage.until(lambda: [strip.cell_length for strip in stage.strips] == cells, f"{size} filled")


@pytest.mark.parametrize("keys", OPEN.values(), ids=OPEN)
async def test_a_storm_of_sizes(keys: list[str]) -> None:
    draw = random.Random(repr(keys)).randint
    sizes = [SMALLEST, *((draw(20, 300), draw(5, 100)) for _ in range(DRAWN))]
    async with monitor(scene(*ALL_STATES), scene(*ALL_STATES, at=1), size=(80, 24)) as stage:
        await stage.press(*keys)
        for size in sizes:
            await fits(stage, size)
        await stage.tick()


@pytest.mark.parametrize("size", [SMALLEST, LARGEST], ids=str)
async def test_keys_at_any_size(size: tuple[int, int]) -> None:
    async with monitor(lab(), lab(at=1), size=size) as stage:
        await stage.press("j", "enter", "G", "s", "S", "pageup", "escape", "space", "b", "t", "m", "w", "escape", "y")
        await stage.tick()
        await fits(stage, size)


@pytest.mark.parametrize("size", [(20, 6), (40, 10), (60, 20)], ids=str)
async def test_header_and_peers_stay_longest(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        assert "● live" in stage.lines[0]
        assert stage.shows("10.0.0.5")


async def test_sockets_instead_of_peers_where_there_is_room_for_one() -> None:
    async with monitor(lab(), size=(80, 12)) as stage:
        await stage.press("enter")
        await stage.until_shown("10.0.0.5 ── 830 sockets", "30.0 s")
        await stage.press("escape")
        assert stage.shows("Peers", "10.0.0.6")


@pytest.mark.parametrize("keys", [[], ["enter"], ["z"], ["slash"], ["m"]], ids=str)
async def test_too_small_a_terminal_is_told_what_is_needed_until_it_is_larger(keys: list[str]) -> None:
    async with monitor(lab(), size=(80, 24)) as stage:
        await stage.press(*keys)
        before = stage.lines
        for size in ((20, 5), (23, 19), (40, 10), (59, 40), (200, 19), (59, 19)):
            await fits(stage, size)
            await stage.until(lambda: stage.lines[-1].startswith("60×20 needed"), "what is needed")
            assert "…" not in stage.lines[-1]
        for size in ((60, 20), (80, 24)):
            await fits(stage, size)
            await stage.until(lambda: "quit" in stage.lines[-1], "the keys")
            assert not stage.shows("needed")
        await stage.until(lambda: stage.lines == before, "the screen as before")
