"""The peers: moving, sorting, grouping, expanding, copying."""

import re
import shlex

import pytest

from tests.support.monitor_pilot import Stage, head, monitor, rows, selected
from tests.support.monitor_samples import CONNECTIONS, LISTENER, lab, owners, scene
from tests.support.sock_diag_dump import many
from twtop.filter.parser import parse
from twtop.frame.view import GroupBy, GroupSort, View
from twtop.sources.probe import Sample
from twtop.ui.panels.peers import NO_CONNECTIONS, NO_MATCH
from twtop.ui.panels.timeline import Timeline

SECOND_PORT = many("10.0.0.1", "10.0.0.5:8443", "TIME_WAIT", lports=range(32768, 32778))
FIFTY = scene(*(many("10.0.0.1", f"10.0.1.{n}:443", "TIME_WAIT", lports=range(32768, 32868 - n)) for n in range(50)))


def names(stage: Stage) -> list[str]:
    """The first column of each row."""
    return [row.split()[0] for row in rows(stage, stage.peers)]


async def test_keys_move_the_selection() -> None:
    async with monitor(FIFTY) as stage:
        for key, expected in (
            ("up", 0), ("j", 1), ("down", 2), ("k", 1), ("up", 0),
            ("G", 49), ("j", 49), ("g", 0), ("end", 49), ("home", 0),
        ):  # fmt: skip
            await stage.press(key)
            assert selected(stage, stage.peers).split()[0] == f"10.0.1.{expected}", key


async def test_a_page_is_what_is_visible() -> None:
    async with monitor(FIFTY) as stage:
        last_visible = names(stage)[-1]
        await stage.press("pagedown")
        assert last_visible in names(stage)
        assert selected(stage, stage.peers).split()[0] in (last_visible, names(stage)[-1])
        await stage.press("pageup")
        assert selected(stage, stage.peers).split()[0] == "10.0.1.0"


async def test_a_click_selects() -> None:
    async with monitor(lab()) as stage:
        await stage.click(stage.peers, "10.0.0.7")
        assert selected(stage, stage.peers).split()[0] == "10.0.0.7"


async def test_the_wheel_scrolls_for_good() -> None:
    async with monitor(FIFTY) as stage:
        for _ in range(10):
            await stage.wheel_down(stage.peers)
        scrolled = names(stage)
        assert scrolled[0] != "10.0.1.0"
        await stage.tick()
        assert names(stage) == scrolled


async def test_the_wheel_scrolls_what_is_under_it_alone() -> None:
    async with monitor(FIFTY) as stage:
        await stage.press("enter")
        await stage.until_shown("10.0.1.0 ── ", "+60 s")  # with the axis of the timeline
        sockets, before = rows(stage, stage.sockets), stage.lines
        await stage.wheel_down(stage.monitor.query_one(Timeline))
        assert stage.lines == before
        await stage.wheel_down(stage.sockets)
        await stage.until(lambda: rows(stage, stage.sockets) != sockets, "other sockets")
        assert names(stage)[0] == "10.0.1.0"
        await stage.wheel_up(stage.sockets)
        await stage.until(lambda: rows(stage, stage.sockets) == sockets, "the first sockets")


async def test_s_sorts_by_the_next_column() -> None:
    async with monitor(lab(), size=(140, 40)) as stage:
        seen = []
        for _ in range(9):
            await stage.press("s")
            seen += re.findall(r"([^ ]+)↓", head(stage, stage.peers))
        assert seen == ["NEW/s", "MAX/s", "IN", "s", "PEER", "DIR", "TIME_WAIT", "OTHER", "destination)"]


async def test_s_leaves_out_columns_that_are_out_of_sight() -> None:
    async with monitor(lab(), size=(80, 24)) as stage:
        seen = []
        for _ in range(6):
            await stage.press("s")
            seen += re.findall(r"([^ ]+)↓", head(stage, stage.peers))
        assert seen == ["IN", "PEER", "DI", "TIME_WAIT", "destination)", "IN"]


async def test_an_order_out_of_sight_is_named_in_the_title() -> None:
    view = View(group_sort=GroupSort.NEW, query=parse("tw"))
    async with monitor(lab(), size=(80, 24), view=view) as stage:
        assert stage.shows("━ Peers ── by NEW/s↓ ── filter: state time-wait")
        await stage.press("S")
        assert stage.shows("━ Peers ── by NEW/s↑ ── filter: state time-wait")
        await stage.resize(160, 50)
        await stage.until_shown("━ Peers ── filter: state time-wait", "NEW/s↑")
        await stage.resize(80, 24)
        await stage.until_shown("by NEW/s↑")
        await stage.press("s")
        assert stage.shows("━ Peers ── filter: state time-wait", "FULL IN↓")


BY_COLUMN = {
    "PEER": ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9"],
    "TIME_WAIT": ["10.0.0.5", "10.0.0.9", "10.0.0.6", "10.0.0.7"],
    "OTHER": ["10.0.0.7", "10.0.0.5", "10.0.0.9", "10.0.0.6"],
    "NEW/s": ["10.0.0.5", "10.0.0.9", "10.0.0.6", "10.0.0.7"],
}


async def test_a_click_on_a_head_sorts_and_one_more_reverses() -> None:
    async with monitor(lab()) as stage:
        for title, expected in BY_COLUMN.items():
            await stage.click(stage.peers, title)
            assert f"{title}↓" in head(stage, stage.peers)
            assert names(stage) == expected
            await stage.click(stage.peers, title)
            assert f"{title}↑" in head(stage, stage.peers)
            assert names(stage) == expected[::-1]


async def test_capital_s_reverses() -> None:
    async with monitor(lab()) as stage:
        before = names(stage)
        await stage.press("S")
        assert names(stage) == before[::-1]
        assert "destination)↑" in head(stage, stage.peers)
        await stage.press("S")
        assert names(stage) == before


async def test_sorted_as_asked_for_at_the_start() -> None:
    async with monitor(lab(), view=View(group_sort=GroupSort.TIME_WAIT)) as stage:
        assert names(stage) == BY_COLUMN["TIME_WAIT"]


GROUPINGS = {
    GroupBy.DESTINATION: ("Destinations", "10.0.0.5:443"),
    GroupBy.SERVICE: ("Services", ":443"),
    GroupBy.PROCESS: ("Process", "postgres"),
    GroupBy.PREFIX: ("Prefix", "10.0.0.0/24"),
    GroupBy.PEER: ("Peers", "10.0.0.5"),
}


async def test_b_goes_through_the_groupings() -> None:
    async with monitor(lab(), owners=owners(["postgres"] * 7)) as stage:
        await stage.tick()
        for title, name in GROUPINGS.values():
            await stage.press("b")
            await stage.until(lambda title=title: stage.shows(f"━ {title}"), f"the title {title}")  # type: ignore[misc]
            assert name in names(stage)


async def test_space_shows_the_destinations_and_hides_them() -> None:
    async with monitor(scene(*CONNECTIONS, SECOND_PORT)) as stage:
        assert names(stage)[0] == "▸10.0.0.5"
        await stage.press("space")
        assert [row.split("   ")[0] for row in rows(stage, stage.peers)[:1]] == ["▾10.0.0.5"]
        assert [row.strip()[:12] for row in rows(stage, stage.peers)[1:3]] == ["10.0.0.5:443", "10.0.0.5:844"]
        await stage.press("space")
        assert names(stage) == ["▸10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9"]


async def test_a_destination_opens_its_own_sockets() -> None:
    async with monitor(scene(*CONNECTIONS, SECOND_PORT)) as stage:
        await stage.press("space", "down", "down", "enter")
        await stage.until_shown("10.0.0.5:8443 from 10.0.0.1 ── 10 sockets")


async def test_expanded_over_ticks() -> None:
    async with monitor(scene(*CONNECTIONS, SECOND_PORT)) as stage:
        await stage.press("space", "down")
        was = selected(stage, stage.peers)
        await stage.tick()
        assert "▾10.0.0.5" in names(stage)
        assert selected(stage, stage.peers) == was


async def test_y_copies_the_selected_peer() -> None:
    async with monitor(lab()) as stage:
        await stage.press("j", "y")
        assert stage.app.clipboard == (
            "time=2025-10-09T08:53:20.000Z peer=10.0.0.6 direction=outbound sockets=200 time_wait=200 entered_per_s=0.0"
            " local=10.0.0.1 remote=10.0.0.6 port=8080 used=200 capacity=1000 reusable=0 pressure=0.2 new_per_s=0.0"
            " max_per_s=15.6 full_in_s=null failed_per_s=null failed_60s=null left_at_least=800 left_at_most=800"
        )
        assert stage.shows("copied")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=str)
async def test_y_copies_the_same_at_any_size(size: tuple[int, int]) -> None:
    async with monitor(scene(*CONNECTIONS, SECOND_PORT), size=size) as stage:
        await stage.press("space", "down", "down", "y")
        copied = dict(pair.split("=") for pair in shlex.split(stage.app.clipboard))
        assert copied["peer"] == "10.0.0.5:8443 from 10.0.0.1"
        assert [copied[name] for name in ("sockets", "time_wait", "port", "used", "capacity")] == [
            *("10", "10", "8443", "10", "1000")
        ]


async def test_y_copies_the_selected_socket() -> None:
    async with monitor(lab()) as stage:
        await stage.press("enter")
        await stage.until_shown("830 sockets")
        await stage.press("y")
        assert stage.app.clipboard == (
            "time=2025-10-09T08:53:20.000Z local=10.0.0.1 lport=33168 remote=10.0.0.5 rport=443 state=TIME_WAIT"
            " timer=timewait remaining_s=30.0 age_s=30.0 uid=null inode=null process=null pid=null inferred=false"
        )


async def test_what_is_copied_is_one_line_of_plain_text() -> None:
    async with monitor(lab(), owners=owners(['a "b"\n\x1b[2J='] * 7)) as stage:
        await stage.press("j", "j", "enter")
        await stage.until_shown("7 sockets")
        await stage.tick()
        await stage.press("y")
        assert stage.app.clipboard.isprintable()
        assert r'process="a \"b\"␊␛[2J=" pid=100' in stage.app.clipboard


async def test_where_nothing_matches_the_way_back_is_said() -> None:
    async with monitor(lab(), scene(LISTENER, at=1), lab(at=2)) as stage:
        await stage.press("slash")
        await stage.paste("closing")
        await stage.press("enter")
        await stage.until(lambda: rows(stage, stage.peers) == [NO_MATCH], "the way back")
        await stage.tick()
        assert rows(stage, stage.peers) == [NO_CONNECTIONS]
        await stage.tick()
        assert rows(stage, stage.peers) == [NO_MATCH]
        await stage.press("escape")
        await stage.until(lambda: "10.0.0.5" in names(stage), "all peers")


def used(count: int, at: float) -> Sample:
    busy = many("10.0.0.1", "10.0.0.5:443", lports=range(32768, 32768 + count))
    return scene(busy, many("10.0.0.1:80", "10.0.0.9", rports=range(1024, 1024 + 32 * count)), LISTENER, at=at)


def gauges(stage: Stage) -> list[str]:
    return [re.findall(r"[█▓▒░│╎]{5,}", row)[0] for row in rows(stage, stage.peers)]


async def test_the_gauge_holds_its_peak() -> None:
    """Of ten cells the seventh is where 700 of 1,000 ports end; the inbound gauge has its own."""
    async with monitor(used(700, 0), used(200, 1), scene(LISTENER, at=2), used(100, 3), used(900, 4)) as stage:
        width = len(gauges(stage)[0])
        assert [gauge.count("╎") for gauge in gauges(stage)] == [0, 0]
        await stage.tick()
        assert [gauge.find("╎") for gauge in gauges(stage)] == [
            round(0.7 * width) - 1,
            round(22400 / 64512 * width) - 1,
        ]
        await stage.tick()
        assert rows(stage, stage.peers) == ["no connections"]
        await stage.tick()
        assert gauges(stage)[0].find("╎") == round(0.7 * width) - 1
        await stage.tick()
        assert [gauge.count("╎") for gauge in gauges(stage)] == [0, 0]


async def test_both_ends_of_a_destination_are_shown_whole_before_less_important_columns() -> None:
    async with monitor(lab(), size=(80, 24), view=View(group_by=GroupBy.DESTINATION)) as stage:
        assert stage.shows("10.0.0.5:443 from 10.0.0.1 ")
        await stage.press("b", "b", "b", "b")
        await stage.until_shown("━ Peers")
        assert stage.shows("10.0.0.5        ")
