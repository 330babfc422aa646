"""The dialog that lists the marks, with now as the last row."""

from collections.abc import Hashable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical

from twtop import formatting as fmt
from twtop.columns.column import Column
from twtop.columns.tones import Line, Tone
from twtop.records import dataclass
from twtop.sanitize import printable
from twtop.ui.dialogs.dialog import Dialog
from twtop.ui.kit.table import Table
from twtop.ui.mark import LONGEST_LABEL, Mark


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A mark, the mark before it if there is one, and how many seconds ago it was set: None in the row of now."""

    mark: Mark
    before: Mark | None
    ago_s: float | None


class MarkRows:
    """The marks, oldest first, and the row of now; no rows at all without marks."""

    def __init__(self, marks: tuple[Mark, ...], now: Mark) -> None:
        self._marks = (*marks, now)

    def __len__(self) -> int:
        return len(self._marks) if len(self._marks) > 1 else 0

    def row(self, index: int) -> MarkRow:
        mark, now = self._marks[index], self._marks[-1]
        return MarkRow(mark, self._marks[index - 1] if index else None, None if mark is now else now.mono - mark.mono)

    def key(self, index: int) -> Hashable:
        return index

    def find(self, key: Hashable) -> int | None:
        return key if isinstance(key, int) and key < len(self) else None


def _time(row: MarkRow, _width: int) -> Line:
    return ((row.mark.clock, Tone.PLAIN),)


def _ago(row: MarkRow, _width: int) -> Line:
    return ((fmt.seconds(row.ago_s) if row.ago_s is not None else "", Tone.PLAIN),)


def _label(row: MarkRow, _width: int) -> Line:
    return (("now", Tone.OK),) if row.ago_s is None else ((printable(row.mark.label), Tone.TITLE),)


def _time_wait(row: MarkRow, _width: int) -> Line:
    return ((fmt.count(row.mark.time_wait), Tone.TIME_WAIT),)


def _change(row: MarkRow, _width: int) -> Line:
    return ((fmt.signed(row.mark.time_wait - row.before.time_wait) if row.before else "", Tone.PLAIN),)


def _in(row: MarkRow, _width: int) -> Line:
    return ((fmt.rate(row.mark.entered_per_s), Tone.PLAIN),)


def _out(row: MarkRow, _width: int) -> Line:
    return ((fmt.rate(row.mark.left_per_s), Tone.PLAIN),)


def _established(row: MarkRow, _width: int) -> Line:
    return ((fmt.count(row.mark.established), Tone.LIVE),)


def _ports(row: MarkRow, _width: int) -> Line:
    return ((row.mark.ports, Tone.PLAIN),)


MARK_COLUMNS = (
    Column[MarkRow]("time", "TIME", 8, _time, "When the mark was set", right=False, priority=10),
    Column[MarkRow]("ago", "AGO", 10, _ago, "How long before now", priority=6),
    Column[MarkRow]("label", "LABEL", 12, _label, "What it was set for", most=LONGEST_LABEL, right=False, priority=8),
    Column[MarkRow]("time_wait", "TIME_WAIT", 10, _time_wait, "Sockets in TIME_WAIT then", priority=9),
    Column[MarkRow]("change", "CHANGE", 9, _change, "TIME_WAIT more than at the mark before", priority=5),
    Column[MarkRow]("in", "IN/s", 6, _in, "Entries into TIME_WAIT per second then", priority=4),
    Column[MarkRow]("out", "OUT/s", 6, _out, "Releases per second then", priority=3),
    Column[MarkRow]("established", "ESTABLISHED", 11, _established, "Open connections then", priority=2),
    Column[MarkRow]("ports", "PORTS", 22, _ports, "The budget nearest to its end then", right=False, priority=7,
        most=40),
)  # fmt: skip


class MarksTable(Table[MarkRow]):
    """Shows these rows and takes the focus when it is mounted, which it is not while all screens close."""

    def __init__(self, rows: MarkRows) -> None:
        super().__init__(MARK_COLUMNS, "No mark yet: m sets one.", id="marks")
        self._marks = rows

    def on_mount(self) -> None:
        self.show(self._marks)
        self.focus()


class MarksScreen(Dialog[None]):
    """Every mark with its key figures. Esc, q, l and Enter close it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,l,enter", "dismiss", "close")]

    def __init__(self, rows: MarkRows) -> None:
        super().__init__()
        self._rows = rows

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal") as panel:
            panel.border_title = "Marks"
            panel.border_subtitle = "Esc closes"
            yield MarksTable(self._rows)
