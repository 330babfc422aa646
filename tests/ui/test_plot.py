"""Curves have the dots and the colours that plotext gives them."""

import re
from collections.abc import Sequence

import plotext
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import Color

from twtop.columns.tones import Tone
from twtop.ui.kit.plot import Curve, Plot, draw

START, END = -60, 60
COLOURS = {Tone.TIME_WAIT: (200, 10, 10), Tone.FORECAST: (10, 200, 10)}
LEFT = {1: "1 ", 4: "4 ", 100: "100 ", 40_000: "40,000 "}
"""Upper end of the y axis → the widest cells left of the curves."""

CODE = re.compile(r"\x1b\[([\d;]*)m")
Cell = tuple[str, tuple[int, ...]]


def by_plotext(curves: Sequence[Curve], width: int, height: int, top: int) -> list[list[Cell]]:
    """(character, colour) of each cell."""
    figure = plotext.figure
    plotext.terminal.limit(False, False)
    figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    figure.canvas("default")
    figure.axes(False)
    for axis, low, high in (("x", START, END), ("y", 0, top)):
        figure.ruler(axis).lim(low, high)
        figure.ruler(axis).ticks([], [])
    for curve in curves:
        marker = plotext.marker("braille").fill(plotext.pixel(foreground=COLOURS[curve.tone]))
        signal = figure.signal(list(curve.x), list(curve.y), marker=marker)
        signal.lines()
        signal.fillx()
        figure.draw(signal)
    rows = []
    for line in figure.build().string().splitlines():
        cells, colour = list[Cell](), tuple[int, ...]()
        for at, piece in enumerate(CODE.split(line)):
            if at % 2:
                colour = tuple(map(int, piece.split(";")[2:])) if piece.startswith("38;2;") else ()
            else:
                cells += [(character, colour if character != " " else ()) for character in piece]
        rows.append(cells)
    return rows


@st.composite
def drawn_curve(draw: st.DrawFn, top: int, tone: Tone) -> Curve:
    """Ticks are a second apart, or a hair more or less; some values are round parts of the axis."""
    first, count = draw(st.integers(START, END)), draw(st.integers(1, 121))
    apart = draw(st.sampled_from([1, 1.0003, 0.9996, 7.3]))
    x = [at for at in (first + apart * number for number in range(count)) if at <= END]
    value = st.one_of(st.sampled_from([0, top / 4, top / 2, top]), st.integers(0, top), st.floats(0, top))
    steady = st.builds(lambda one: [one] * len(x), value)
    return Curve(x, draw(st.one_of(steady, st.lists(value, min_size=len(x), max_size=len(x)))), tone)


@settings(max_examples=60)
@given(data=st.data(), top=st.sampled_from([*LEFT]), width=st.integers(8, 90), height=st.integers(3, 24))
def test_curves_are_drawn_as_plotext_draws_them(data: st.DataObject, top: int, width: int, height: int) -> None:
    curves = [data.draw(drawn_curve(top, tone)) for tone in COLOURS]
    peak = Curve([START], [top], Tone.TIME_WAIT)
    left = len(LEFT[top])
    colours = {tone: Color.from_rgb(*rgb) for tone, rgb in COLOURS.items()}
    plot = Plot((peak, *curves), START, END, ())
    lines = [
        [(each, tone) for text, tone in line for each in text] for line in draw(plot, left + width, height, colours)
    ]
    found = [[(each, COLOURS.get(tone, ())) for each, tone in line[left:]] for line in lines]
    assert found == by_plotext((peak, *curves), width, height, top)
