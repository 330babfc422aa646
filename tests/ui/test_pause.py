"""Pause: what is seen stays as it is and can be walked through, until it goes on or one sample is asked for."""

import re
import time
from dataclasses import replace

import pytest

from tests.support.monitor_pilot import NEVER, Stage, monitor, rows, selected
from tests.support.monitor_samples import Held, draining, lab
from twtop.sources.probe import Sample

FAST = 0.05


def now(sample: Sample) -> Sample:
    """The same, taken just now."""
    return replace(sample, time=time.time())


async def pause(stage: Stage, key: str = "p") -> None:
    """Pause, and let a sample that was under way run out."""
    await stage.press(key)
    assert stage.shows("paused")


@pytest.mark.parametrize("key", ["p", "Z"])
async def test_a_sign_and_back(key: str) -> None:
    async with monitor(now(lab())) as stage:
        assert stage.shows("● live")
        await pause(stage, key)
        assert "⏸ paused" in stage.lines[0]
        assert not stage.shows("● live")
        await stage.press(key)
        assert stage.shows("● live")
        assert not stage.shows("paused")


@pytest.mark.parametrize("size", [(80, 24), (60, 20)], ids=str)
async def test_the_sign_on_small_terminals(size: tuple[int, int]) -> None:
    async with monitor(now(lab()), size=size) as stage:
        await pause(stage)
        assert "⏸ paused" in stage.lines[0]


async def test_no_sample_is_read() -> None:
    async with monitor(draining(), interval=FAST) as stage:
        await stage.until(lambda: stage.script.reads > 3, "samples")
        await pause(stage)
        reads, tick = stage.script.reads, stage.frame.tick
        await stage.press("b")
        await stage.until_shown("Destinations")
        await stage.until(lambda: time.monotonic() > stage.script.read_at[-1] + 4 * FAST, "a time for more")
        assert stage.script.reads == reads
        assert stage.frame.tick == tick
        await stage.press("p")
        await stage.until(lambda: stage.script.reads > reads + 2, "samples again")


async def test_the_age_of_the_frame_grows() -> None:
    async with monitor(now(lab())) as stage:
        await pause(stage)

        def age() -> int:
            found = re.search(r"frame is (\d+) s old", stage.lines[0])
            return int(found[1]) if found else 0

        first = await stage.until(age, "an age")
        await stage.until(lambda: age() > first, "a greater age")


async def test_a_sample_under_way_is_not_drawn() -> None:
    second, third = Held(draining(at=10)), Held(draining(at=20))
    async with monitor(draining(at=0), second, third, interval=FAST) as stage:
        await stage.until(second.asked.is_set, "the second sample to be under way")
        await pause(stage)
        second.given.set()
        await stage.press("r")
        await stage.until(third.asked.is_set, "the second to be over")
        await stage.press("b")
        await stage.until_shown("Destinations")
        assert stage.shows("TIME_WAIT 100 ")
        third.given.set()
        await stage.until_shown("TIME_WAIT 60 ")


async def test_everything_else_still_works() -> None:
    async with monitor(lab()) as stage:
        await pause(stage)
        await stage.press("j", "enter")
        await stage.until_shown("10.0.0.6 ── 200 sockets")
        await stage.press("G")
        assert "20.0 s" in selected(stage, stage.sockets)
        await stage.press("g", "S")
        await stage.until(lambda: "20.0 s" in rows(stage, stage.sockets)[0], "the latest on top")
        await stage.press("escape", "slash")
        await stage.paste("443")
        await stage.press("enter")
        await stage.until(lambda: len(rows(stage, stage.peers)) == 1, "only one peer")
        assert stage.shows("⏸ paused", "filter: ")
        assert stage.script.reads == 1


async def test_r_reads_one_sample_while_paused() -> None:
    async with monitor(draining(at=0), draining(at=10)) as stage:
        await pause(stage)
        await stage.press("r")
        await stage.until_shown("TIME_WAIT 80 ")
        assert stage.script.reads == 2
        assert stage.shows("⏸ paused")


async def test_r_reads_at_once() -> None:
    async with monitor(draining(at=0), draining(at=10), interval=NEVER) as stage:
        await stage.press("r")
        await stage.until_shown("TIME_WAIT 80 ")
        assert stage.script.reads == 2
