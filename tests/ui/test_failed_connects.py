"""Connects that fail are a red figure in the row, in the drill-down and below the timeline, and take no room before."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from rich.color import Color

from tests.support.monitor_pilot import Stage, head, monitor, rows
from tests.support.refused_connects import SINCE, failed
from tests.support.sock_diag_dump import make_sample, many
from twtop.columns.tones import Tone
from twtop.filter.parser import parse
from twtop.frame.view import View
from twtop.sources.probe import Sample
from twtop.ui.kit.ascii import in_ascii
from twtop.ui.panels.port_map import PortMapPanel
from twtop.ui.panels.timeline import Timeline

PORTS = 32768 + np.arange(100)
ONE = {"10.0.0.5": 20, "10.0.0.6": 0}
SHARED = {"10.0.0.6": 30}
SIZES = [(80, 24), (120, 40), (160, 50)]


def full(at: float = 0, per_s: dict[str, int] = ONE, seconds: int = 1, since: float = SINCE) -> Sample:
    """10.0.0.5:443 and two ports of 10.0.0.6 are full. So many connects failed in each of the last seconds."""
    blocks = [
        many("10.0.0.1", remote, "TIME_WAIT", lports=PORTS, remaining=30)
        for remote in ("10.0.0.5:443", "10.0.0.6:443", "10.0.0.6:8443")
    ]
    sample = make_sample(*blocks, at=at, port_range=(32768, 32867), tw_reuse=0)
    return replace(sample, failures=failed(sample.mono, per_s, seconds, since))


def critical(stage: Stage) -> str:
    """All painted text that has the tone of what is critical."""
    tone = stage.peers.tone_style(Tone.CRITICAL).color
    return " ".join(text for text, colour in _painted(stage) if colour == tone)


def _painted(stage: Stage) -> Iterator[tuple[str, Color | None]]:
    for strip in stage.strips:
        for segment in strip:
            yield segment.text, segment.style.color if segment.style else None


async def test_before_anything_fails_there_is_no_column() -> None:
    async with monitor(full(per_s={}), size=(160, 50)) as stage:
        assert "FAIL" not in head(stage, stage.peers)
        assert "✖" not in stage.text


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_a_row_has_what_fails_there(size: tuple[int, int]) -> None:
    async with monitor(full(seconds=3), full(70, per_s={}), size=size) as stage:
        end = head(stage, stage.peers).index("FAIL/s") + len("FAIL/s")
        figures = {row.split()[0].strip("▸"): row[:end].split()[-1] for row in rows(stage, stage.peers)}
        assert figures == {"10.0.0.5": "20", "10.0.0.6": "0"}
        assert "20" in critical(stage)
        await stage.tick()
        assert "FAIL/s" in head(stage, stage.peers)  # it stays, so that nothing jumps


async def test_where_there_is_room_it_says_between_which_nobody_knows() -> None:
    async with monitor(full(per_s=SHARED, seconds=3), size=(220, 50)) as stage:
        (row,) = [row for row in rows(stage, stage.peers) if "10.0.0.6" in row]
        assert " 30 90 to 443 or 8443" in row
        await stage.press("space")
        leaves = [row for row in rows(stage, stage.peers) if "from" in row]
        assert [" ≤30 90 to 443 or 8443" in row for row in leaves] == [True, True]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_drill_down_has_it_now_and_in_the_last_minute(size: tuple[int, int]) -> None:
    async with monitor(full(seconds=40), full(1), size=size) as stage:
        await stage.tick()
        assert "10.0.0.5" in rows(stage, stage.peers)[1]
        await stage.press("j", "enter")
        await stage.until_shown("✖ 20/s fail, 820 in 60 s")
        assert "✖ 20/s fail, 820 in 60 s" in stage.line("Outbound peer 10.0.0.5")
        port_map = stage.monitor.query_one(PortMapPanel).content_region
        assert "✖ 20/s fail, 820 in 60 s" in stage.lines[port_map.bottom - 1]
        assert critical(stage).count("✖ 20/s fail, 820 in 60 s") == 2


@pytest.mark.parametrize("size", [(60, 20), *SIZES], ids=str)
async def test_of_several_it_is_said_for_the_address_above_the_rows(size: tuple[int, int]) -> None:
    async with monitor(full(per_s=SHARED, seconds=3), size=size) as stage:
        await stage.until_shown("Peers ── ✖ 10.0.0.6: 30/s fail, to 443 or 8443")
        assert "✖ 10.0.0.6: 30/s fail, to 443 or 8443" in critical(stage)


async def test_of_several_it_is_said_for_the_address_in_the_drill_down() -> None:
    async with monitor(full(per_s=SHARED, seconds=3), size=(120, 40)) as stage:
        await stage.press("enter")
        await stage.until_shown("✖ 30/s fail to 443 or 8443, 90 in 60 s")


def band(stage: Stage) -> list[str]:
    """The lines of the timeline from the label of failed connects to the axis."""
    region = stage.monitor.query_one(Timeline).content_region
    lines = [strip.crop(region.x, region.right).text for strip in stage.strips[region.y : region.bottom]]
    (first,) = [number for number, line in enumerate(lines) if "✖ fail/s" in line]
    return lines[first:]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_timeline_has_it_as_a_second_series_with_a_scale_of_its_own(size: tuple[int, int]) -> None:
    async with monitor(full(per_s={}), full(20, seconds=10), size=size) as stage:
        await stage.until_shown("⣿")
        assert "fail/s" not in stage.text
        await stage.tick()
        await stage.until_shown("✖ fail/s")
        drawn = band(stage)
        assert drawn[0].split()[0] == "20"  # its own upper end
        assert drawn[-2].split()[0] == "0"
        assert "now" in drawn[-1]
        curve = set("".join(drawn[:-1])) & {chr(0x2800 + dots) for dots in range(1, 256)}
        assert curve & set(critical(stage))


async def test_its_label_has_room_in_a_narrow_timeline_and_says_where_it_is_not_of_the_filter() -> None:
    view = View(query=parse("10.0.0.6"))
    async with monitor(full(), full(130), full(200), size=(60, 40), view=view) as stage:
        for _ in range(2):
            await stage.tick()
            await stage.until_shown("✖ fail/s of all")


async def test_what_was_not_counted_is_a_gap_and_nothing_failed_is_a_line() -> None:
    """Counted from 30 s to 20 s ago, and in the last 10 s: nothing failed until 5 s ago."""
    ticks = (full(-20, per_s={}, since=970), full(0, seconds=5, since=990))
    async with monitor(*ticks, size=(160, 50)) as stage:
        await stage.tick()
        await stage.press("t", "t", "t")
        await stage.until_shown("Failed connects per second, last 60 s", "⣿")
        region = stage.monitor.query_one(Timeline).content_region
        lowest = stage.strips[region.bottom - 2].crop(region.x, region.right).text
        axis = stage.strips[region.bottom - 1].crop(region.x, region.right).text
        start, now = axis.index("−60 s") + 2, axis.rindex("now") + 2
        drawn = [lowest[start + round((now - start) * (60 - ago) / 60)] != " " for ago in (45, 25, 15, 8, 3)]
        assert drawn == [False, True, False, True, True]


async def test_where_nobody_counts_the_timeline_says_why() -> None:
    async with monitor(replace(full(), failures=None), size=(160, 50)) as stage:
        await stage.press("t", "t", "t")
        await stage.until_shown("Failed connects per second: not counted, since no budget is near its end")


async def test_its_signs_have_a_meaning_in_ascii() -> None:
    assert in_ascii("✖ ≤20/s fail ≥3") == "x <20/s fail >3"
    async with monitor(full(), size=(120, 100)) as stage:
        await stage.press("question_mark")
        await stage.until_shown("FAIL/s", "≤ where some", "✖")
