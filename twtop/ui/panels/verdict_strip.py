"""The verdicts in one line: what this many TIME_WAIT cost here."""

from collections.abc import Sequence
from functools import partial

from textual.geometry import Offset, Size

from twtop.columns.tones import SIGNS, Line, Tone, width_of
from twtop.frame.frame import Frame
from twtop.ui.kit.lines import GAP, Part, fit, part_at
from twtop.ui.kit.panel import LinePanel
from twtop.verdicts.verdict import Level, Verdict

TONES = {Level.OK: Tone.OK, Level.WARN: Tone.WARN, Level.CRITICAL: Tone.CRITICAL, Level.UNKNOWN: Tone.DIM}
URGENCY = [Level.UNKNOWN, Level.OK, Level.WARN, Level.CRITICAL]


class VerdictStrip(LinePanel):
    """Where room is short, verdicts that are OK lose their figures, then their names; then all lose their figures."""

    def __init__(self) -> None:
        super().__init__(id="verdicts")
        self._verdicts: tuple[Verdict, ...] = ()
        self._parts: list[Part] = []

    def show_frame(self, frame: Frame) -> None:
        """Draw this frame's verdicts."""
        self._verdicts = frame.verdicts
        self.draw()

    def lines_for(self, size: Size) -> Sequence[Line]:
        shapes = (_in_full, _by_name, _by_number, partial(_by_number, more=""), _by_sign)
        forms = [shape(self._verdicts) for shape in shapes]
        self._parts = next((parts for parts in forms if _width(parts) <= size.width), forms[-1])
        return (fit(self._parts, size.width),)

    def tip_at(self, at: Offset) -> str:
        found = part_at(at.x, self._parts, self.size.width)
        return found.tip if found else ""


def _width(parts: list[Part]) -> int:
    return sum(width_of(part.line) + len(GAP[0]) for part in parts) - len(GAP[0])


def _in_full(verdicts: tuple[Verdict, ...]) -> list[Part]:
    return [_part(verdict, verdict.room) for verdict in verdicts]


def _by_name(verdicts: tuple[Verdict, ...]) -> list[Part]:
    return [Part(_name(verdict), tip=verdict.text) if _is_calm(verdict) else _part(verdict) for verdict in verdicts]


def _by_number(verdicts: tuple[Verdict, ...], more: str = " more") -> list[Part]:
    calm = [verdict for verdict in verdicts if _is_calm(verdict)]
    told = "\n".join(verdict.text for verdict in calm)
    rest = Part(((f"{SIGNS[Level.OK]} ", Tone.OK), (f"{len(calm)}{more}", Tone.DIM)), URGENCY.index(Level.OK), told)
    return [*(_part(verdict) for verdict in verdicts if not _is_calm(verdict)), *([rest] if calm else [])]


def _by_sign(verdicts: tuple[Verdict, ...]) -> list[Part]:
    return [Part(_name(verdict), URGENCY.index(verdict.level), verdict.text) for verdict in verdicts]


def _is_calm(verdict: Verdict) -> bool:
    return verdict.level is Level.OK


def _part(verdict: Verdict, room: int = 0) -> Part:
    tone = Tone.PLAIN if _is_calm(verdict) else TONES[verdict.level]
    figure = ((f" {verdict.short}", tone), (" " * (room - len(verdict.short)), Tone.PLAIN))
    return Part((*_name(verdict), *figure), URGENCY.index(verdict.level), verdict.text)


def _name(verdict: Verdict) -> Line:
    return ((f"{SIGNS[verdict.level]} ", TONES[verdict.level]), (verdict.title, Tone.DIM))
