"""Every theme: what is written can be read, and the gauge's kinds stay apart, for colour-blind eyes too."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from tests.support.monitor_pilot import Stage, monitor
from tests.support.monitor_samples import lab
from twtop.columns.tones import Tone
from twtop.ui.kit.painter import TonePainter
from twtop.ui.kit.palette import TEXT, contrast

THEMES = [name for name, theme in BUILTIN_THEMES.items() if not theme.ansi]
WORDS = set(Tone) - {Tone.FREE, Tone.BLOCKED, Tone.REUSABLE, Tone.FORECAST}
"""Tones in which something is written; the others only fill cells."""

FILLS = (Tone.LIVE, Tone.TIME_WAIT, Tone.REUSABLE)
FILL = 3.0
"""The contrast that WCAG asks of what is no text."""

FAR_APART = 15
"""ΔE of CIE 1976; from about 2.3 on a difference is noticed."""

EYES = {  # linear RGB, of severity 1: Machado, Oliveira, Fernandes 2009
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = np.array([0.9505, 1.0, 1.089])


def seen(colour: Color, eyes: str) -> NDArray[np.float64]:
    """CIE L*a*b* of a colour as these eyes see it."""
    parts = np.array(colour.normalized)
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    ratio = TO_XYZ @ np.clip(np.array(EYES[eyes]) @ linear, 0, 1) / WHITE
    x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def painters(stage: Stage) -> Iterator[TonePainter]:
    yield from stage.monitor.query(TonePainter)


def colour_of(painter: TonePainter, tone: Tone) -> Color:
    style = painter.rich_style + painter.tone_style(tone)
    assert style.color is not None
    return Color.from_rich_color(style.color)


async def in_theme(stage: Stage, name: str) -> None:
    stage.app.theme = name
    await stage.at_rest()
    ground = Color.parse(BUILTIN_THEMES[name].to_color_system().generate()["background"])
    assert stage.peers.background_colors[1] == ground


async def test_every_theme_can_be_read() -> None:
    async with monitor(lab()) as stage:
        await stage.press("enter")
        for name in THEMES:
            await in_theme(stage, name)
            for painter in painters(stage):
                grounds = [painter.background_colors[1]]
                if "table--cursor" in painter.COMPONENT_CLASSES:
                    cursor = painter.component_style("table--cursor").bgcolor
                    assert cursor is not None
                    grounds.append(Color.from_rich_color(cursor))
                poor = [
                    (name, painter.id, tone.value, round(contrast(colour_of(painter, tone), ground), 2))
                    for ground in grounds
                    for tone in Tone
                    if (tone in WORDS or tone in FILLS)
                    and contrast(colour_of(painter, tone), ground) < (TEXT if tone in WORDS else FILL) - 0.05
                ]
                assert poor == []


@pytest.mark.parametrize("eyes", EYES)
async def test_the_kinds_of_a_gauge_stay_apart_on_every_theme(eyes: str) -> None:
    async with monitor(lab()) as stage:
        near = []
        for name in THEMES:
            await in_theme(stage, name)
            colours = {tone: colour_of(stage.peers, tone) for tone in FILLS}
            for one, other in combinations(FILLS, 2):
                apart = float(np.linalg.norm(seen(colours[one], eyes) - seen(colours[other], eyes)))
                if apart < FAR_APART:
                    near.append((name, one.value, other.value, round(apart, 1)))
        assert near == []


@pytest.mark.parametrize("name", [name for name, theme in BUILTIN_THEMES.items() if theme.ansi])
async def test_the_sixteen_colours_keep_the_kinds_apart(name: str) -> None:
    async with monitor(lab()) as stage:
        await in_theme(stage, name)
        colours = [stage.peers.tone_style(tone).color for tone in FILLS]
        assert len(set(colours)) == len(FILLS)
        assert stage.shows("10.0.0.5:443", "▲ PORTS 83 %")
