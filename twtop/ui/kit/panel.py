"""A panel made of lines, of which only those that changed are painted again."""

from collections.abc import Sequence

from textual.geometry import Region, Size
from textual.strip import Strip

from twtop.columns.tones import Line
from twtop.ui.kit.painter import TonePainter


class LinePanel(TonePainter):
    """Draws what `lines_for` gives for its size. A hidden panel draws nothing."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._drawn_for: Size | None = None
        self._hidden = False

    def lines_for(self, size: Size) -> Sequence[Line]:  # noqa: ARG002
        """The panel's lines, as they fit into this many cells."""
        return ()

    @property
    def lines(self) -> Sequence[Line]:
        """The lines for the panel's size now: Textual paints a resized panel before it tells it of the new size."""
        if self._drawn_for != self.size:
            self._lines, self._drawn_for = tuple(self.lines_for(self.size)), self.size
        return self._lines

    def draw(self) -> None:
        """Ask for the lines again, and repaint those that changed."""
        before, self._drawn_for = self._lines, None
        if self._hidden:
            return
        now = self.lines
        for y in range(max(len(before), len(now))):
            if before[y : y + 1] != now[y : y + 1]:
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
