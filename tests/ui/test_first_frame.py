"""What an operator sees at once, on terminals of three sizes."""

import re
from typing import Any

import numpy as np
import pytest

from tests.support.in_namespace import wait_until
from tests.support.monitor_pilot import SIZES, Stage, head, monitor, rows
from tests.support.monitor_samples import ALL_STATES, CONNECTIONS, Script, lab, scene
from tests.support.sock_diag_dump import many
from twtop.columns.tones import width_of
from twtop.engine.engine import Engine
from twtop.engine.pipeline import Pipeline
from twtop.frame.frame import Frame
from twtop.frame.view import View
from twtop.model import TcpState
from twtop.ui.app import TwtopApp
from twtop.ui.kit.panel import LinePanel
from twtop.ui.kit.table import Table
from twtop.ui.monitor import Monitor

at_every_size = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")

COUNTS = {
    TcpState.ESTABLISHED: 7, TcpState.SYN_SENT: 11, TcpState.SYN_RECV: 5, TcpState.FIN_WAIT1: 12,
    TcpState.FIN_WAIT2: 13, TcpState.TIME_WAIT: 1630, TcpState.CLOSE: 1, TcpState.CLOSE_WAIT: 14,
    TcpState.LAST_ACK: 15, TcpState.LISTEN: 1, TcpState.CLOSING: 16,
}  # fmt: skip


def states_shown(stage: Stage) -> dict[TcpState, int]:
    """State → count, as painted."""
    found = re.findall(rf"(?m)^ ({'|'.join(state.name for state in TcpState)}) +([\d,]+) ", stage.text)
    return {TcpState[name]: int(count.replace(",", "")) for name, count in found}


@at_every_size
async def test_count_and_rates_of_time_wait_on_the_header(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        assert re.search(r"^ TIME_WAIT +1,630 +[\d.,]+/s in", stage.lines[1])


async def test_all_eleven_states_with_their_counts() -> None:
    async with monitor(scene(*ALL_STATES), size=(120, 40)) as stage:
        assert states_shown(stage) == COUNTS


async def test_states_that_occur_where_the_panel_has_no_room_for_all() -> None:
    async with monitor(scene(*CONNECTIONS), size=(80, 24)) as stage:
        assert states_shown(stage).items() >= {
            (TcpState.ESTABLISHED, 7),
            (TcpState.TIME_WAIT, 1630),
            (TcpState.LISTEN, 1),
        }


async def test_states_without_room_are_summed_up() -> None:
    async with monitor(scene(*ALL_STATES), size=(80, 24)) as stage:
        shown = states_shown(stage)
        hidden = sum(count for state, count in COUNTS.items() if state not in shown)
        assert shown.items() <= COUNTS.items()
        assert stage.shows(f"{len(COUNTS) - len(shown)} other states: {hidden}")


@at_every_size
async def test_peers_most_pressed_first(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        assert [row.split()[0] for row in rows(stage, stage.peers)] == ["10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.9"]


@at_every_size
async def test_a_gauge_with_its_percentage(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        for row, share in zip(rows(stage, stage.peers), ("▲ 83 %", "20 %", "<1 %", "<1 %"), strict=True):
            assert re.search(rf"[█▓▒░│]{{6,}}.* {share}", row)


@at_every_size
async def test_direction_of_each_peer(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        directions = [re.findall(r" (out|in) ", row) for row in rows(stage, stage.peers)]
        assert directions == [["out"], ["out"], ["out"], ["in"]]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_when_each_budget_is_full(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        column = head(stage, stage.peers).index("FULL IN")
        cells = [row[column : column + len("FULL IN")].strip() for row in rows(stage, stage.peers)]
        assert cells == ["4 s", "never", "never", "–"]


@at_every_size
async def test_the_headline_says_who_is_how_full_and_until_when(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        assert re.search(r"▲ 10\.0\.0\.5:443 .* 83 %.* full in 4 s", stage.line("full in"))
        assert re.search(r"▓{9,}│▓+░+", stage.text)
        assert stage.shows("▲ PORTS 83 %")


PACE = np.linspace(50.1, 60, 80)
BOUND = [
    many("10.0.0.2", f"10.0.0.{5 + n}:443", "TIME_WAIT", lports=range(32_769 + 2 * n, 33_569, 10), remaining=PACE)
    for n in range(5)
]
"""Four hundred of a thousand ports in ten seconds, none of them twice, in turn to five destinations."""


@at_every_size
async def test_the_headline_foretells_the_end_of_a_budget_that_destinations_share(size: tuple[int, int]) -> None:
    async with monitor(scene(*BOUND), size=size) as stage:
        assert re.search(r"▲ 10\.0\.0\.2, which binds .* 40 %.* full in 15 s", stage.line("full in"))


async def test_the_headline_says_at_which_rate_they_fill_it() -> None:
    async with monitor(scene(*BOUND)) as stage:
        assert "40/s new, 16/s sustainable" in stage.line("which binds first")


async def test_the_headline_says_no_time_while_destinations_may_share_a_budget() -> None:
    async with monitor(scene(*(block[-20:] for block in BOUND))) as stage:
        assert not re.search("never|full in", stage.line("of 1,000 ports"))


@at_every_size
async def test_nothing_is_wider_than_its_place(size: tuple[int, int]) -> None:
    async with monitor(scene(*ALL_STATES), size=size) as stage:
        await stage.press("enter")
        assert [strip.cell_length for strip in stage.strips] == [size[0]] * size[1]
        for panel in stage.monitor.query(LinePanel):
            assert [line for line in panel.lines if width_of(line) > panel.size.width > 0] == []
        for table in stage.monitor.query(Table):
            assert head(stage, table).split(" ")[0] == table.columns[0].title
            assert "↓" in head(stage, table)


@at_every_size
async def test_keys_at_the_foot(size: tuple[int, int]) -> None:
    async with monitor(lab(), size=size) as stage:
        caps = ("/  filter", "⏎  sockets", "?  help", "q  quit")
        assert [cap for cap in caps if cap not in stage.lines[-1]] == []


async def test_frames_that_come_while_the_screen_is_made_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine reads while the screen is loaded, and on a busy machine tells of frames before it is mounted."""
    built = []
    build, make = Pipeline.build, Monitor.__init__

    def counted(*given: Any) -> Frame:
        built.append(frame := build(*given))
        return frame

    def slowly(*given: Any, **named: Any) -> None:
        make(*given, **named)
        before = len(built)
        wait_until(lambda: len(built) > before + 1, what="frames between making and mounting")

    monkeypatch.setattr(Pipeline, "build", counted)
    monkeypatch.setattr(Monitor, "__init__", slowly)
    script = Script([lab()])
    engine = Engine(script, View(), interval=0.02)
    engine.start()
    app = TwtopApp(engine, View(), 0.02)
    async with app.run_test():
        screen = app.screen
        assert isinstance(screen, Monitor)
        stage = Stage(app, screen, script)
        shown = len(built)
        await stage.until(lambda: screen.frame is not None and screen.frame.tick > shown, "frames from then on")
