"""Marks: asked for at a prompt, listed in a dialog, shown by the header and the timeline."""

from collections.abc import Callable

from textual.screen import Screen

from twtop.frame.frame import Frame
from twtop.ui.dialogs.marks import MarkRows, MarksScreen
from twtop.ui.mark import Mark, mark_of
from twtop.ui.panels.header import Header
from twtop.ui.panels.mark_bar import MarkBar
from twtop.ui.panels.timeline import Timeline

MOST_MARKS = 100


class Marks:
    """The latest marks of this run, oldest first."""

    def __init__(
        self,
        screen: Screen[None],
        frame: Callable[[], Frame | None],
        bar: MarkBar,
        header: Header,
        timeline: Timeline,
    ) -> None:
        self.marks: tuple[Mark, ...] = ()
        self._screen = screen
        self._frame = frame
        self._bar = bar
        self._header = header
        self._timeline = timeline

    def ask(self) -> None:
        """Ask for a label. The mark is of now, however long its label takes."""
        if (frame := self._frame()) is not None:
            self._bar.open(mark_of(frame))

    def add(self, mark: Mark) -> None:
        """Set a mark; the header counts from it."""
        self._show((*self.marks, mark)[-MOST_MARKS:])

    def forget(self) -> None:
        """Forget all marks: their figures are of sockets that are not shown any more."""
        self._show(())

    def _show(self, marks: tuple[Mark, ...]) -> None:
        self.marks = marks
        self._timeline.show_marks(marks)
        self._header.show_mark(marks[-1] if marks else None)

    def list_all(self) -> None:
        """Open the dialog that lists them."""
        if (frame := self._frame()) is not None:
            self._screen.app.push_screen(MarksScreen(MarkRows(self.marks, mark_of(frame))))
