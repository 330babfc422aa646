"""Marks on a screen: the prompt for a label, the list, and where the last one is shown."""

from textual.screen import Screen

from twtop.frame.frame import Frame
from twtop.ui.dialogs.marks import MarkRows, MarksScreen
from twtop.ui.mark import MOST, Mark, mark_of
from twtop.ui.panels.header import Header
from twtop.ui.panels.mark_bar import MarkBar
from twtop.ui.panels.timeline import Timeline


class MarkingScreen(Screen[None]):
    """A screen with `frame`, a header, a timeline and a prompt; `marks` are the latest, oldest first."""

    frame: Frame | None

    def __init__(self) -> None:
        super().__init__()
        self.marks: tuple[Mark, ...] = ()

    def action_mark(self) -> None:
        """The mark is of now, however long its label takes."""
        if self.frame is not None:
            self.query_one(MarkBar).open(mark_of(self.frame))

    def on_mark_bar_marked(self, message: MarkBar.Marked) -> None:
        self.marks = (*self.marks, message.mark)[-MOST:]
        self.query_one(Timeline).show_marks(self.marks)
        self.query_one(Header).show_mark(message.mark)

    def forget_marks(self) -> None:
        """Their figures are of sockets that are not shown any more."""
        self.marks = ()
        self.query_one(Timeline).show_marks(())
        self.query_one(Header).mark = None

    def action_list_marks(self) -> None:
        if self.frame is not None:
            self.app.push_screen(MarksScreen(MarkRows(self.marks, mark_of(self.frame))))
