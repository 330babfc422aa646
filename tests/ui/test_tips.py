"""Hover tips: each place explains itself."""

import pytest
from textual.widgets._tooltip import Tooltip

from tests.support.monitor_pilot import Stage, head, monitor
from tests.support.monitor_samples import lab, scene
from tests.support.sock_diag_dump import many
from twtop.columns.peers import PEERS
from twtop.ui.app import TwtopApp
from twtop.ui.keys import MONITOR_KEYS
from twtop.ui.panels.footer import KeyFooter
from twtop.ui.panels.states import TIPS, StatesPanel
from twtop.ui.panels.verdict_strip import VerdictStrip


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwtopApp, "TOOLTIP_DELAY", 0.001)


async def until_told(stage: Stage, tip: str) -> None:
    """Wait until the tip is on the screen, in lines of any length."""
    tooltip = stage.monitor.query_one(Tooltip)

    def told() -> bool:
        region = tooltip.region
        lines = (strip.crop(region.x, region.right).text for strip in stage.strips[region.y : region.bottom])
        return tooltip.display and " ".join(" ".join(lines).split()) == " ".join(tip.split())

    await stage.until(told, f"the tip {tip!r}")


async def test_each_column_explains_itself() -> None:
    async with monitor(lab(), size=(160, 40)) as stage:
        for column in PEERS.columns():
            await stage.hover(stage.peers, column.title)
            await until_told(stage, column.help)
        assert all(column.title in head(stage, stage.peers) for column in PEERS.columns())


async def test_each_verdict_explains_itself() -> None:
    async with monitor(lab(), size=(200, 40)) as stage:
        strip = stage.monitor.query_one(VerdictStrip)
        for verdict in stage.frame.verdicts:
            await stage.hover(strip, verdict.title)
            await until_told(stage, verdict.text)


async def test_a_tip_is_of_the_text_under_the_mouse_in_brackets_too() -> None:
    worst = many("[fd00::1]", "[fd00::2]:443", "TIME_WAIT", lports=range(32768, 33000), remaining=30)
    async with monitor(scene(worst), size=(200, 40)) as stage:
        await stage.hover(stage.monitor.query_one(VerdictStrip), "PORTS")
        assert "[fd00::2]:443" in stage.frame.verdicts[0].text
        await until_told(stage, stage.frame.verdicts[0].text)


async def test_states_and_keys_explain_themselves() -> None:
    async with monitor(lab()) as stage:
        states, footer = stage.monitor.query_one(StatesPanel), stage.monitor.query_one(KeyFooter)
        for state, tip in TIPS.items():
            await stage.hover(states, state.name)
            await until_told(stage, tip)
        for key in (key for key in MONITOR_KEYS if key.label in ("filter", "quit")):
            await stage.hover(footer, key.label)
            await until_told(stage, key.help)


async def test_a_place_without_a_tip_shows_none() -> None:
    async with monitor(lab()) as stage:
        await stage.hover(stage.peers, "DIR")
        await until_told(stage, "Who opened the connections: out is this box")
        await stage.hover(stage.peers, "10.0.0.6")
        await stage.until(lambda: not stage.peers.tooltip, "no tip")
        assert not stage.monitor.query_one(Tooltip).display
