"""Every panel and dialog in ASCII alone: what has no likeness would be a ?, which means unknown."""

import pytest
from rich.segment import Segment
from textual.color import Color

from tests.support.monitor_pilot import SIZES, Stage, monitor
from tests.support.monitor_samples import ALL_STATES, lab, scene
from twtop.ui.kit.ascii import AsciiFilter, in_ascii

OPEN = {
    "nothing": "",
    "sockets": "enter",
    "expanded": "space",
    "sorted-and-reversed": "s S",
    "entries": "t",
    "releases": "t t",
    "paused-and-marked": "p m enter",
    "baseline": "M",
    "filter": "slash 4",
    "wrong-filter": "slash left_parenthesis",
    "help": "question_mark",
    "what-happens": "w",
    "palette": "ctrl+p",
    "zoomed": "enter tab z",
}
GROUND = Color.parse("#000")


def painted_in_ascii(stage: Stage) -> list[str]:
    """The screen as it goes to the terminal with --ascii."""
    painted = ([*AsciiFilter().apply(list(strip), GROUND)] for strip in stage.strips)
    return ["".join(segment.text for segment in line) for line in painted]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("keys", OPEN.values(), ids=OPEN)
async def test_every_glyph_has_a_likeness(keys: str, size: tuple[int, int]) -> None:
    async with monitor(scene(*ALL_STATES), scene(*ALL_STATES, at=1), size=size) as stage:
        await stage.press(*keys.split())
        lines = painted_in_ascii(stage)
        assert all(line.isascii() and len(line) == size[0] for line in lines)
        unlike = {glyph for glyph in stage.text if "?" in in_ascii(glyph) and glyph != "?"}
        assert unlike == set()


async def test_what_a_glance_needs_is_there() -> None:
    async with monitor(lab(), size=(80, 24)) as stage:
        text = "\n".join(painted_in_ascii(stage))
        for seen in ("! 10.0.0.5:443", "83 % of 1,000 ports", "full in 4 s", "! PORTS 83 %", "+ MEMORY", "= Peers ="):
            assert seen in text, text


def test_what_means_different_things_looks_different() -> None:
    glyphs = "█▓▒░×│╎─✓▲△▼"
    (drawn,) = AsciiFilter().apply([Segment(glyphs)], GROUND)
    assert len(set(drawn.text)) == len(glyphs)
