"""A panel of lines: what it says becomes terminal cells, and only what changed is painted again."""

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip

from twtop.columns.tones import Line, Tone, merged
from twtop.sanitize import cells, harmless
from twtop.ui.keys import Key
from twtop.ui.kit.tips import Tips

TITLE_EDGES = 4
"""Cells of the upper edge that a panel's title leaves free: a line and a blank on each side."""


TONE_CLASSES = {f"tone--{tone}" for tone in Tone}


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
        title = next((title for title in titles if cells(title) <= room), titles[-1])
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
