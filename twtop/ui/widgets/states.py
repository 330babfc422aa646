"""The eleven TCP states: count, change per second, sparkline."""

from twtop import text
from twtop.frame import Frame
from twtop.model import TcpState
from twtop.ui.lines import Line, LinePanel, Tone, aligned

NAME, COUNT, CHANGE = 11, 9, 8


class StatesPanel(LinePanel):
    """All states where there is room; else those that occur, TIME_WAIT always."""

    def __init__(self) -> None:
        super().__init__(id="states")
        self.border_title = "States"
        self._frame: Frame | None = None

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's states."""
        self._frame = frame
        self.on_resize()

    def on_resize(self) -> None:
        if self._frame is None:
            return
        count = self._frame.states.count
        states = list(TcpState)
        hidden = 0
        if self.size.height < len(states):
            room = max(1, self.size.height - 1)
            ranked = sorted(states, key=lambda state: (state is not TcpState.TIME_WAIT, -int(count[state])))
            states = [state for state in states if state in ranked[:room]]
            hidden = len(TcpState) - len(states)
        lines = [self._line(state) for state in states]
        if hidden:
            rest = sum(int(count[state]) for state in TcpState if state not in states)
            lines.append(((f"{hidden} other states: {rest:,}", Tone.DIM),))
        self.show(lines)

    def _line(self, state: TcpState) -> Line:
        assert self._frame is not None
        rows = self._frame.states
        count = int(rows.count[state])
        tone = Tone.TIME_WAIT if state is TcpState.TIME_WAIT else Tone.PLAIN if count else Tone.DIM
        change = text.signed(float(rows.change_per_s[state]))
        spark = max(0, self.size.width - NAME - COUNT - CHANGE - 3)
        return (
            *aligned(((state.name, tone),), NAME),
            *aligned(((f"{count:,}", tone),), COUNT + 1, right=True),
            *aligned(((change, Tone.DIM),), CHANGE + 1, right=True),
            (" " + text.sparkline(rows.series[:, state].tolist(), spark) if spark else "", tone),
        )
