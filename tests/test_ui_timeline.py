"""The timeline's modes and marks."""

from tests.ui_scenes import draining, lab
from tests.ui_stage import Stage, monitor
from twtop.ui.lines import Tone
from twtop.ui.widgets.timeline import Timeline


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


async def test_m_counts_from_a_mark() -> None:
    async with monitor(draining(at=0), draining(at=2), draining(at=7.5)) as stage:
        await stage.press("m")
        assert "mark 0.0 s" in stage.lines[0]
        await stage.tick()
        assert "mark 2.0 s" in stage.lines[0]
        await stage.press("m")
        assert "mark 0.0 s" in stage.lines[0]
        await stage.tick()
        assert "mark 5.5 s" in stage.lines[0]


def marked_columns(stage: Stage) -> set[int]:
    """Where the timeline is painted in the colour of marks."""
    timeline = stage.monitor.query_one(Timeline)
    region, colour = timeline.content_region, timeline.tone_style(Tone.TITLE).color
    columns = set()
    for strip in stage.strips[region.y : region.bottom]:
        x = 0
        for segment in strip.crop(region.x, region.right):
            if segment.style and segment.style.color == colour and segment.text.strip():
                columns.add(x)
            x += segment.cell_length
    return columns


async def test_a_mark_moves_away_from_now() -> None:
    async with monitor(lab(), lab(at=30), lab(at=90)) as stage:
        assert marked_columns(stage) == set()
        await stage.press("m")
        await stage.tick()
        after_one = min(await stage.until(lambda: marked_columns(stage), "a mark on the timeline"))
        await stage.tick()
        await stage.until(lambda: min(marked_columns(stage)) < after_one, "the mark further left")
