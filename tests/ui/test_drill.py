"""The drill-down: a peer's single sockets, beside the peers."""

import re
from dataclasses import replace

import pytest

from tests.support.monitor_pilot import Stage, head, monitor, rows, selected
from tests.support.monitor_samples import CONNECTIONS, draining, lab, owners, scene
from tests.support.sock_diag_dump import sock
from twtop.frame.view import Key
from twtop.model import Direction
from twtop.ui.panels.peers import NO_MATCH_DRILLED
from twtop.ui.panels.sockets import NO_MATCH, whose

IPV4 = 0xFFFF << 32
DESTINATION = Key(Direction.OUTBOUND, IPV4 | 0x0A000001, IPV4 | 0x0A000005, port=443)


async def drill(stage: Stage, sockets: str) -> None:
    """Open the selected peer, which has this many."""
    await stage.press("enter")
    await stage.until_shown(f"{sockets} sockets")


def remaining(stage: Stage) -> list[float]:
    """The seconds in the column, from the top."""
    return [float(found[1]) for row in rows(stage, stage.sockets) if (found := re.search(r" ([\d.]+) s ", row))]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 20), (200, 50)], ids=str)
async def test_opens_beside_the_peers(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        await drill(stage, "830")
        assert stage.shows("Peers", "10.0.0.6", "10.0.0.5 ── 830 sockets")
        assert {"10.0.0.5:443"} == {row.split()[1] for row in rows(stage, stage.sockets)}


async def test_sockets_that_were_read_earlier_say_so() -> None:
    """Their times stay those at which they were read, and the selection stays on its socket."""
    async with monitor(lab(), replace(lab(14.5), dump=None)) as stage:
        await drill(stage, "830")
        await stage.press("j")
        before, chosen = rows(stage, stage.sockets), selected(stage, stage.sockets)
        await stage.tick()
        await stage.until_shown("10.0.0.5 ── 830 sockets, 14.5 s old")
        assert (rows(stage, stage.sockets), selected(stage, stage.sockets)) == (before, chosen)


@pytest.mark.parametrize("key", ["enter", "escape"])
async def test_closes_again(key: str) -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        await stage.press(key)
        assert not stage.shows("830 sockets")
        await stage.press("j")
        assert selected(stage, stage.peers).split()[0] == "10.0.0.6"


async def test_one_step_back_at_a_time() -> None:
    async with monitor(lab()) as stage:
        await stage.press("slash")
        await stage.paste("443")
        await stage.press("enter")
        await stage.until_shown("filter: ")
        await drill(stage, "830")
        await stage.press("escape")
        assert not stage.shows("830 sockets")
        assert stage.shows("filter: ")
        await stage.press("escape")
        await stage.until_shown("10.0.0.9")
        assert not stage.shows("filter: ")


async def test_the_soonest_to_leave_first() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        shown = remaining(stage)
        assert shown[0] == 30.0
        assert shown == sorted(shown)
        assert "REMAINING↓" in head(stage, stage.sockets)


async def test_reversed_the_latest_first() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        await stage.press("S")
        await stage.until(lambda: remaining(stage)[0] == 60.0, "the longest on top")
        assert remaining(stage) == sorted(remaining(stage), reverse=True)
        assert "REMAINING↑" in head(stage, stage.sockets)


async def test_remaining_counts_down() -> None:
    async with monitor(draining(at=0), draining(at=0.2)) as stage:
        await drill(stage, "100")
        before = remaining(stage)
        await stage.tick()
        assert [round(a - b, 1) for a, b in zip(before, remaining(stage), strict=True)] == [0.2] * len(before)


async def until_sorted_by(stage: Stage, title: str) -> None:
    await stage.until(lambda: title in head(stage, stage.sockets), f"the sockets sorted by {title}")


async def test_a_click_on_a_head_sorts_and_one_more_reverses() -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        await drill(stage, "830")
        for title in ("LOCAL", "REMOTE", "STATE", "AGE", "PROCESS", "REMAINING"):
            await stage.click(stage.sockets, title)
            await until_sorted_by(stage, f"{title}↓")
            await stage.click(stage.sockets, title)
            await until_sorted_by(stage, f"{title}↑")


async def orders(size: tuple[int, int], presses: int) -> list[str]:
    """The columns that the sockets are sorted by after each press of `s`."""
    seen = []
    async with monitor(lab(), size=size) as stage:
        await drill(stage, "830")
        for _ in range(presses):
            was = head(stage, stage.sockets)
            await stage.press("s")
            await stage.until(lambda was=was: head(stage, stage.sockets) != was, "another order")  # type: ignore[misc]
            seen += re.findall(r"([A-Z]+)↓", head(stage, stage.sockets))
    return seen


async def test_s_goes_through_all_orders() -> None:
    assert await orders((160, 40), 6) == ["AGE", "PROCESS", "LOCAL", "REMOTE", "STATE", "REMAINING"]


async def test_s_leaves_out_columns_that_are_out_of_sight() -> None:
    assert await orders((60, 20), 3) == ["LOCAL", "REMOTE", "REMAINING"]


async def test_local_order_is_by_number() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        await stage.click(stage.sockets, "LOCAL")
        await stage.until(lambda: "10.0.0.1:32768" in rows(stage, stage.sockets)[0], "the lowest port on top")


async def test_tab_goes_between_the_panels() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        first = selected(stage, stage.sockets)
        await stage.press("shift+tab", "down")
        assert selected(stage, stage.peers).split()[0] == "10.0.0.6"
        assert selected(stage, stage.sockets) == first
        await stage.press("enter")
        await stage.until_shown("10.0.0.6 ── 200 sockets")


async def test_a_double_click_opens_a_peer() -> None:
    async with monitor(lab()) as stage:
        await stage.click(stage.peers, "10.0.0.6", times=2)
        await stage.until_shown("10.0.0.6 ── 200 sockets")


async def test_owners_where_they_are_known() -> None:
    async with monitor(lab(), owners=owners(["postgres"] * 7)) as stage:
        await stage.press("j", "j")
        await drill(stage, "7")
        await stage.tick()
        await stage.until_shown("postgres 10")


async def test_none_left() -> None:
    async with monitor(lab(), scene(*CONNECTIONS[-3:])) as stage:
        await drill(stage, "830")
        await stage.tick()
        assert stage.shows("10.0.0.5 ── 0 sockets", "none left")


async def test_none_that_matches() -> None:
    async with monitor(lab(), scene(*CONNECTIONS[-3:])) as stage:
        await drill(stage, "830")
        await stage.press("slash")
        await stage.paste("closing")
        await stage.press("enter")
        await stage.until_shown("10.0.0.5 ── 0 sockets", NO_MATCH, NO_MATCH_DRILLED)
        await stage.press("escape", "escape")
        await stage.until(lambda: len(rows(stage, stage.peers)) == 4, "all peers")
        await stage.press("slash")
        await stage.paste("tw")
        await stage.press("enter")
        await drill(stage, "830")
        await stage.tick()
        assert stage.shows("10.0.0.5 ── 0 sockets", "none left")


async def test_the_title_says_whose_they_are_under_any_grouping() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        for grouping in ("Destinations", "Services"):
            await stage.press("b")
            await stage.until_shown(f"─ {grouping} ")
            assert stage.shows("━ Outbound peer 10.0.0.5 ── 830 sockets")
        await stage.press("escape", "j")
        await stage.press("enter")
        await stage.until_shown("━ Outbound service :8080 ── 200 sockets")


@pytest.mark.parametrize(
    ("key", "title"),
    [
        (Key(Direction.INBOUND, remote=IPV4 | 0x0A000005), "Inbound peer 10.0.0.5"),
        (Key(remote=IPV4 | 0x0A000005), "Peer 10.0.0.5"),
        (Key(Direction.OUTBOUND, remote=IPV4 | 0x0A000000, bits=120), "Outbound prefix 10.0.0.0/24"),
        (Key(process=""), "Process unknown process"),
        (Key(process="[b]\n"), "Process [b]␊"),
        (DESTINATION, "Destination 10.0.0.5:443 from 10.0.0.1"),
        (replace(DESTINATION, process="x"), "Destination 10.0.0.5:443 from 10.0.0.1 of x"),
        (replace(DESTINATION, process=""), "Destination 10.0.0.5:443 from 10.0.0.1 of unknown process"),
    ],
)
def test_whose(key: Key, title: str) -> None:
    assert whose(key) == title


async def test_one_socket_is_not_several() -> None:
    async with monitor(scene(sock("10.0.0.1:40000", "10.0.0.5:443", "TIME_WAIT"))) as stage:
        await stage.press("enter")
        await stage.until_shown("eer 10.0.0.5 ── 1 socket ── soonest first")
