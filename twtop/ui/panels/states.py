"""The eleven TCP states with count, change per second and sparkline. Enter or a click filters by a state."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Offset, Size
from textual.message import Message
from textual.strip import Strip

from twtop import formatting as fmt
from twtop.columns.tones import Line, Tone, aligned
from twtop.filter.query import kept_state
from twtop.frame.frame import Frame
from twtop.model import TcpState
from twtop.ui.keys import STATE_KEYS, bindings
from twtop.ui.kit.panel import LinePanel

NAME, COUNT, CHANGE = 11, 9, 8

TIPS = {
    TcpState.ESTABLISHED: "Open in both directions.",
    TcpState.SYN_SENT: "connect() sent its SYN and waits for the answer.",
    TcpState.SYN_RECV: "A SYN came and was answered; the client's ACK is awaited.",
    TcpState.FIN_WAIT1: "Closed here; the peer has not acknowledged that yet.",
    TcpState.FIN_WAIT2: "Closed here; the peer has not closed yet. Without an owner it ends within tcp_fin_timeout.",
    TcpState.TIME_WAIT: "Closed here first; the tuple is kept for 60 s, so that late segments meet no new connection.",
    TcpState.CLOSE: "Bound to a local port, not connected.",
    TcpState.CLOSE_WAIT: "The peer closed; the application here has not. Many for long are a leak of descriptors.",
    TcpState.LAST_ACK: "The peer closed first, then this side; its last ACK is awaited.",
    TcpState.LISTEN: "Waits for connections.",
    TcpState.CLOSING: "Both sides closed at once; the peer's ACK is awaited.",
}


class StatesPanel(LinePanel, can_focus=True):
    """All states if there is room, else TIME_WAIT and those with most sockets, and a line for the rest."""

    KEYS = STATE_KEYS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(STATE_KEYS)]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"table--cursor"}

    class Chosen(Message):
        """A state was clicked, or Enter was pressed on it."""

        def __init__(self, state: TcpState) -> None:
            super().__init__()
            self.state = state

    def __init__(self) -> None:
        super().__init__(id="states")
        self.entitle("States")
        self._frame: Frame | None = None
        self._states: list[TcpState] = []
        self._cursor = TcpState.TIME_WAIT

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's states."""
        self._frame = frame
        kept = kept_state(frame.view.query)
        since = f" ── since {datetime.fromtimestamp(frame.base.time):%H:%M:%S}" if frame.base else ""
        self.entitle((f"States ── only {kept.name}" if kept else "States") + since)
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        if (frame := self._frame) is None:
            return ()
        kept = kept_state(frame.view.query)
        states = self._states = self._listed(frame, size.height, kept)
        lines = [_line(frame, state, size.width) for state in states]
        if hidden := len(TcpState) - len(states):
            rest = sum(int(frame.states.count[state]) for state in TcpState if state not in states)
            lines.append(((f"{hidden} other states: {rest:,}", Tone.DIM),))
        if self._cursor not in states:
            self._cursor = kept if kept in states else TcpState.TIME_WAIT
        return lines

    def _listed(self, frame: Frame, height: int, kept: TcpState | None) -> list[TcpState]:
        """The states that get a line each, in their usual order.

        While a filter keeps one state alone, the lines stay as they are, so that none moves under the mouse. Else a
        state takes the line of another one only when it has more than twice as many sockets.
        """
        count, states, before = frame.states.count, list(TcpState), self._states
        room = len(states) if height >= len(states) else max(1, height - 1)
        if kept in before and len(before) == room:
            return before

        def rank(state: TcpState) -> tuple[bool, int, bool]:
            listed = state in before
            return state not in (TcpState.TIME_WAIT, kept), -int(count[state]) << listed, not listed

        ranked = sorted(states, key=rank)
        return [state for state in states if state in ranked[:room]]

    def render_line(self, y: int) -> Strip:
        """Textual's line API. The cursor is drawn only while the panel has the focus."""
        lines = self.lines
        if not self.has_focus or self._states[y : y + 1] != [self._cursor]:
            return super().render_line(y)
        return self.paint(lines[y], self.size.width, self.rich_style + self.component_style("table--cursor"))

    def tip_at(self, at: Offset) -> str:
        return TIPS[self._states[at.y]] if at.y < len(self._states) else ""

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and at.y < len(self._states):
            self._move_to(at.y)
            self.action_choose()

    def action_move(self, lines: int) -> None:
        if self._states:
            self._move_to(self._states.index(self._cursor) + lines)

    def action_choose(self) -> None:
        if self._states:
            self.post_message(self.Chosen(self._cursor))

    def _move_to(self, line: int) -> None:
        self._cursor = self._states[max(0, min(line, len(self._states) - 1))]
        self.refresh()


def _line(frame: Frame, state: TcpState, width: int) -> Line:
    rows = frame.states
    count = int(rows.count[state])
    tone = Tone.TIME_WAIT if state is TcpState.TIME_WAIT else Tone.PLAIN if count else Tone.DIM
    spark_tone = tone if state is TcpState.TIME_WAIT else Tone.FREE
    base = frame.base
    change = fmt.signed(float(rows.change_per_s[state] if base is None else count - base.count[state]))
    spark = max(0, width - NAME - COUNT - CHANGE - 3)
    return (
        *aligned(((state.name, tone),), NAME),
        *aligned(((f"{count:,}", tone),), COUNT + 1, right=True),
        *aligned(((change, Tone.KEY if base else Tone.DIM),), CHANGE + 1, right=True),
        (" " + fmt.sparkline(rows.series[:, state].tolist(), spark) if spark else "", spark_tone),
    )
