"""A kernel that cannot be read for a while, and a defect."""

import pytest

from tests.support.monitor_pilot import SIZES, monitor
from tests.support.monitor_samples import Tick, lab
from twtop.sources.probe import CollectError

BUSY = CollectError("sock_diag answered: device or resource busy")


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_fault_is_told_and_the_last_frame_stays(size: tuple[int, int]) -> None:
    async with monitor(lab(), BUSY, size=size) as stage:
        await stage.press("r")
        await stage.until_shown("✖ sock_diag answered")
        assert "✖" in stage.lines[0]
        assert stage.shows("TIME_WAIT   1,630 ", "10.0.0.5", "83 %")


async def test_the_next_good_tick_clears_it() -> None:
    async with monitor(lab(), BUSY, lab(at=2)) as stage:
        await stage.press("r")
        await stage.until_shown("✖ sock_diag answered")
        await stage.tick()
        assert not stage.shows("✖")
        assert stage.shows("● live")


async def test_another_view_of_the_last_frame_does_not_clear_it() -> None:
    async with monitor(lab(), BUSY) as stage:
        await stage.press("r")
        await stage.until_shown("✖ sock_diag answered")
        await stage.press("b")
        await stage.until_shown("Destinations")
        assert stage.shows("✖ sock_diag answered")


async def test_a_fault_before_the_first_frame() -> None:
    async with monitor(BUSY, lab()) as stage:
        assert "sock_diag answered: device or resource busy" in stage.lines[0]
        assert not stage.shows("no connections")
        await stage.press("r")
        await stage.until_shown("TIME_WAIT   1,630 ")
        assert not stage.shows("busy")


async def test_keys_are_safe_before_the_first_frame() -> None:
    async with monitor(BUSY, lab()) as stage:
        await stage.press("j", "G", "enter", "space", "s", "S", "b", "t", "w", "m", "y", "p", "p", "escape")
        await stage.press("r")
        await stage.until_shown("TIME_WAIT   1,630 ")


async def test_reading_goes_on_at_the_interval() -> None:
    async with monitor(lab(), BUSY, BUSY, lab(at=3), interval=0.05) as stage:
        await stage.until(lambda: stage.frame.tick >= 2, "a frame after the faults")
        assert stage.script.reads >= 4


async def until_ended(*ticks: Tick) -> None:
    """Run a monitor over these ticks until it ends of itself."""
    async with monitor(*ticks) as stage:
        await stage.press("r")
        await stage.ended()
        assert stage.app.return_code == 1


async def test_a_defect_ends_the_monitor() -> None:
    with pytest.raises(RuntimeError, match="no such state"):
        await until_ended(lab(), RuntimeError("no such state"))


async def test_a_defect_before_the_first_frame_does_too() -> None:
    with pytest.raises(RuntimeError, match="no such state"):
        await until_ended(RuntimeError("no such state"))


async def test_before_the_first_reading_nothing_is_known_of_connections() -> None:
    async with monitor(BUSY) as stage:
        assert stage.shows("sock_diag answered", "PEER")
        assert not stage.shows("no connections")
