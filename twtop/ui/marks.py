"""Marks that a user sets while a load runs: when, what for, and how things stood."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np

from twtop import text
from twtop.frame import Frame
from twtop.model import TcpState
from twtop.scarcest import scarcest
from twtop.ui.columns import Column
from twtop.ui.lines import Line, Tone

MOST = 100
LONGEST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Mark:
    """`mono` and `time` are the frame's clocks; the figures are of the namespace, whatever is filtered.

    `ports` is the budget nearest to its end, "" where no port is held.
    """

    mono: float
    time: float
    label: str
    time_wait: int
    established: int
    entered_per_s: float | None
    left_per_s: float | None
    ports: str


def mark_of(frame: Frame, label: str = "") -> Mark:
    """How things stand in this frame."""
    total, sockets, groups = frame.total, frame.snapshot.sockets, frame.groups
    worst = scarcest(groups.places, groups.budgets, frame.bind_first, groups.addresses)
    return Mark(
        mono=frame.snapshot.mono,
        time=frame.snapshot.time,
        label=label,
        time_wait=total.count,
        established=int(np.count_nonzero(sockets.state == TcpState.ESTABLISHED)),
        entered_per_s=total.entered_per_s,
        left_per_s=total.left_per_s,
        ports=f"{text.percent(worst.pressure):>5} {worst.name}" if worst else "",
    )


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A mark, the one before it, and how long before now it was set; None is now itself, which stands last."""

    mark: Mark
    before: Mark | None
    ago_s: float | None


class MarkRows:
    """The marks in their order, and now behind them."""

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


def clock(mark: Mark) -> str:
    return text.clock(mark.time)


def _time(row: MarkRow, _width: int) -> Line:
    return ((clock(row.mark), Tone.PLAIN),)


def _ago(row: MarkRow, _width: int) -> Line:
    return ((text.seconds(row.ago_s) if row.ago_s is not None else "", Tone.PLAIN),)


def _label(row: MarkRow, _width: int) -> Line:
    return (("now", Tone.OK),) if row.ago_s is None else ((text.printable(row.mark.label), Tone.TITLE),)


def _time_wait(row: MarkRow, _width: int) -> Line:
    return ((text.count(row.mark.time_wait), Tone.TIME_WAIT),)


def _change(row: MarkRow, _width: int) -> Line:
    return ((text.signed(row.mark.time_wait - row.before.time_wait) if row.before else "", Tone.PLAIN),)


def _in(row: MarkRow, _width: int) -> Line:
    return ((text.rate(row.mark.entered_per_s), Tone.PLAIN),)


def _out(row: MarkRow, _width: int) -> Line:
    return ((text.rate(row.mark.left_per_s), Tone.PLAIN),)


def _established(row: MarkRow, _width: int) -> Line:
    return ((text.count(row.mark.established), Tone.LIVE),)


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
