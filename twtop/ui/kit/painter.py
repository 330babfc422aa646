"""What every widget of twtop's own shares: it turns lines of toned text into terminal cells."""

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.style import Style as Look

from twtop.columns.tones import Line, Tone, merged
from twtop.sanitize import cells, harmless
from twtop.ui.keys import Key
from twtop.ui.kit.tips import Tips

TITLE_EDGES = 4
"""Cells of the upper edge that a title leaves free: a line and a blank on each side."""

TONE_CLASSES = {f"tone--{tone}" for tone in Tone}


class TonePainter(Tips):
    """A widget that paints lines. The style sheet gives the app the colours of the tones, once for all painters."""

    KEYS: ClassVar[tuple[Key, ...]] = ()
    """The keys that it answers while it has the focus."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entitled = ""
        self._component_cache: dict[str, Style] = {}

    def entitle(self, *titles: str, alarm: str = "") -> None:
        """Write a title on the upper edge. A new title repaints the whole widget; it may hold outside names.

        Several titles say the same in fewer and fewer words: the first one that fits is taken. An alarm stands behind
        it, in the tone of what is critical.
        """
        room = self.outer_size.width - TITLE_EDGES
        end = f" ── {alarm}" if alarm else ""
        title = next((title for title in titles if cells(title + end) <= room), titles[-1])
        if title + end != self._entitled:
            self._entitled = title + end
            written = Content(f" {harmless(title + end)} ")
            if alarm:
                look = Look.from_styles(self.app.get_component_styles(f"tone--{Tone.CRITICAL}"))
                written = written.stylize(look, len(written) - len(alarm) - 1, -1)
            self.border_title = written

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
        self._entitled = ""  # an alarm has the colour of a tone
