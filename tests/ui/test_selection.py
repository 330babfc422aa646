"""The selection stays on its row while others come and go, and no more is formatted than is seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.monitor_pilot import Stage, monitor, rows, selected
from tests.support.monitor_samples import draining, lab, scene
from tests.support.sock_diag_dump import many, sock
from twtop.columns.tones import Line
from twtop.model import Timer
from twtop.sources.probe import Sample
from twtop.ui.kit.table import Table

MANY = 100_000


def pressed(*used: int) -> Sample:
    """Peers 10.0.0.1, 10.0.0.2 … that hold so many ports each; none for 0."""
    return scene(
        *(
            many("10.0.1.1", f"10.0.0.{n}:443", "TIME_WAIT", lports=range(32768, 32768 + count))
            for n, count in enumerate(used, 1)
            if count
        )
    )


def line_of(stage: Stage, text: str) -> int:
    """Where on the screen the selected row is."""
    return next(y for y, line in enumerate(stage.lines) if text in line)


async def drill(stage: Stage, sockets: str) -> None:
    await stage.press("enter")
    await stage.until_shown(f"{sockets} sockets")


async def test_on_its_peer_while_the_order_changes() -> None:
    async with monitor(pressed(300, 200, 100), pressed(100, 50, 400), pressed(0, 500, 0)) as stage:
        await stage.press("j")
        for destination in (1, 2, 0):
            assert selected(stage, stage.peers).split()[0] == "10.0.0.2"
            assert rows(stage, stage.peers)[destination].split()[0] == "10.0.0.2"
            await stage.tick()


async def test_on_the_place_of_a_peer_that_is_gone() -> None:
    async with monitor(pressed(300, 200, 100), pressed(300, 0, 100), pressed(300, 0, 0)) as stage:
        await stage.press("j")
        await stage.tick()
        assert selected(stage, stage.peers).split()[0] == "10.0.0.3"
        await stage.tick()
        assert selected(stage, stage.peers).split()[0] == "10.0.0.1"


@pytest.mark.parametrize("count", [100, MANY])
async def test_on_its_socket_while_those_above_leave(count: int) -> None:
    async with monitor(draining(0, count), draining(5, count), draining(20, count)) as stage:
        await drill(stage, f"{count:,}")
        await stage.press("G", "pageup", "pageup", "pageup", "down", "down")
        chosen = selected(stage, stage.sockets).split()[0]
        destination = line_of(stage, chosen)
        for _ in range(2):
            await stage.tick()
            assert selected(stage, stage.sockets).split()[0] == chosen
            assert line_of(stage, chosen) == destination


async def test_on_its_socket_when_fewer_are_above_than_before() -> None:
    async with monitor(draining(0), draining(10)) as stage:
        await drill(stage, "100")
        await stage.press(*["down"] * 20)
        chosen = selected(stage, stage.sockets).split()[0]
        await stage.tick()
        assert selected(stage, stage.sockets).split()[0] == chosen
        assert rows(stage, stage.sockets)[0].split()[0] == chosen


async def test_on_the_next_socket_when_its_own_leaves() -> None:
    async with monitor(draining(0), draining(5.2)) as stage:
        await drill(stage, "100")
        await stage.press("down", "down")
        await stage.tick()
        assert selected(stage, stage.sockets).split()[0] == "10.0.0.1:1036"


REST = many("10.0.0.1", "10.0.0.5:443", "TIME_WAIT", lports=range(32768, 32868), remaining=np.linspace(5, 50, 100))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"state": "TIME_WAIT", "remaining": 5.1}, {"state": "TIME_WAIT", "remaining": 60}),
        ({"state": "TIME_WAIT", "remaining": 5.1}, {"state": "ESTABLISHED"}),
        ({"state": "FIN_WAIT2", "remaining": 5.1}, {"state": "SYN_SENT"}),
        ({"state": "ESTABLISHED", "remaining": 5.1, "inode": 7}, {"state": "ESTABLISHED", "inode": 8}),
    ],
    ids=["waits again", "open again", "opens again", "another one open"],
)
async def test_on_the_place_of_a_socket_whose_tuple_was_taken_anew(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    tuples = "10.0.0.1:33000", "10.0.0.5:443"
    async with monitor(scene(sock(*tuples, **before), REST), scene(sock(*tuples, **after), REST, at=1)) as stage:
        await drill(stage, "101")
        await stage.press("down")
        assert selected(stage, stage.sockets).split()[0] == "10.0.0.1:33000"
        await stage.tick()
        assert selected(stage, stage.sockets).rstrip() == rows(stage, stage.sockets)[1]
        assert selected(stage, stage.sockets).split()[0] == "10.0.0.1:32769"


async def test_on_its_socket_from_open_to_closed() -> None:
    """Its inode is gone then, its timer is another one, and that goes on a little longer than it says."""
    tuples = "10.0.0.1:33000", "10.0.0.5:443"
    stages = (
        sock(*tuples, "ESTABLISHED", inode=7),
        sock(*tuples, "FIN_WAIT1", remaining=0.2),
        sock(*tuples, "FIN_WAIT2", timer=Timer.TIMEWAIT, remaining=59.5),
        sock(*tuples, "TIME_WAIT", remaining=60),
        sock(*tuples, "TIME_WAIT", remaining=0),
        sock(*tuples, "TIME_WAIT", remaining=0),
    )
    ticks = [scene(stage, REST, at=at) for stage, at in zip(stages, (0, 1, 2, 3, 63.0, 63.4), strict=True)]
    async with monitor(*ticks) as stage:
        await drill(stage, "101")
        await stage.press("G")
        for _ in ticks[1:]:
            assert selected(stage, stage.sockets).split()[0] == "10.0.0.1:33000"
            await stage.tick()
        assert selected(stage, stage.sockets).split()[0] == "10.0.0.1:33000"


async def test_the_top_of_another_order_for_who_looks_at_the_top() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        await stage.press("S")
        await stage.until(lambda: "60.0 s" in selected(stage, stage.sockets), "the latest to be selected")


async def test_on_its_socket_in_another_order() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        await stage.press("down")
        chosen = selected(stage, stage.sockets)
        await stage.press("S")
        await stage.until_shown("by remaining")
        assert selected(stage, stage.sockets) == chosen


async def test_another_peer_begins_at_its_top() -> None:
    async with monitor(lab()) as stage:
        await drill(stage, "830")
        await stage.press("G", "escape", "j")
        await drill(stage, "200")
        assert selected(stage, stage.sockets).rstrip() == rows(stage, stage.sockets)[0]
        assert "1.0 s" in selected(stage, stage.sockets)


class Counted:
    """A column's cell that notes which rows it is asked for."""

    def __init__(self, table: Table[Any]) -> None:
        self._cell = table.columns[0].cell
        self.calls = 0
        table.columns = (replace(table.columns[0], cell=self), *table.columns[1:])
        table.on_resize()

    def __call__(self, row: Any, width: int) -> Line:
        self.calls += 1
        return self._cell(row, width)


async def test_only_visible_rows_are_formatted() -> None:
    async with monitor(draining(0, MANY), draining(5, MANY)) as stage:
        await drill(stage, f"{MANY:,}")
        counted = Counted(stage.sockets)
        for action in ("down", "G", "pageup", "pageup", "g"):
            counted.calls = 0
            await stage.press(action)
            assert counted.calls <= stage.sockets.size.height, action
            assert counted.calls or action != "G"
        counted.calls = 0
        await stage.tick()
        assert 0 < counted.calls <= stage.sockets.size.height
