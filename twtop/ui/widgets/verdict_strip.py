"""One line: what this many TIME_WAIT cost here."""

from textual.geometry import Offset

from twtop.frame import Frame
from twtop.ui.lines import LinePanel, Part, Tone, fit, part_at
from twtop.verdicts import Level, Verdict

TONES = {Level.OK: Tone.OK, Level.WARN: Tone.WARN, Level.CRITICAL: Tone.CRITICAL, Level.UNKNOWN: Tone.DIM}
SIGNS = {Level.OK: "", Level.WARN: "△ ", Level.CRITICAL: "▲ ", Level.UNKNOWN: "? "}
URGENCY = [Level.UNKNOWN, Level.OK, Level.WARN, Level.CRITICAL]
TITLES = {"connect_cost": "CONNECT"}
GAP = (" │ ", Tone.DIM)


class VerdictStrip(LinePanel):
    """The six verdicts; where room is short the calm ones go first."""

    def __init__(self) -> None:
        super().__init__(id="verdicts")
        self._parts: list[Part] = []

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's verdicts."""
        self._parts = [_part(verdict) for verdict in frame.verdicts]
        self.on_resize()

    def on_resize(self) -> None:
        self.show((fit(self._parts, self.size.width, GAP),))

    def tip_at(self, at: Offset) -> str:
        found = part_at(at.x, self._parts, self.size.width, GAP)
        return found.tip if found else ""


def _part(verdict: Verdict) -> Part:
    title = TITLES.get(verdict.id, verdict.id.upper())
    figure = f"{SIGNS[verdict.level]}{verdict.short}"
    line = ((f"{title} ", Tone.DIM), (figure, TONES[verdict.level]))
    return Part(line, URGENCY.index(verdict.level), verdict.text)
