"""The dialog “What happens at N TIME_WAIT?”: claims with live numbers, fixes, and the verdicts in full."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from twtop import formatting as fmt
from twtop.columns.tones import SIGNS, Tone
from twtop.explain.claims import Truth
from twtop.explain.explanation import Explanation, help_heading
from twtop.ui.dialogs.dialog import Dialog, Page
from twtop.ui.kit.wrapping import Paragraph, Paragraphs
from twtop.verdicts.verdict import Level, Verdict

TONES = {Truth.FALSE: Tone.OK, Truth.PARTLY: Tone.WARN, Truth.TRUE: Tone.STRONG}
"""A fear that is false is good news."""

LEVELS = {Level.WARN: Tone.WARN, Level.CRITICAL: Tone.CRITICAL}

BODY = 8
"""Cells before the text. The truth of a claim stands in them."""

NUMBER = 3
"""Cells before the text of a fix. Its number stands in them, which is the key that copies its lines."""

BAR = "▌ "
"""Marks a line to paste."""

BLANK: Paragraph = ((), 0)


class ExplainScreen(Dialog[None]):
    """Shows one moment, `time`, while the monitor below goes on. Esc, q, w and Enter close it; 1 to 9 copy a fix."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,w,enter", "dismiss", "close"),
        *(Binding(str(number), f"copy({number})", show=False) for number in range(1, 10)),
    ]

    def __init__(self, explanation: Explanation, verdicts: tuple[Verdict, ...], time: float) -> None:
        super().__init__()
        self._time = time
        self._explanation = explanation
        self._verdicts = verdicts

    def compose(self) -> ComposeResult:
        told = self._explanation
        parts = [_help(told), _claims(told)]
        if not told.pressing:
            parts.reverse()
        calm = tuple(verdict for verdict in self._verdicts if verdict not in told.pressing)
        with Page(f"{told.title} ── as of {fmt.clock(self._time)}") as page:
            if told.fixes:
                last = len(told.fixes)
                copying = f"1–{last} copy the lines of a fix" if last > 1 else "1 copies its lines"
                page.border_subtitle = f"{copying} · {page.border_subtitle}"
            yield Paragraphs([*(paragraph for part in parts for paragraph in part), *_told(calm)])

    def action_copy(self, number: int) -> None:
        """Copy the lines of a fix to the clipboard, as they stand."""
        if number <= len(fixes := self._explanation.fixes):
            lines = fixes[number - 1].lines
            self.app.copy_to_clipboard("\n".join(lines))
            self.notify(f"{'Line' if len(lines) == 1 else 'Lines'} of fix {number} copied to the clipboard", timeout=2)


def _help(explanation: Explanation) -> Iterator[Paragraph]:
    for verdict in explanation.pressing:
        yield ((f"{SIGNS[verdict.level]} {verdict.title}  ", LEVELS[verdict.level]), (verdict.text, Tone.PLAIN)), NUMBER
        yield BLANK
    if heading := help_heading(explanation):
        yield ((heading, Tone.STRONG),), 0
    for order, fix in enumerate(explanation.fixes, 1):
        yield ((f"{f'{order}.':<{NUMBER}}", Tone.KEY), (fix.what, Tone.STRONG)), NUMBER
        yield _body(f"{fix.effect}.", NUMBER)
        for line in fix.lines:
            yield ((" " * NUMBER + BAR, Tone.DIM), (line, Tone.TITLE)), NUMBER + len(BAR)
        yield BLANK
    if explanation.note:
        yield ((explanation.note, Tone.DIM),), 0
    yield BLANK


def _claims(explanation: Explanation) -> Iterator[Paragraph]:
    for claim in explanation.claims:
        yield ((f"{claim.truth.upper():<{BODY}}", TONES[claim.truth]), (claim.claim, Tone.STRONG)), BODY
        yield _body(claim.number, BODY, Tone.TITLE)
        yield from (_body(line, BODY) for line in claim.why)
        yield BLANK


def _told(verdicts: tuple[Verdict, ...]) -> Iterator[Paragraph]:
    yield (("The verdicts of the strip", Tone.STRONG),), 0
    for verdict in verdicts:
        yield ((" " * BODY, Tone.PLAIN), (f"{verdict.title}  ", Tone.STRONG), (verdict.level.upper(), Tone.PLAIN)), BODY
        yield _body(verdict.text, BODY)


def _body(text: str, indent: int, tone: Tone = Tone.PLAIN) -> Paragraph:
    return ((" " * indent, Tone.PLAIN), (text, tone)), indent
