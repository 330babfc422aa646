"""Curves → lines of text, by plotext, which is not imported before `load`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.color import Color

from twtop import formatting as fmt
from twtop.columns.tones import Line, Tone, merged
from twtop.ui.kit.overlay import uprights

Y_TICKS = 4
STYLED = re.compile(r"\x1b\[([\d;]*)m([^\x1b]*)")
"""(colour code, the characters that have it). Codes of backgrounds are dropped: plotext paints on white."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in ascending order of x. A filled curve is filled down to zero."""

    x: Sequence[float]
    y: Sequence[float]
    tone: Tone
    filled: bool = True


@dataclass(frozen=True, slots=True)
class Plot:
    """What to draw from `start` to `end` on the x axis.

    `across` are horizontal lines and `down` vertical lines behind the curves, both as (position, tone). `marks` are
    vertical lines over everything, as (position, label).
    """

    curves: tuple[Curve, ...]
    start: float
    end: float
    x_ticks: tuple[tuple[float, str], ...]
    across: tuple[tuple[float, Tone], ...] = ()
    down: tuple[tuple[float, Tone], ...] = ()
    marks: tuple[tuple[float, str], ...] = ()


def load() -> None:
    """Import plotext. This takes 0.2 s: do it after the first frame, and not in the thread that draws."""
    import plotext  # noqa: F401


def draw(plot: Plot, width: int, height: int, colours: Mapping[Tone, Color | None]) -> tuple[Line, ...]:
    """The plot in `width` × `height` cells. Tones that have the same colour become one of these tones."""
    import plotext

    figure = plotext.figure
    plotext.terminal.limit(False, False)
    figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    figure.canvas("default")
    figure.axes(False)
    top = max([1.0, *(value for curve in plot.curves for value in curve.y), *(value for value, _ in plot.across)])
    top = _round_up(top)
    ticks = [top * i / Y_TICKS for i in range(Y_TICKS + 1)] if height >= 8 else [0.0, top]
    labels = [fmt.count(tick) for tick in ticks]
    widest = max(map(len, labels)) + 1
    y, x = figure.ruler("y"), figure.ruler("x")
    y.lim(0, top)
    y.ticks(ticks, [label.rjust(widest - 1) + " " for label in labels])
    x.lim(plot.start, plot.end)
    x.ticks([at for at, _ in plot.x_ticks], [label for _, label in plot.x_ticks])
    for value, tone in plot.across:
        figure.line(
            value,
            "horizontal",
            pixel=plotext.pixel(foreground=_rgb(colours[tone])),
            style="dotted",
        )
    for curve in plot.curves:
        if curve.x:
            marker = plotext.marker("braille").fill(plotext.pixel(foreground=_rgb(colours[curve.tone])))
            signal = figure.signal(list(curve.x), list(curve.y), marker=marker)
            signal.lines()
            if curve.filled:
                signal.fillx()
            figure.draw(signal)
    for at, tone in plot.down:
        figure.line(at, "vertical", pixel=plotext.pixel(foreground=_rgb(colours[tone])))
    tones = {_code(_rgb(colour)): tone for tone, colour in reversed(list(colours.items()))}
    lines = [_line(drawn, tones) for drawn in figure.build().string().splitlines()[:height]]

    def cell(at: float) -> int:
        return widest + round((at - plot.start) * (width - widest - 1) / (plot.end - plot.start))

    marks = [(cell(at), label) for at, label in sorted(plot.marks)]
    return uprights(lines, marks, range(widest, width), [cell(at) for at, _ in plot.down])


def _line(drawn: str, tones: Mapping[str, Tone]) -> Line:
    spans, tone = [], Tone.PLAIN
    for code, characters in STYLED.findall("\x1b[0m" + drawn):
        if not code.startswith("48;"):
            tone = tones.get(code, Tone.PLAIN)
        if characters:
            spans.append((characters, tone))
    return merged(spans)


def _code(colour: tuple[int, int, int] | None) -> str:
    """The terminal's code for a foreground colour (ISO 8613-6)."""
    return "0" if colour is None else ";".join(map(str, (38, 2, *colour)))


def _rgb(colour: Color | None) -> tuple[int, int, int] | None:
    if colour is None:
        return None
    red, green, blue = colour.get_truecolor()
    return red, green, blue


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 and 10 × 10ⁿ, so that the axis has round figures.

    >>> _round_up(104882), _round_up(3)
    (200000.0, 4.0)
    """
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value)
