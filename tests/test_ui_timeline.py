"""The timeline's modes."""

from tests.ui_scenes import draining, lab
from tests.ui_stage import monitor


async def test_t_goes_through_the_modes() -> None:
    async with monitor(lab()) as stage:
        titles = (
            "entries per second in the last 60 s",
            "releases per second in the next 60 s",
            "last 1 min, next 60 s",
        )
        for title in titles:
            await stage.press("t")
            await stage.until_shown(f"TIME_WAIT: {title}")


async def test_the_first_frame_has_the_minute_to_come() -> None:
    async with monitor(draining()) as stage:
        await stage.until_shown("now", "+60 s", "⣿")


async def test_a_filter_has_its_own_timeline() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste("443")
        await stage.press("enter")
        await stage.until_shown("TIME_WAIT (filtered): last 1 min")
