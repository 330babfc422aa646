"""Marks on a screen: the prompt for a label, the list, and where the last one is shown."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen

from twtop.frame import Frame
from twtop.ui.dialog import Dialog
from twtop.ui.marks import MARK_COLUMNS, MOST, Mark, MarkRow, MarkRows, mark_of
from twtop.ui.widgets.header import Header
from twtop.ui.widgets.mark_bar import MarkBar
from twtop.ui.widgets.table import Table
from twtop.ui.widgets.timeline import Timeline


class MarksScreen(Dialog[None]):
    """Every mark with its key figures. Closes with Esc, q, l or Enter."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,l,enter", "dismiss", "close")]

    def __init__(self, rows: MarkRows) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal") as panel:
            panel.border_title = "Marks"
            panel.border_subtitle = "Esc closes"
            yield Table[MarkRow](MARK_COLUMNS, "No mark yet: m sets one.", id="marks")

    def on_mount(self) -> None:
        table = self.query_one(Table)
        table.show(self._rows)
        table.focus()


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
