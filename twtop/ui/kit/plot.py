"""Curves → lines of text, by plotext, which is not imported before `load`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.color import Color

from twtop import formatting as fmt
from twtop.columns.tones import Line, Tone, merged
from twtop.sanitize import cells
from twtop.ui.kit.overlay import over, uprights

Y_TICKS = 4
LEAST_WITH_TICKS = 8
"""Lines from which the y axis has more labels than 0 and its upper end."""

LEAST_BAND, LEAST_WITH_BAND = 3, 6
"""Lines that a band has at least, its axis included, and the whole plot with one."""

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
class Band:
    """Curves of another scale below those of a plot, over the same x axis.

    The label stands right of x = 0, where nothing is drawn, or at the left end where it has no room there.
    """

    curves: tuple[Curve, ...]
    label: str
    tone: Tone


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
    band: Band | None = None


def load() -> None:
    """Import plotext. This takes 0.2 s: do it after the first frame, and not in the thread that draws."""
    import plotext  # noqa: F401


def draw(plot: Plot, width: int, height: int, colours: Mapping[Tone, Color | None]) -> tuple[Line, ...]:
    """The plot in `width` × `height` cells. Tones that have the same colour become one of these tones.

    A band takes two fifths of the height, at least two lines and the axis. Where that is too much it is left out.
    """
    band = plot.band if height >= LEAST_WITH_BAND else None
    below = max(LEAST_BAND, height * 2 // 5) if band else 0
    top, top_below = _top(plot.curves, plot.across), _top(band.curves if band else ())
    labels, labels_below = _y_labels(top, height - below), _y_labels(top_below, below)
    widest = max(len(label) for label in (*labels.values(), *(labels_below.values() if band else ()))) + 1
    tones = {_code(_rgb(colour)): tone for tone, colour in reversed(list(colours.items()))}

    def drawn(part: Plot, labels: Mapping[float, str], rows: int) -> list[Line]:
        figure = _figure(
            part, {at: label.rjust(widest - 1) + " " for at, label in labels.items()}, width, rows, colours
        )
        return [_line(text, tones) for text in figure.splitlines()[:rows]]

    def cell(at: float) -> int:
        return widest + round((at - plot.start) * (width - widest - 1) / (plot.end - plot.start))

    if band:
        lines = drawn(replace(plot, x_ticks=()), labels, height - below)
        under = drawn(replace(plot, curves=band.curves, across=()), labels_below, below)
        beside = cell(0) + 2
        at = beside if beside + cells(band.label) <= width else widest
        lines += [over(under[0], at, band.label, band.tone), *under[1:]]
    else:
        lines = drawn(plot, labels, height)
    marks = [(cell(at), label) for at, label in sorted(plot.marks)]
    return uprights(lines, marks, range(widest, width), [cell(at) for at, _ in plot.down])


def _top(curves: Sequence[Curve], across: Sequence[tuple[float, Tone]] = ()) -> float:
    """The upper end of the y axis."""
    return _round_up(max([1.0, *(value for curve in curves for value in curve.y), *(value for value, _ in across)]))


def _y_labels(top: float, rows: int) -> dict[float, str]:
    """The ticks of the y axis with their labels: whole numbers."""
    ticks = [top * i / Y_TICKS for i in range(Y_TICKS + 1)] if rows >= LEAST_WITH_TICKS else [0.0, top]
    return {tick: fmt.count(tick) for tick in ticks if tick.is_integer()}


def _figure(
    plot: Plot, y_labels: Mapping[float, str], width: int, height: int, colours: Mapping[Tone, Color | None]
) -> str:
    """The curves and lines of a plot as plotext draws them, without its marks and its band."""
    import plotext

    figure = plotext.figure
    plotext.terminal.limit(False, False)
    figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    figure.canvas("default")
    figure.axes(False)
    y, x = figure.ruler("y"), figure.ruler("x")
    y.lim(0, max(y_labels))
    y.ticks([*y_labels], [*y_labels.values()])
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
    return str(figure.build().string())


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
