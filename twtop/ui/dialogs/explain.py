"""The dialog “What happens at N TIME_WAIT?”: claims with live numbers, fixes, and the verdicts in full."""

from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from twtop import formatting as fmt
from twtop.columns.tones import Tone
from twtop.explain.claims import Explanation, Truth
from twtop.ui.dialogs.dialog import Dialog, Page
from twtop.ui.kit.wrapping import Paragraph, Paragraphs
from twtop.verdicts.verdict import Verdict

TONES = {Truth.FALSE: Tone.CRITICAL, Truth.PARTLY: Tone.WARN, Truth.TRUE: Tone.OK}
BODY = 8
"""Cells before the text. The truth of a claim stands in them."""

BLANK: Paragraph = ((), 0)


class ExplainScreen(Dialog[None]):
    """Shows one moment, `time`, while the monitor below goes on. Esc, q, w and Enter close it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,w,enter", "dismiss", "close")]

    def __init__(self, explanation: Explanation, verdicts: tuple[Verdict, ...], time: float) -> None:
        super().__init__()
        self._time = time
        self._explanation = explanation
        self._verdicts = verdicts

    def compose(self) -> ComposeResult:
        with Page(f"{self._explanation.title} ── as of {fmt.clock(self._time)}"):
            yield Paragraphs([*_claims(self._explanation), *_fixes(self._explanation), *_told(self._verdicts)])


def _claims(explanation: Explanation) -> Iterator[Paragraph]:
    for claim in explanation.claims:
        yield ((f"{claim.truth.upper():<{BODY}}", TONES[claim.truth]), (claim.claim, Tone.STRONG)), BODY
        yield _body(claim.number, Tone.TITLE)
        yield from map(_body, claim.why)
        yield BLANK


def _fixes(explanation: Explanation) -> Iterator[Paragraph]:
    fixes = explanation.fixes
    yield (("What would help here" if fixes else "Nothing is short here", Tone.STRONG),), 0
    for order, fix in enumerate(fixes, 1):
        yield ((f"{f'{order}.':>{BODY - 1}} ", Tone.PLAIN), (fix.what, Tone.STRONG)), BODY
        yield _body(fix.effect)
    yield BLANK


def _told(verdicts: tuple[Verdict, ...]) -> Iterator[Paragraph]:
    yield (("The verdicts of the strip", Tone.STRONG),), 0
    for verdict in verdicts:
        name, level = verdict.id.upper().replace("_", " "), verdict.level.upper()
        yield ((" " * BODY, Tone.PLAIN), (f"{name}  ", Tone.STRONG), (level, Tone.PLAIN)), BODY
        yield _body(verdict.text)


def _body(text: str, tone: Tone = Tone.PLAIN) -> Paragraph:
    return ((" " * BODY, Tone.PLAIN), (text, tone)), BODY
