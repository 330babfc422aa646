"""The timeline's modes."""

import pytest

from tests.support.monitor_pilot import monitor
from tests.support.monitor_samples import draining, lab
from twtop.filter.parser import parse
from twtop.frame.view import View


async def test_t_goes_through_the_modes() -> None:
    async with monitor(lab()) as stage:
        titles = (
            "TIME_WAIT: entries per second, last 60 s",
            "TIME_WAIT: releases per second, next 60 s",
            "Failed connects per second: not counted",
            "TIME_WAIT: last 60 s, next 60 s",
        )
        for title in titles:
            await stage.press("t")
            await stage.until_shown(title)


async def test_the_first_frame_has_the_minute_to_come() -> None:
    async with monitor(draining()) as stage:
        await stage.until_shown("now", "+60 s", "⣿")


async def test_a_filter_has_its_own_timeline() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste("443")
        await stage.press("enter")
        await stage.until_shown("TIME_WAIT (filtered): last 60 s")


@pytest.mark.parametrize("size", [(60, 40), (60, 24), (80, 24), (120, 40)], ids=str)
@pytest.mark.parametrize("modes", range(4))
@pytest.mark.parametrize("filter", ["", "443"])
async def test_its_title_has_room_at_any_size(size: tuple[int, int], modes: int, filter: str) -> None:
    async with monitor(lab(), size=size, view=View(query=parse(filter))) as stage:
        await stage.press(*"t" * modes)
        (title,) = [line for line in stage.lines if "States" in line]
        assert "…" not in title
        assert ("count", "entries", "releases", "Failed")[modes] in title or "TIME_WAIT" in title


async def test_the_longest_title_that_fits_comes_back_with_the_room() -> None:
    async with monitor(lab(), size=(120, 40)) as stage:
        for size, title in (((60, 40), " TIME_WAIT ─"), ((120, 40), "TIME_WAIT: last 60 s, next 60 s (forecast)")):
            await stage.resize(*size)
            await stage.until_shown(title)
