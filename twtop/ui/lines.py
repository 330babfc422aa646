"""Text in tones: what every panel is made of, and how it becomes terminal cells."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip

from twtop.text import harmless
from twtop.ui.keys import Key
from twtop.ui.tips import Tips


class Tone(enum.StrEnum):
    """What a piece of text means; twtop.tcss gives each its colour."""

    PLAIN = "plain"
    DIM = "dim"
    STRONG = "strong"
    TITLE = "title"
    TIME_WAIT = "time-wait"
    LIVE = "live"
    REUSABLE = "reusable"
    FREE = "free"
    BLOCKED = "blocked"
    OK = "ok"
    WARN = "warn"
    CRITICAL = "critical"
    ALARM = "alarm"
    FORECAST = "forecast"
    KEY = "key"


Span = tuple[str, Tone]
Line = tuple[Span, ...]

TITLE_EDGES = 4
"""Cells of the upper edge that a panel's title leaves free: a line and a blank on each side."""

TONE_CLASSES = {f"tone--{tone}" for tone in Tone}


def width_of(line: Line) -> int:
    """Cells that a line takes."""
    return sum(cell_len(text) for text, _ in line)


def aligned(line: Line, width: int, right: bool = False) -> Line:
    """The line in exactly `width` cells; what is cut off shows as …"""
    used = width_of(line)
    if used <= width:
        gap = (" " * (width - used), Tone.PLAIN)
        return (gap, *line) if right else (*line, gap)
    kept: list[Span] = []
    room = width - 1
    for text, tone in line:
        kept.append((set_cell_size(text, min(cell_len(text), room)), tone))
        room -= cell_len(kept[-1][0])
        if not room:
            break
    return (*kept, ("…", Tone.DIM))[: len(kept) + 1] if width > 0 else ()


def merged(spans: Sequence[Span]) -> Line:
    """Neighbours of one tone as one span."""
    line: list[Span] = []
    for text, tone in spans:
        if line and line[-1][1] is tone:
            line[-1] = (line[-1][0] + text, tone)
        else:
            line.append((text, tone))
    return tuple(line)


def changed_cells(before: Line, now: Line) -> tuple[int, int]:
    """(first, behind the last) of the cells in which two lines of one width differ.

    >>> plain = Tone.PLAIN
    >>> changed_cells((("ab", plain), ("1", plain), ("z", plain)), (("ab", plain), ("2", plain), ("z", plain)))
    (2, 3)
    """
    shorter = min(len(before), len(now))
    same = next((i for i in range(shorter) if before[i] != now[i]), shorter)
    tail = 0
    while tail < shorter - same and before[-1 - tail] == now[-1 - tail]:
        tail += 1
    end = max(width_of(line) for line in (before, now))
    return width_of(now[:same]), end - width_of(now[len(now) - tail :])


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a one-line panel; where room is short those of low priority go first. `tip` explains it."""

    line: Line
    priority: int = 0
    tip: str = ""


GAP = ("  ", Tone.PLAIN)


def fit(parts: Sequence[Part], width: int, gap: Span = GAP) -> Line:
    """The parts that fit into `width`, in their order.

    >>> fit([Part((("ab", Tone.PLAIN),), 1), Part((("cdef", Tone.PLAIN),), 2)], 5)
    (('cdef', <Tone.PLAIN: 'plain'>),)
    """
    kept = _kept(parts, width, gap)
    if len(kept) == 1 and width_of(kept[0].line) > width:
        return aligned(kept[0].line, width)
    line: list[Span] = []
    for part in kept:
        line += [gap, *part.line] if line else part.line
    return tuple(line)


def part_at(x: int, parts: Sequence[Part], width: int, gap: Span = GAP) -> Part | None:
    """The part that `fit` puts into cell `x`."""
    start = 0
    for part in _kept(parts, width, gap):
        end = start + width_of(part.line)
        if start <= x < end:
            return part
        start = end + cell_len(gap[0])
    return None


def _kept(parts: Sequence[Part], width: int, gap: Span) -> list[Part]:
    kept = list(parts)
    while len(kept) > 1 and sum(width_of(part.line) for part in kept) + cell_len(gap[0]) * (len(kept) - 1) > width:
        del kept[min(range(len(kept)), key=lambda i: (kept[i].priority, -i))]
    return kept


def spread(left: Line, right: Line, width: int) -> Line:
    """Both ends of a line of `width` cells."""
    gap = max(1, width - width_of(left) - width_of(right))
    return (*left, (" " * gap, Tone.PLAIN), *right)


class TonePainter(Tips):
    """A widget that paints lines. The style sheet gives the tones to the app, once for all of these."""

    KEYS: ClassVar[tuple[Key, ...]] = ()
    """What it does while it has the focus."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entitled = ""
        self._component_cache: dict[str, Style] = {}

    def entitle(self, *titles: str) -> None:
        """Name the panel on its upper edge, which paints all of it anew; the title may hold outside names.

        Of several, which say the same in fewer and fewer words, the first that fits.
        """
        room = self.outer_size.width - TITLE_EDGES
        title = next((title for title in titles if cell_len(title) <= room), titles[-1])
        if title != self._entitled:
            self._entitled = title
            self.border_title = Content(f" {harmless(title)} ")

    def paint(self, line: Line, width: int, base: Style) -> Strip:
        """One strip of exactly `width` cells, whatever the line holds."""
        segments = [Segment(harmless(text), base + self.tone_style(tone)) for text, tone in merged(line) if text]
        return Strip(segments).adjust_cell_length(width, base)

    @property
    def ground(self) -> Style:
        """The widget's own style, on which its lines are painted."""
        if (known := self._component_cache.get("")) is None:
            known = self._component_cache[""] = self.rich_style
        return known

    def tone_style(self, tone: Tone) -> Style:
        """The colour of a tone over this widget's background."""
        return self.component_style(f"tone--{tone}")

    def component_style(self, name: str) -> Style:
        """A component class as the style sheet has it, its transparent colours mixed with the background."""
        if (known := self._component_cache.get(name)) is not None:
            return known
        owner = self.app if name in TONE_CLASSES else self
        styles, ground = owner.get_component_styles(name), self.background_colors[1]
        colour = background = None
        if styles.has_rule("background"):
            ground += styles.background
            background = ground.rich_color
        if styles.has_rule("color"):
            wanted = ground.get_contrast_text(styles.color.a) if styles.auto_color else styles.color
            colour = (ground + wanted).rich_color
        style = self._component_cache[name] = Style(color=colour, bgcolor=background) + styles.text_style
        return style

    def notify_style_update(self) -> None:
        """Textual calls this when the theme or the focus changes."""
        super().notify_style_update()
        self._component_cache.clear()


class LinePanel(TonePainter):
    """Draws `lines_for` its size; only lines that changed are painted again, and what is hidden draws nothing."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._drawn_for: Size | None = None
        self._hidden = False

    def lines_for(self, size: Size) -> Sequence[Line]:  # noqa: ARG002
        """What the panel has to say in so many cells."""
        return ()

    @property
    def lines(self) -> Sequence[Line]:
        """As they suit the panel now: one that has just got another size is painted before it hears of it."""
        if self._drawn_for != self.size:
            self._lines, self._drawn_for = tuple(self.lines_for(self.size)), self.size
        return self._lines

    def draw(self) -> None:
        """There may be something else to say."""
        before, self._drawn_for = self._lines, None
        if self._hidden:
            return
        for y in range(max(len(before), len(self.lines))):
            if before[y : y + 1] != self.lines[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        self.draw()

    def on_hide(self) -> None:
        self._hidden = True

    def on_show(self) -> None:
        self._hidden = False
        self.draw()

    def render_line(self, y: int) -> Strip:
        """Textual's line API."""
        line = self.lines[y] if y < len(self.lines) else ()
        return self.paint(line, self.size.width, self.ground)
