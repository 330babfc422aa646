"""One line: what this many TIME_WAIT cost here."""

from twtop.frame import Frame
from twtop.ui.lines import LinePanel, Part, Tone, fit
from twtop.verdicts import Level, Verdict

TONES = {Level.OK: Tone.OK, Level.WARN: Tone.WARN, Level.CRITICAL: Tone.CRITICAL, Level.UNKNOWN: Tone.DIM}
SIGNS = {Level.OK: "", Level.WARN: "△ ", Level.CRITICAL: "▲ ", Level.UNKNOWN: "? "}
URGENCY = [Level.UNKNOWN, Level.OK, Level.WARN, Level.CRITICAL]
TITLES = {"connect_cost": "CONNECT"}


class VerdictStrip(LinePanel):
    """The six verdicts; where room is short the calm ones go first."""

    def __init__(self) -> None:
        super().__init__(id="verdicts")
        self._verdicts: tuple[Verdict, ...] = ()

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's verdicts."""
        self._verdicts = frame.verdicts
        self.on_resize()

    def on_resize(self) -> None:
        parts = [self._part(verdict) for verdict in self._verdicts]
        self.show((fit(parts, self.size.width, (" │ ", Tone.DIM)),))

    def _part(self, verdict: Verdict) -> Part:
        title = TITLES.get(verdict.id, verdict.id.upper())
        figure = f"{SIGNS[verdict.level]}{verdict.short}"
        return Part(((f"{title} ", Tone.DIM), (figure, TONES[verdict.level])), URGENCY.index(verdict.level))
