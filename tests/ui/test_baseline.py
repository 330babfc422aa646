"""`M`: every count beside its change since now."""

import pytest

from tests.support.monitor_pilot import SIZES, Stage, head, monitor, rows
from tests.support.monitor_samples import CLIENT, LISTENER, lab, scene
from tests.support.sock_diag_dump import many
from twtop.sources.probe import Sample
from twtop.ui.panels.states import StatesPanel

GROWN = (
    LISTENER,
    CLIENT[:500],
    many("10.0.0.1", "10.0.0.6:8080", "TIME_WAIT", lports=range(32768, 33068), remaining=30),
    many("10.0.0.1", "10.0.0.7:5432", lports=range(33600, 33605)),
    many("10.0.0.1", "10.0.0.4:22", lports=range(33600, 33603)),
)


def later() -> Sample:
    """800 TIME_WAIT instead of 1,630, and 8 ESTABLISHED instead of 7."""
    return scene(*GROWN, at=65)


def row(stage: Stage, peer: str) -> list[str]:
    return next(line for line in rows(stage, stage.peers) if peer in line).split()


def states(stage: Stage) -> dict[str, list[str]]:
    """State → count and change."""
    region = stage.monitor.query_one(StatesPanel).content_region
    lines = [strip.crop(region.x, region.right).text.split() for strip in stage.strips[region.y : region.bottom]]
    return {words[0]: words[1:3] for words in lines if len(words) > 2}


async def test_every_count_has_its_change_until_it_is_cleared() -> None:
    async with monitor(lab(), later(), size=(160, 40)) as stage:
        await stage.press("M")
        await stage.until_shown("change since 08:53:20")
        assert states(stage)["TIME_WAIT"] == ["1,630", "·"]
        await stage.tick()
        assert states(stage)["TIME_WAIT"] == ["800", "−830"]
        assert states(stage)["ESTABLISHED"] == ["8", "+1"]
        assert " 800    −830 " in stage.lines[1]
        assert head(stage, stage.peers).split()[2:6] == ["TIME_WAIT", "CHANGE", "OTHER", "CHANGE"]
        assert row(stage, "10.0.0.6")[2:6] == ["300", "+100", "0", "·"]
        assert row(stage, "10.0.0.7")[2:6] == ["0", "·", "5", "−2"]
        assert row(stage, "10.0.0.9")[2:6] == ["500", "−100", "0", "·"]
        assert row(stage, "10.0.0.4")[2:6] == ["0", "·", "3", "+3"]
        await stage.press("M")
        await stage.until(lambda: not stage.shows("change since"), "no baseline")
        assert "CHANGE" not in head(stage, stage.peers)
        assert row(stage, "10.0.0.6")[2:4] == ["300", "0"]


async def test_also_for_destinations_and_the_drill_down() -> None:
    async with monitor(lab(), later(), size=(160, 40)) as stage:
        await stage.press("j", "M")
        await stage.tick()
        await stage.press("space")
        assert row(stage, "10.0.0.6:8080")[4:6] == ["300", "+100"]
        await stage.press("enter")
        await stage.until_shown("10.0.0.6 ── 300 sockets (+100) ── soonest first")


async def test_a_filter_and_a_grouping_that_come_later_compare_like_with_like() -> None:
    async with monitor(lab(), later(), size=(160, 40)) as stage:
        await stage.press("M")
        await stage.tick()
        await stage.press("slash")
        await stage.paste("peer 10.0.0.6")
        await stage.press("enter")
        await stage.until(lambda: states(stage)["TIME_WAIT"] == ["300", "+100"], "the change of the peer alone")
        await stage.press("b", "b")
        await stage.until_shown(" Services ")
        assert row(stage, ":8080")[2:4] == ["300", "+100"]


async def test_a_paused_view_is_its_own_baseline() -> None:
    async with monitor(lab(), later(), size=(160, 40)) as stage:
        await stage.press("p", "M")
        await stage.until_shown("change since 08:53:20", "paused")
        assert states(stage)["TIME_WAIT"] == ["1,630", "·"]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_change_of_time_wait_is_seen_at_every_size(size: tuple[int, int]) -> None:
    async with monitor(lab(), later(), size=size) as stage:
        await stage.press("M")
        await stage.tick()
        assert "−830" in stage.lines[1]
        if size[0] >= 80:
            assert "CHANGE" in head(stage, stage.peers)
            assert "+100" in row(stage, "10.0.0.6")


async def test_sorting_goes_on_as_before() -> None:
    async with monitor(lab(), later(), size=(160, 40)) as stage:
        await stage.press("M")
        await stage.until_shown("CHANGE")
        await stage.click(stage.peers, "OTHER")
        assert "OTHER↓" in head(stage, stage.peers)
        before = rows(stage, stage.peers)
        await stage.click(stage.peers, "CHANGE")
        assert rows(stage, stage.peers) == before
        await stage.press("s")
        assert "destination)↓" in head(stage, stage.peers)
