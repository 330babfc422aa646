"""Marks: set with a label or none, seen in the timeline, counted from, listed with their figures."""

import re

import pytest

from tests.support.monitor_pilot import SIZES, Stage, monitor, rows
from tests.support.monitor_samples import CONNECTIONS, draining, lab, scene
from twtop.columns.tones import Tone
from twtop.filter.parser import parse
from twtop.frame.view import View
from twtop.ui.kit.table import Table
from twtop.ui.mark import LONGEST_LABEL
from twtop.ui.panels.footer import KeyFooter
from twtop.ui.panels.mark_bar import MarkBar
from twtop.ui.panels.timeline import Timeline


async def mark(stage: Stage, label: str = "") -> None:
    """Set a mark with this label."""
    await stage.press("m")
    await stage.paste(label)
    await stage.press("enter")


def listed(stage: Stage) -> list[str]:
    """The rows of the open list."""
    return rows(stage, stage.app.screen.query_one(Table))


async def test_m_counts_from_a_mark() -> None:
    async with monitor(draining(at=0), draining(at=2), draining(at=7.5)) as stage:
        await stage.press("m", "enter")
        assert "mark 0.0 s" in stage.lines[0]
        await stage.tick()
        assert "mark 2.0 s" in stage.lines[0]
        await stage.press("m", "enter")
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
        await stage.press("m", "enter")
        await stage.tick()
        after_one = min(await stage.until(lambda: marked_columns(stage), "a mark on the timeline"))
        await stage.tick()
        await stage.until(lambda: min(marked_columns(stage)) < after_one, "the mark further left")


async def test_a_mark_stands_at_its_time_with_its_label() -> None:
    """Of the minute before now a mark of 30 s ago stands in the middle, in both views of the past."""
    async with monitor(draining(at=0), draining(at=30), size=(120, 40)) as stage:
        await mark(stage, "warm-up")
        await stage.tick()
        await stage.until_shown("│warm-up")
        timeline = stage.monitor.query_one(Timeline)
        (first, now, half) = (stage.where(timeline, text)[0] for text in ("−60 s", "now", "│warm-up"))
        assert abs((first + now + len("now") / 2) / 2 - half) <= 1  # the first label begins at its moment
        await stage.press("t")
        await stage.until_shown("−30 s")
        assert abs(stage.where(timeline, "−30 s")[0] + len("−30 s") / 2 - stage.where(timeline, "│warm-up")[0]) <= 1
        await stage.press("t")
        assert not stage.shows("│warm-up")


async def test_a_mark_is_seen_over_a_full_plot() -> None:
    async with monitor(lab(), lab(at=30), lab(at=50), size=(120, 40)) as stage:
        await stage.tick()
        await mark(stage)
        await stage.tick()
        timeline = stage.monitor.query_one(Timeline)
        region = timeline.content_region
        (x,) = await stage.until(lambda: marked_columns(stage), "a mark on the timeline")
        column = [strip.crop(region.x + x, region.x + x + 1).text for strip in stage.strips[region.y : region.bottom]]
        assert "".join(column[:-1]) == "│" * (region.height - 1)


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_prompt_is_one_line_and_the_view_goes_on(size: tuple[int, int]) -> None:
    async with monitor(draining(at=0, count=100), draining(at=30, count=100), size=size) as stage:
        before = stage.lines
        await stage.press("m")
        assert "mark at 08:53:20: type a label or none" in stage.lines[-2]
        assert stage.lines[:4] == before[:4]
        await stage.tick()
        assert stage.shows("mark at 08:53:20")
        assert "40" in stage.lines[1]


async def test_a_mark_is_of_the_moment_of_its_key() -> None:
    async with monitor(draining(at=0), draining(at=4)) as stage:
        await stage.press("m")
        await stage.tick()
        await stage.type("warm-up")
        await stage.press("enter")
        assert "mark warm-up 4.0 s" in stage.lines[0]


async def test_escape_sets_none() -> None:
    async with monitor(lab()) as stage:
        await stage.press("m")
        await stage.type("oops")
        await stage.press("escape")
        assert not stage.shows("mark at")
        assert "mark " not in stage.lines[0]
        assert stage.monitor.marks.marks == ()
        await stage.press("j")
        assert stage.peers.cursor == 1


async def test_typed_ahead_of_the_prompt() -> None:
    async with monitor(lab()) as stage:
        await stage.burst("m", *"mqp", "slash", "m", "enter")
        await stage.until_shown("mark mqp/m 0.0 s")
        assert not stage.monitor.engine.paused


async def test_the_focus_comes_back() -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        await stage.press("enter")
        await stage.until_shown("830 sockets")
        await stage.press("m", "m", "enter")
        assert stage.monitor.focused is stage.sockets
        await stage.click(stage.monitor.query_one(KeyFooter), "mark")
        await stage.click(stage.monitor.query_one(KeyFooter), "mark")
        await stage.press("escape")
        assert stage.monitor.focused is stage.sockets


async def test_the_list_has_time_label_and_figures() -> None:
    async with monitor(lab(), scene(*CONNECTIONS[2:], at=90), size=(160, 40)) as stage:
        await mark(stage, "before [bold]x")
        await stage.tick()
        await mark(stage)
        await stage.press("l")
        first, second, now = (re.split(r"\s{2,}", row.strip()) for row in listed(stage))
        assert first[:3] == ["08:53:20", "90.0 s before [bold]x", "1,630"]
        assert first[-1] == "83 % 10.0.0.5:443"
        assert second[:3] == ["08:54:50", "0.0 s", "1,230"]
        assert "−400" in second
        assert now[:3] == ["08:54:50", "now", "1,230"]


async def test_the_list_is_of_all_whatever_is_filtered() -> None:
    async with monitor(lab(), view=View(query=parse("8080"))) as stage:
        await mark(stage)
        await stage.press("l")
        (first, *_) = await stage.until(lambda: listed(stage), "the marks")
        assert "1,630" in first


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_the_list_opens_scrolls_and_closes(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await stage.press("l")
        assert stage.shows("No mark yet: m sets one.")
        await stage.press("escape")
        labels = [f"n{number}" for number in range(stage.app.size.height // 2)]
        for label in labels:
            await mark(stage, label)
        for closes in ("escape", "q", "l", "enter"):
            await stage.press("l", "G")
            assert stage.shows("Marks", labels[-1], "now"), closes
            await stage.press("g")
            assert stage.shows("TIME ", labels[0]), closes
            await stage.press(closes)
            assert not stage.shows("Esc closes"), closes


async def test_the_oldest_marks_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twtop.ui.actions.marks.MOST_MARKS", 3)
    async with monitor(lab()) as stage:
        for label in "abcde":
            await mark(stage, label)
        assert [each.label for each in stage.monitor.marks.marks] == ["c", "d", "e"]


async def test_a_label_is_short_and_harmless() -> None:
    async with monitor(lab(), size=(200, 40)) as stage:
        await stage.press("m")
        await stage.paste("\x1b[31m" + "漢" * 2 * LONGEST_LABEL)
        assert len(stage.monitor.query_one(MarkBar).value) <= LONGEST_LABEL
        await stage.press("enter")
        assert "\x1b" not in stage.text
        await stage.press("l")
        assert "\x1b" not in stage.text


async def test_a_mark_on_a_zoomed_panel() -> None:
    async with monitor(lab(), size=(80, 24)) as stage:
        await stage.press("z", "m")
        assert stage.shows("type a label or none", "Peers")
        await stage.type("warm")
        await stage.press("enter")
        assert stage.shows("mark warm 0.0 s")
        assert stage.monitor.maximized is stage.peers
