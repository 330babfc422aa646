"""Curves → lines of text. All but the dots of curves is drawn by plotext, which is not imported before `load`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from rich.color import Color

from twtop import formatting as fmt
from twtop.columns.tones import Line, Tone, merged
from twtop.records import dataclass
from twtop.sanitize import cells
from twtop.ui.kit.braille import Canvas, characters, with_dots
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
    """Points in ascending order of x, and what is below them down to zero."""

    x: Sequence[float]
    y: Sequence[float]
    tone: Tone


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


Looks = tuple[tuple[Tone, tuple[int, int, int] | None], ...]
"""The colour of each tone."""


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
    looks = tuple((tone, _rgb(colour)) for tone, colour in colours.items())
    tones = {tone: first for first, colour in reversed(looks) for tone, same in looks if same == colour}

    def drawn(part: Plot, labels: Mapping[float, str], rows: int) -> list[Line]:
        ruled = tuple((at, label.rjust(widest - 1) + " ") for at, label in labels.items())
        around = _around(replace(part, curves=(), marks=(), band=None), ruled, width, rows, looks)
        canvas = Canvas(width - widest, rows - bool(part.x_ticks), part.start, part.end, max(labels))
        return _with_curves(around, widest, canvas, [(curve, tones[curve.tone]) for curve in part.curves if curve.x])

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


@lru_cache(maxsize=8)
def _around(
    plot: Plot, y_labels: tuple[tuple[float, str], ...], width: int, height: int, looks: Looks
) -> tuple[Line, ...]:
    """What is around the curves of a plot and behind them, as plotext draws it. It stays the same for many ticks."""
    import plotext

    colours, figure = dict(looks), plotext.figure
    tones = {_code(colour): tone for tone, colour in reversed(looks)}
    plotext.terminal.limit(False, False)
    figure.clear()
    figure.plot_size(width, height)
    figure.theme("colorless")
    figure.canvas("default")
    figure.axes(False)
    y, x = figure.ruler("y"), figure.ruler("x")
    y.lim(0, max(at for at, _ in y_labels))
    y.ticks([at for at, _ in y_labels], [label for _, label in y_labels])
    x.lim(plot.start, plot.end)
    x.ticks([at for at, _ in plot.x_ticks], [label for _, label in plot.x_ticks])
    for value, tone in plot.across:
        figure.line(value, "horizontal", pixel=plotext.pixel(foreground=colours[tone]), style="dotted")
    for at, tone in plot.down:
        figure.line(at, "vertical", pixel=plotext.pixel(foreground=colours[tone]))
    return tuple(_line(text, tones) for text in figure.build().string().splitlines()[:height])


def _with_curves(around: Sequence[Line], left: int, canvas: Canvas, curves: Sequence[tuple[Curve, Tone]]) -> list[Line]:
    """The same lines with these curves on a canvas, whose first cell is `left`. A cell has the tone of the last one."""
    lines = [*around]
    if not curves:
        return lines
    dots = [canvas.dots(curve.x, curve.y) for curve, _ in curves]
    drawn, last = characters(np.logical_or.reduce(dots)), np.full((canvas.height, canvas.width), -1)
    for number, each in enumerate(dots):
        last[with_dots(each)] = number
    for y in np.flatnonzero((last >= 0).any(axis=1)).tolist():
        behind = [(character, tone) for text, tone in lines[y] for character in text]
        bounds = np.flatnonzero(np.diff(last[y], prepend=-2, append=-2)).tolist()
        spans = behind[:left]
        for start, end in pairwise(bounds):
            number = int(last[y, start])
            if number < 0:
                spans += behind[left + start : left + end]
            else:
                spans.append(("".join(drawn[y, start:end]), curves[number][1]))
        lines[y] = merged([*spans, *behind[left + canvas.width :]])
    return lines


def _line(drawn: str, tones: Mapping[str, Tone]) -> Line:
    spans, tone = [], Tone.PLAIN
    for code, text in STYLED.findall("\x1b[0m" + drawn):
        if not code.startswith("48;"):
            tone = tones.get(code, Tone.PLAIN)
        if text:
            spans.append((text, tone))
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
